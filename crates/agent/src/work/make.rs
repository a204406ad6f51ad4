//! Making an empty server on a volume without data.

use std::time::Duration;

use moco_model::guard::DataState;
use moco_model::report::{Fault, FaultCode};
use moco_model::sentence::with_causes;
use moco_model::{GtidSet, Phase};

use super::process::{kill, serve};
use super::settle;
use crate::host::{As, Host};
use crate::member::Member;

/// How long a mysqld that could not be set up may take to be gone.
const KILL: Duration = Duration::from_secs(60);

/// Makes an empty server, which runs afterwards. Cut at any point, it is begun again from nothing:
/// until the end the guard file says `Initialising`.
pub(crate) async fn make<H: Host>(member: &Member<H>) -> Result<(), Fault> {
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
    settle::move_in(member).await?;
    member
        .shared
        .change(|state| state.work = Some(Phase::Initialising));
    member.host.wipe().await?;
    member.host.initialise().await?;
    serve(member, As::FreshRoot).await?;
    if let Err(error) = member.sql.prepare().await {
        kill(member, KILL).await?;
        let code = if error.is_missing_plugin() {
            FaultCode::PluginMissing
        } else {
            FaultCode::InitialiseFailed
        };
        return Err(Fault {
            code,
            sentence: with_causes(&error),
        });
    }
    member.amend(|guard| guard.data = DataState::Empty).await
}
