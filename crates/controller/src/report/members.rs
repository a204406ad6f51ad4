//! What is said about each member.

use moco_api::MemberStatus;
use moco_api::status::MemberFault;
use moco_model::guard::DataState;
use moco_model::{GtidSet, MemberId, MemberReport, Role};
use moco_planner::{Member, Observation, Seen};

/// One entry a member.
pub(super) fn members(seen: &Observation) -> Vec<MemberStatus> {
    seen.members
        .iter()
        .map(|(id, member)| status(seen, *id, member))
        .collect()
}

fn status(seen: &Observation, id: MemberId, member: &Member) -> MemberStatus {
    let report = member.report.fresh();
    let phase = match &member.report {
        Seen::Fresh(report) => report.phase.to_string(),
        Seen::Silent { because, .. } => format!("not heard: {because}"),
    };
    MemberStatus {
        ordinal: id.0,
        role: seen.register.as_ref().map(|register| {
            let role = if register.primary == id {
                Role::Primary
            } else {
                Role::Replica
            };
            role.to_string()
        }),
        phase,
        gtid: report.and_then(|report| gtid(seen, id, report)),
        counted: counted(seen, id, report),
        agent_version: report.map(|report| report.agent_version.clone()),
        fault: report
            .and_then(|report| report.fault.as_ref())
            .map(|fault| MemberFault {
                code: format!("{:?}", fault.code),
                sentence: fault.sentence.clone(),
            }),
    }
}

/// Whether a replica that is heard counts for a failover with the data that it has now.
fn counted(seen: &Observation, id: MemberId, report: Option<&MemberReport>) -> Option<bool> {
    let register = seen.register.as_ref()?;
    (report.is_some() && register.primary != id).then(|| seen.counts(id))
}

/// What a member holds, in words that do not change with every transaction: a status that did would
/// be written all the time.
fn gtid(seen: &Observation, id: MemberId, report: &MemberReport) -> Option<String> {
    let register = seen.register.as_ref()?;
    let server = report.server.as_ref()?;
    if report.guard.as_ref().map(|guard| guard.data) != Some(DataState::Holding) {
        return Some("holds no data yet".to_owned());
    }
    if register.primary == id {
        return Some("holds everything".to_owned());
    }
    let member = seen.members.get(&id)?;
    let errant = errant_set(seen, member);
    if !errant.is_empty() {
        return Some(format!(
            "holds {} transactions that the primary lacks",
            errant.count()
        ));
    }
    let lag_ms = server.replication.as_ref().map(|channel| channel.lag_ms)?;
    Some(
        match lag_ms {
            0..10_000 => "follows closely",
            10_000..60_000 => "lags more than 10 s",
            60_000..3_600_000 => "lags more than a minute",
            _ => "lags more than an hour",
        }
        .to_owned(),
    )
}

/// Ordinals of replicas with transactions that the primary lacks; none when the primary cannot be
/// asked.
pub(super) fn errant(seen: &Observation) -> Option<Vec<u32>> {
    seen.primary().and_then(|(_, primary)| primary.server())?;
    let errant = seen
        .replicas()
        .filter(|(_, member)| !errant_set(seen, member).is_empty());
    Some(errant.map(|(id, _)| id.0).collect())
}

/// What the member has and the primary lacks, without what the primary itself wrote: that may be on
/// its way to be committed.
fn errant_set(seen: &Observation, member: &Member) -> GtidSet {
    let primary = seen.primary().and_then(|(_, primary)| primary.server());
    let (Some(primary), Some(server)) = (primary, member.server()) else {
        return GtidSet::new();
    };
    server
        .executed
        .subtract(&primary.executed)
        .written_by_others(primary.server_uuid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{holding, observation, silent, with_executed};

    #[test]
    fn errant_transactions_are_counted_against_the_primary_only_while_it_answers() {
        let mut seen = observation(3);
        seen.members.insert(
            MemberId(1),
            with_executed(holding(1), "3e11fa47-71ca-11e1-9e33-c80aa9429599:1-4"),
        );
        assert_eq!(errant(&seen), Some(vec![1]));
        let said = members(&seen);
        assert_eq!(
            said[1].gtid.as_deref(),
            Some("holds 4 transactions that the primary lacks")
        );
        assert_eq!(said[0].role.as_deref(), Some("primary"));
        seen.members
            .insert(MemberId(0), silent(0, "its pod does not exist"));
        assert_eq!(errant(&seen), None);
        assert_eq!(members(&seen)[0].phase, "not heard: its pod does not exist");
    }

    #[test]
    fn a_replica_counts_only_with_the_data_that_the_register_knows() {
        let mut seen = observation(3);
        let register = seen.register.as_mut().unwrap();
        let guard = seen.members[&MemberId(1)].guard().unwrap();
        let known = guard.incarnation.clone();
        register.counted = [(MemberId(1), known), (MemberId(2), "another".to_owned())].into();
        let counted = |seen: &Observation| {
            members(seen)
                .iter()
                .map(|one| one.counted)
                .collect::<Vec<_>>()
        };
        assert_eq!(counted(&seen), [None, Some(true), Some(false)]);
        seen.members.insert(MemberId(1), silent(1, "no answer"));
        assert_eq!(counted(&seen)[1], None);
    }

    #[test]
    fn new_transactions_alone_change_nothing() {
        let quiet = observation(3);
        let mut busy = observation(3);
        for id in 0..3 {
            let member = with_executed(holding(id), "3e11fa47-71ca-11e1-9e33-c80aa9429500:1-99999");
            busy.members.insert(MemberId(id), member);
        }
        assert_eq!(members(&quiet), members(&busy));
    }
}
