//! Whether an order is carried out at all, and what the member promises by taking it.

use moco_model::command::{Answer, OnEmptyVolume, Order};
use moco_model::guard::DataState;
use moco_model::report::Fault;
use moco_model::{ClusterUid, Command, Epoch, GtidSet, Guard, MemberId, Role};

use super::refused;
use crate::host::Host;
use crate::member::Member;

/// What the member promises by taking the order.
fn promise_of(order: &Order) -> Epoch {
    order.promise.max(order.epoch)
}

/// Why an order is not carried out, before anything is done about it.
fn judge(
    cluster: &ClusterUid,
    member: MemberId,
    guard: Option<&Guard>,
    order: &Order,
) -> Result<(), Answer> {
    if order.cluster != *cluster || order.member != member {
        return Err(Answer::NotMine);
    }
    fits(order)?;
    let Some(guard) = guard else { return Ok(()) };
    if promise_of(order) < guard.promised || order.epoch < guard.epoch {
        let held = guard.promised.max(guard.epoch);
        return Err(Answer::StaleEpoch { held });
    }
    let known = guard
        .membership
        .as_ref()
        .map_or(0, |membership| membership.version);
    if order.epoch == guard.epoch && order.membership.version < known {
        return Err(refused(format!(
            "membership version {} is older than version {known}, which this member was told",
            order.membership.version
        )));
    }
    Ok(())
}

/// A command is for the primary or for a replica, and nothing is opened while the next decision is
/// being prepared.
fn fits(order: &Order) -> Result<(), Answer> {
    let role = match order.command {
        Command::Start { .. } | Command::Fence | Command::Retire => return Ok(()),
        Command::Promote { .. } | Command::Open { .. } | Command::SetAcks { .. } => Role::Primary,
        Command::Clone { .. } | Command::Follow { .. } | Command::Discard { .. } => Role::Replica,
    };
    if order.role != role {
        return Err(refused(format!(
            "the order to {} does not fit the role {} that it gives",
            order.command, order.role
        )));
    }
    let opens = matches!(
        order.command,
        Command::Promote { .. } | Command::Open { .. }
    );
    if opens && order.promise > order.epoch {
        return Err(refused(format!(
            "epoch {} is being prepared: nothing is opened in epoch {} any more",
            order.promise, order.epoch
        )));
    }
    Ok(())
}

/// [`judge`], by what the member has promised now.
pub(super) fn fenced<H: Host>(member: &Member<H>, order: &Order) -> Result<(), Answer> {
    let settings = &member.settings;
    member
        .shared
        .read(|state| judge(&settings.uid, settings.member, state.guard.as_ref(), order))
}

/// An answer, or a fault on the way to it.
enum Refusal {
    Answer(Answer),
    Fault(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Puts the order's promise, epoch, role and membership into the guard file, unless what was promised
/// meanwhile forbids it. On a volume that was never used the file is made, where that is the order's
/// affair.
pub(super) async fn promise<H: Host>(member: &Member<H>, order: &Order) -> Result<(), Answer> {
    let fault = |fault: Fault| {
        let answer = refused(fault.sentence.clone());
        member.set_fault(Some(fault));
        answer
    };
    // The volume may have become another one, or full, since it was last looked at.
    let on_disk = member.host.inspect().await.map_err(fault)?;
    let lost = on_disk.is_none();
    let drawn = member.host.draw();
    let settings = &member.settings;
    let written = member.write_guard(|guard| {
        judge(&settings.uid, settings.member, guard.as_ref(), order).map_err(Refusal::Answer)?;
        let mut guard = match guard {
            Some(_) if lost => return Err(Refusal::Answer(refused(LOST))),
            Some(guard) => guard,
            None if makes_guard(&order.command) => unused(order, drawn),
            None if matches!(order.command, Command::Start { .. }) => return Ok(None),
            None => return Err(Refusal::Answer(refused("the member has no data yet"))),
        };
        guard.promised = promise_of(order);
        guard.epoch = order.epoch;
        guard.role = Some(order.role);
        guard.membership = Some(order.membership.clone());
        Ok(Some(guard))
    });
    written.await.map_err(|refusal| match refusal {
        Refusal::Answer(answer) => answer,
        Refusal::Fault(found) => fault(found),
    })
}

const LOST: &str = "the guard file is gone from the volume while the agent ran; restart the pod so that the volume is looked at anew";

/// Whether an order makes the guard file of a volume that was never used. One that should hold data
/// and is empty is left as it is.
const fn makes_guard(command: &Command) -> bool {
    matches!(
        command,
        Command::Fence
            | Command::Start {
                on_empty_volume: OnEmptyVolume::Initialise,
                ..
            }
    )
}

/// The guard of a volume that was never used.
fn unused(order: &Order, incarnation: String) -> Guard {
    Guard {
        cluster: order.cluster.clone(),
        member: order.member,
        epoch: order.epoch,
        promised: order.promise,
        opened: None,
        role: None,
        membership: None,
        incarnation,
        data: DataState::Initialising,
        boot_id: String::new(),
        pod_uid: String::new(),
        volume_id: String::new(),
        watermark: GtidSet::new(),
        server_version: None,
    }
}
