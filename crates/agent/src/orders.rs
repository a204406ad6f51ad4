//! Orders of the controller: fenced, recorded in the guard file, then carried out.

use std::sync::Arc;
use std::time::Instant;

use moco_model::command::{Acknowledge, Answer, Order};
use moco_model::guard::DataState;
use moco_model::report::{Fault, FaultCode};
use moco_model::{ClusterUid, Command, Endpoint, Guard, MemberId, Phase};
use tokio::sync::OwnedMutexGuard;

use crate::link::Process;
use crate::member::Member;
use crate::sql::SqlError;
use crate::{volume, work};
use moco_model::sentence::with_causes;

/// Why an order is not carried out, before anything is done about it.
fn fence(
    cluster: &ClusterUid,
    member: MemberId,
    guard: Option<&Guard>,
    order: &Order,
) -> Result<(), Answer> {
    if order.cluster != *cluster || order.member != member {
        return Err(Answer::NotMine);
    }
    let Some(guard) = guard else { return Ok(()) };
    if order.epoch < guard.epoch {
        return Err(Answer::StaleEpoch { held: guard.epoch });
    }
    let known = guard
        .membership
        .as_ref()
        .map_or(0, |membership| membership.version);
    if order.epoch == guard.epoch && order.membership.version < known {
        return Err(Answer::Refused {
            because: format!(
                "membership version {} is older than version {known}, which this member was told",
                order.membership.version
            ),
        });
    }
    Ok(())
}

fn fenced(member: &Member, order: &Order) -> Result<(), Answer> {
    let options = &member.options;
    member.shared.read(|state| {
        fence(
            &options.uid(),
            options.member(),
            state.guard.as_ref(),
            order,
        )
    })
}

/// Carries out an order, or says why not. Long work goes on after the answer.
pub async fn carry(member: &Arc<Member>, order: Order) -> Answer {
    if let Err(answer) = fenced(member, &order) {
        return answer;
    }
    let Some(hands) = member.take_hands() else {
        return busy(member);
    };
    // Asked again with the hands held: what was promised meanwhile counts.
    if let Err(answer) = fenced(member, &order) {
        return answer;
    }
    if member.shared.read(|state| state.terminating) {
        return busy(member);
    }
    if let Some(left) = member
        .shared
        .read(|state| state.patience.left(Instant::now()))
    {
        return Answer::Busy {
            doing: format!("waits {} ms before it tries again", left.as_millis()),
        };
    }
    if let Err(answer) = promise(member, &order) {
        return answer;
    }
    tracing::info!(epoch = %order.epoch, command = %order.command, "order accepted");
    match order.command.clone() {
        Command::Start { on_empty_volume } => {
            if matches!(*member.link.process().borrow(), Process::Running(_)) {
                return Answer::Accepted;
            }
            let order = Arc::new(order);
            let start = {
                let member = Arc::clone(member);
                async move { work::start::start(&member, &order, on_empty_volume).await }
            };
            long(member, hands, Phase::Starting, start);
            Answer::Accepted
        }
        Command::Clone { donor } => clone(member, hands, donor),
        Command::Follow {
            source,
            acknowledge,
        } => short(member, follow(member, &source, acknowledge).await),
        Command::Open { acks } => short(member, open(member, acks).await),
        Command::SetAcks { acks } => short(member, sql(member.sql.set_acks(acks).await)),
    }
}

fn busy(member: &Member) -> Answer {
    Answer::Busy {
        doing: member.phase().to_string(),
    }
}

/// Puts the order's epoch, role and membership into the guard file, if there is one yet; `Start`
/// makes it on an unused volume.
fn promise(member: &Member, order: &Order) -> Result<(), Answer> {
    let options = &member.options;
    let inspected = volume::inspect(&options.volume, &options.uid(), options.member());
    let guard = inspected.map_err(|fault| {
        let because = fault.sentence.clone();
        member.set_fault(Some(fault));
        Answer::Refused { because }
    })?;
    let Some(guard) = guard else {
        return match order.command {
            Command::Start { .. } => Ok(()),
            _ => Err(Answer::Refused {
                because: "the member has no data yet".to_owned(),
            }),
        };
    };
    let promised = Guard {
        epoch: order.epoch,
        role: Some(order.role),
        membership: Some(order.membership.clone()),
        ..guard.clone()
    };
    if member
        .shared
        .read(|state| state.guard.as_ref() == Some(&promised))
        && promised == guard
    {
        return Ok(());
    }
    let refused = |error| Answer::Refused {
        because: with_causes(&error),
    };
    member.set_guard(promised).map_err(refused)
}

