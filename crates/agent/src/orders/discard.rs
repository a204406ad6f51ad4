//! Giving up data that another history has overtaken.

use std::sync::Arc;
use std::time::Duration;

use moco_model::guard::DataState;
use moco_model::report::Evidence;
use moco_model::{Epoch, GtidSet};

use super::Failed;
use crate::host::Host;
use crate::member::Member;
use crate::work::process::kill;

/// How long a killed mysqld may take to be gone.
const KILL: Duration = Duration::from_secs(8);

/// Ends mysqld, keeps what shows the `errant` transactions, and gives the data up: the guard says on
/// disk that there is nothing to keep before anything is removed, which the next start does. Killed
/// before that, the member still has all its data; asked again, it ends the same.
pub(super) async fn discard<H: Host>(
    member: &Arc<Member<H>>,
    epoch: Epoch,
    errant: GtidSet,
) -> Result<(), Failed> {
    let Some(guard) = member
        .guard()
        .filter(|guard| guard.data != DataState::Initialising)
    else {
        return Ok(());
    };
    kill(member, KILL).await?;
    let entry = Evidence {
        at: member.host.clock(),
        epoch,
        transactions: errant,
        file: None,
    };
    member.host.keep_logs(guard.incarnation, entry).await?;
    member.read_evidence().await;
    let drawn = member.host.draw();
    member.shared.note(|state| state.seen = None);
    member
        .amend(|guard| {
            guard.data = DataState::Initialising;
            guard.incarnation = drawn;
            guard.opened = None;
            guard.watermark = GtidSet::new();
        })
        .await?;
    tracing::warn!("the data of this member is given up; its newest binary logs are kept");
    Ok(())
}
