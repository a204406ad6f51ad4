//! What is found out about the data around a start of mysqld: whether this member may still hold all
//! that it ever acknowledged.

use std::sync::Arc;

use moco_model::GtidSet;
use moco_model::guard::DataState;
use moco_model::report::Fault;

use crate::host::Host;
use crate::member::Member;

/// Before mysqld is started: data on another volume, in another pod or under another kernel is
/// another incarnation of it. On disk before anybody can see the server.
pub(crate) async fn move_in<H: Host>(member: &Member<H>) -> Result<(), Fault> {
    let place = member.host.place();
    let drawn = member.host.draw();
    member
        .amend(|guard| {
            let same = guard.boot_id == place.boot_id
                && guard.pod_uid == place.pod_uid
                && guard.volume_id == place.volume_id;
            if !same {
                guard.incarnation = drawn;
            }
            guard.boot_id = place.boot_id;
            guard.pod_uid = place.pod_uid;
            guard.volume_id = place.volume_id;
        })
        .await
}

/// After mysqld was started, or found running by a new agent: whether it holds what the member was
/// known to hold. If something is missing, the data is another incarnation. Until then no report
/// tells what this mysqld says.
///
/// Does nothing for a mysqld that was looked at before, does not run or does not answer.
pub async fn settle<H: Host>(member: &Arc<Member<H>>) {
    let (settled, busy) = member
        .shared
        .read(|state| (state.settled, state.work.is_some()));
    if busy || member.pid().is_none_or(|pid| settled == Some(pid)) {
        return;
    }
    compare(member).await;
}

/// [`settle`], by the work that started mysqld.
pub(crate) async fn compare<H: Host>(member: &Arc<Member<H>>) {
    let Some(seen) = member.look().await else {
        return;
    };
    let held = seen.held();
    let backwards = member.guard().is_some_and(|guard| {
        let holds = matches!(guard.data, DataState::Holding | DataState::Empty);
        holds && !held.contains(&guard.watermark)
    });
    // Otherwise nothing is written: a server whose volume is full is known again, too.
    if backwards && let Err(fault) = begin_anew(member, held).await {
        member.set_fault(Some(fault));
        return;
    }
    member.shared.change(|state| state.settled = Some(seen.pid));
}

async fn begin_anew<H: Host>(member: &Member<H>, held: GtidSet) -> Result<(), Fault> {
    let drawn = member.host.draw();
    let amended = member.amend(|guard| {
        tracing::warn!(
            missing = %guard.watermark.subtract(&held),
            "the data went backwards: it counts only after it was seen to be complete"
        );
        guard.incarnation = drawn;
        guard.watermark = held;
    });
    amended.await
}
