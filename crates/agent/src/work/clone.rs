//! Filling an empty member with a copy of a donor's data.

use std::time::{Duration, Instant};

use moco_model::guard::DataState;
use moco_model::report::{Fault, FaultCode};
use moco_model::{Endpoint, Guard, Phase};

use super::process::{As, ended, kill, serve};
use super::start::incarnation;
use crate::member::Member;
use moco_model::sentence::with_causes;

/// After the copy mysqld ends within a second (`docs/mysql-facts.md`).
const END_DEADLINE: Duration = Duration::from_secs(120);

/// How often the progress is read.
const PROGRESS: Duration = Duration::from_millis(500);

/// Clones. See [`moco_model::Command::Clone`]. MySQL drops the member's own data first, so until the
/// end the guard file says `Cloning`, and a clone that was cut begins again from nothing.
pub async fn clone(member: &Member, donor: &Endpoint) -> Result<(), Fault> {
    let started = Instant::now();
    member.shared.change(|state| state.counters.clones += 1);
    let outcome = copy(member, donor).await;
    if outcome.is_ok() {
        let seconds = started.elapsed().as_secs_f64();
        member
            .shared
            .change(|state| state.counters.last_clone_seconds = seconds);
    } else {
        member
            .shared
            .change(|state| state.counters.clone_failures += 1);
        kill(member).await?;
    }
    outcome
}

fn fault(donor: &Endpoint, error: &dyn std::error::Error) -> Fault {
    let sentence = format!(
        "cannot clone from member {}: {}",
        donor.member,
        with_causes(error)
    );
    Fault {
        code: FaultCode::CloneFailed,
        sentence,
    }
}

async fn copy(member: &Member, donor: &Endpoint) -> Result<(), Fault> {
    member
        .set_data(DataState::Cloning)
        .map_err(|error| fault(donor, &error))?;
    watched(member, donor).await?;
    ended(member, END_DEADLINE).await?;
    serve(member, As::Administrator).await?;
    let completed = member
        .sql
        .clone_completed()
        .await
        .map_err(|error| fault(donor, &error))?;
    if let Err(reason) = completed {
        let sentence = format!(
            "the clone from member {} is not complete: {reason}",
            donor.member
        );
        return Err(Fault {
            code: FaultCode::CloneFailed,
            sentence,
        });
    }
    member
        .sql
        .settle_passwords()
        .await
        .map_err(|error| fault(donor, &error))?;
    let Some(guard) = member.shared.read(|state| state.guard.clone()) else {
        return Ok(());
    };
    let filled = Guard {
        data: DataState::Holding,
        incarnation: incarnation(),
        ..guard
    };
    member
        .set_guard(filled)
        .map_err(|error| fault(donor, &error))
}

/// Runs the statement, and shows its progress meanwhile.
async fn watched(member: &Member, donor: &Endpoint) -> Result<(), Fault> {
    let statement = member.sql.clone_from(donor);
    tokio::pin!(statement);
    let mut ticks = tokio::time::interval(PROGRESS);
    loop {
        tokio::select! {
            outcome = &mut statement => return outcome.map_err(|error| fault(donor, &error)),
            _ = ticks.tick() => {
                if let Ok(Some(percent)) = member.sql.clone_progress().await {
                    member.shared.change(|state| state.work = Some(Phase::Cloning(percent)));
                }
            }
        }
    }
}
