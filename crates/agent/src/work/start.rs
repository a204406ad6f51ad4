//! Starting a member: its mysqld runs closed afterwards. A volume without data gets an empty server.

use std::sync::Arc;

use moco_model::GtidSet;
use moco_model::Role;
use moco_model::command::{OnEmptyVolume, Order};
use moco_model::guard::DataState;
use moco_model::report::{Fault, FaultCode};

use super::process::serve;
use super::{make, settle, tail};
use crate::host::{As, Host};
use crate::member::Member;

/// Starts mysqld closed. See [`moco_model::Command::Start`].
pub(crate) async fn start<H: Host>(
    member: &Arc<Member<H>>,
    order: &Order,
    on_empty: OnEmptyVolume,
    history: Option<&GtidSet>,
) -> Result<(), Fault> {
    let version = member.host.image_version().await?;
    let guard = member.guard();
    match guard.as_ref().map(|guard| guard.data) {
        Some(DataState::Empty | DataState::Holding) => {
            if !member.host.has_data().await {
                return Err(missing(member));
            }
            let opened = guard.is_some_and(|guard| guard.opened.is_some());
            if let Some(history) = history
                && order.role == Role::Replica
                && opened
            {
                tail::cut(member, order.epoch, history).await?;
            }
            settle::move_in(member).await?;
            serve(member, As::Administrator).await?;
        }
        None | Some(DataState::Initialising | DataState::Cloning) => {
            if on_empty == OnEmptyVolume::Refuse {
                return Err(missing(member));
            }
            make::make(member).await?;
        }
    }
    let recorded = member.amend(|guard| guard.server_version = Some(version));
    recorded.await?;
    settle::compare(member).await;
    Ok(())
}

fn missing<H: Host>(member: &Member<H>) -> Fault {
    Fault {
        code: FaultCode::DataMissing,
        sentence: format!(
            "the volume at {} should hold the primary's data and is empty; bring the volume back or restore a backup",
            member.settings.volume.display()
        ),
    }
}

#[cfg(test)]
mod tests;