/// Runs long work in a task of its own; the hands are held until it ends.
fn long(
    member: &Arc<Member>,
    hands: OwnedMutexGuard<()>,
    phase: Phase,
    work: impl Future<Output = Result<(), Fault>> + Send + 'static,
) {
    member.shared.change(|state| state.work = Some(phase));
    let member = Arc::clone(member);
    tokio::spawn(async move {
        let outcome = work.await;
        if let Err(fault) = &outcome {
            tracing::warn!(code = ?fault.code, "{}", fault.sentence);
        }
        member.shared.change(|state| {
            state.work = None;
            match outcome {
                Ok(()) => {
                    state.fault = None;
                    state.patience.succeeded();
                }
                Err(fault) => {
                    state.fault = Some(fault);
                    state.patience.failed(Instant::now());
                }
            }
        });
        drop(hands);
    });
}

fn short(member: &Member, outcome: Result<(), Fault>) -> Answer {
    match outcome {
        Ok(()) => {
            member.set_fault(None);
            Answer::Accepted
        }
        Err(fault) => {
            tracing::warn!(code = ?fault.code, "{}", fault.sentence);
            let because = fault.sentence.clone();
            member.set_fault(Some(fault));
            Answer::Refused { because }
        }
    }
}

fn sql(outcome: Result<(), SqlError>) -> Result<(), Fault> {
    outcome.map_err(|error| Fault {
        code: FaultCode::CommandFailed,
        sentence: with_causes(&error),
    })
}

fn guard_fault(error: &crate::guard_file::GuardError) -> Fault {
    Fault {
        code: FaultCode::VolumeNotWritable,
        sentence: with_causes(error),
    }
}

fn clone(member: &Arc<Member>, hands: OwnedMutexGuard<()>, donor: Endpoint) -> Answer {
    let data = member
        .shared
        .read(|state| state.guard.as_ref().map(|guard| guard.data));
    if data != Some(DataState::Empty) {
        let because = "only an empty member is filled by a clone; this one holds data".to_owned();
        return Answer::Refused { because };
    }
    let work = {
        let member = Arc::clone(member);
        async move { work::clone::clone(&member, &donor).await }
    };
    long(member, hands, Phase::Cloning(0), work);
    Answer::Accepted
}

/// The member holds a cluster's history from its first order to follow or open on.
async fn follow(member: &Member, source: &Endpoint, acknowledge: Acknowledge) -> Result<(), Fault> {
    member
        .set_data(DataState::Holding)
        .map_err(|error| guard_fault(&error))?;
    sql(member.sql.follow(source, acknowledge).await)
}

async fn open(member: &Member, acks: u32) -> Result<(), Fault> {
    member
        .set_data(DataState::Holding)
        .map_err(|error| guard_fault(&error))?;
    sql(member.sql.open_for_writing(acks).await)
}

#[cfg(test)]
mod tests {
    use moco_model::command::OnEmptyVolume;
    use moco_model::{Epoch, Membership, Role};

    use super::*;

    fn order(epoch: u64, version: u64) -> Order {
        Order {
            cluster: ClusterUid("u".into()),
            member: MemberId(1),
            epoch: Epoch(epoch),
            role: Role::Replica,
            membership: Membership {
                version,
                ..Membership::first(3)
            },
            command: Command::Start {
                on_empty_volume: OnEmptyVolume::Refuse,
            },
        }
    }

    fn guard(epoch: u64, version: u64) -> Guard {
        let told = order(epoch, version);
        Guard {
            cluster: told.cluster,
            member: told.member,
            epoch: told.epoch,
            role: Some(told.role),
            membership: Some(told.membership),
            incarnation: String::new(),
            data: DataState::Holding,
            boot_id: String::new(),
            pod_uid: String::new(),
            server_version: None,
        }
    }

    fn asked(guard: Option<&Guard>, order: &Order) -> Result<(), Answer> {
        fence(&ClusterUid("u".into()), MemberId(1), guard, order)
    }

    #[test]
    fn an_order_of_a_lower_epoch_or_an_older_membership_is_refused() {
        assert_eq!(asked(None, &order(1, 1)), Ok(()));
        assert_eq!(asked(Some(&guard(3, 5)), &order(3, 5)), Ok(()));
        assert_eq!(asked(Some(&guard(3, 5)), &order(4, 1)), Ok(()));
        let stale = Answer::StaleEpoch { held: Epoch(3) };
        assert_eq!(asked(Some(&guard(3, 5)), &order(2, 9)), Err(stale));
        assert!(matches!(
            asked(Some(&guard(3, 5)), &order(3, 4)),
            Err(Answer::Refused { .. })
        ));
    }

    #[test]
    fn an_order_for_another_cluster_or_member_is_not_carried_out() {
        let mut other = order(1, 1);
        other.member = MemberId(2);
        assert_eq!(asked(None, &other), Err(Answer::NotMine));
        let mut other = order(1, 1);
        other.cluster = ClusterUid("v".into());
        assert_eq!(asked(None, &other), Err(Answer::NotMine));
    }
}
