//! Becoming the primary, and taking writes.

use std::sync::Arc;

use moco_model::guard::DataState;
use moco_model::{Epoch, GtidSet};

use super::{Failed, running};
use crate::commits::unsettle;
use crate::host::Host;
use crate::member::Member;

/// Makes the member the closed primary.
pub(super) async fn promote<H: Host>(
    member: &Arc<Member<H>>,
    acks: u32,
    must_hold: &GtidSet,
) -> Result<(), Failed> {
    running(member)?;
    member.sql.promote(acks, must_hold).await?;
    Ok(())
}

/// Takes writes. Before the first one can come it is on disk that this member was open: the end of its
/// binary log may hold from now on what nobody acknowledged.
pub(super) async fn open<H: Host>(
    member: &Arc<Member<H>>,
    epoch: Epoch,
    acks: u32,
) -> Result<(), Failed> {
    running(member)?;
    member
        .amend(|guard| {
            guard.data = DataState::Holding;
            guard.opened = Some(epoch);
        })
        .await?;
    unsettle(member);
    let done = member.sql.open_for_writing(acks).await;
    unsettle(member);
    Ok(done?)
}

/// Changes how many acknowledgements commits wait for.
pub(super) async fn set_acks<H: Host>(member: &Arc<Member<H>>, acks: u32) -> Result<(), Failed> {
    running(member)?;
    unsettle(member);
    let done = member.sql.set_acks(acks).await;
    unsettle(member);
    Ok(done?)
}
