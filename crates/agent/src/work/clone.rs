//! Filling an empty member with a copy of a donor's data.

use std::sync::Arc;
use std::time::Duration;

use moco_model::guard::DataState;
use moco_model::report::{Fault, FaultCode};
use moco_model::sentence::with_causes;
use moco_model::{Endpoint, GtidSet, Phase};

use super::process::{ended, kill, serve};
use super::settle;
use crate::host::{As, Host};
use crate::member::Member;

/// After the copy mysqld ends within a second (`docs/mysql-facts.md`).
const END_DEADLINE: Duration = Duration::from_secs(120);
/// How long a mysqld whose clone failed may take to be gone.
const KILL: Duration = Duration::from_secs(60);

/// How often the progress is read.
const PROGRESS: Duration = Duration::from_millis(500);

/// Clones. See [`moco_model::Command::Clone`]. MySQL drops the member's own data first, so until the
/// end the guard file says `Cloning`, and a clone that was cut begins again from nothing.
pub(crate) async fn clone<H: Host>(member: &Arc<Member<H>>, donor: &Endpoint) -> Result<(), Fault> {
    let begun = member.host.now();
    member.shared.change(|state| state.counters.clones += 1);
    let outcome = copy(member, donor).await;
    if outcome.is_ok() {
        let took = member.host.now().saturating_sub(begun);
        member
            .shared
            .change(|state| state.counters.last_clone_seconds = took.as_secs_f64());
    } else {
        member
            .shared
            .change(|state| state.counters.clone_failures += 1);
        kill(member, KILL).await?;
    }
    outcome
}

fn fault(donor: &Endpoint, error: &dyn std::error::Error) -> Fault {
    failed(donor, &with_causes(error))
}

fn failed(donor: &Endpoint, because: &str) -> Fault {
    Fault {
        code: FaultCode::CloneFailed,
        sentence: format!("cannot clone from member {}: {because}", donor.member),
    }
}

async fn copy<H: Host>(member: &Arc<Member<H>>, donor: &Endpoint) -> Result<(), Fault> {
    member
        .amend(|guard| guard.data = DataState::Cloning)
        .await?;
    watched(member, donor).await?;
    ended(member, END_DEADLINE).await?;
    serve(member, As::Administrator).await?;
    let completed = member
        .sql
        .clone_completed()
        .await
        .map_err(|error| fault(donor, &error))?;
    completed.map_err(|because| failed(donor, &because))?;
    // A replica's data brings its channel along, to which there are no relay logs.
    member
        .sql
        .drop_cloned_channel()
        .await
        .map_err(|error| fault(donor, &error))?;
    member
        .sql
        .settle_passwords()
        .await
        .map_err(|error| fault(donor, &error))?;
    let drawn = member.host.draw();
    member
        .amend(|guard| {
            guard.data = DataState::Holding;
            guard.incarnation = drawn;
            guard.watermark = GtidSet::new();
        })
        .await?;
    settle::compare(member).await;
    Ok(())
}

/// Runs the statement, and shows its progress meanwhile.
async fn watched<H: Host>(member: &Arc<Member<H>>, donor: &Endpoint) -> Result<(), Fault> {
    let statement = member.sql.clone_from(donor);
    tokio::pin!(statement);
    loop {
        tokio::select! {
            biased;
            outcome = &mut statement => return outcome.map_err(|error| fault(donor, &error)),
            () = member.host.sleep(PROGRESS) => {
                if let Ok(Some(percent)) = member.sql.clone_progress().await {
                    member.shared.change(|state| state.work = Some(Phase::Cloning(percent)));
                }
            }
        }
    }
}
