use std::fmt::Debug;

use moco_model::command::{OnEmptyVolume, Order};
use moco_model::report::{CommitFailure, CommitProbe, EVIDENCE_MAX, Evidence, FaultCode, Hearing};
use moco_model::{
    Command, Epoch, GtidSet, Guard, MemberId, MemberReport, Membership, ServerReport,
};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::beat::BeatAnswer;
use crate::notice::{Notice, NoticeAnswer};
use crate::proto;

mod samples;

/// Through the message and its bytes, as over the network.
fn sent<M, P>(value: &M) -> Result<M, ReadError>
where
    P: for<'a> From<&'a M> + Message + Default,
    M: TryFrom<P, Error = ReadError>,
{
    let bytes = P::from(value).encode_to_vec();
    assert!(bytes.len() <= crate::protocol::MESSAGE_BYTES_MAX);
    M::try_from(P::decode(bytes.as_slice()).unwrap())
}

proptest! {
    #[test]
    fn an_order_arrives_as_it_was_sent(order in samples::order()) {
        prop_assert_eq!(sent::<_, proto::OrderRequest>(&order), Ok(order));
    }

    #[test]
    fn an_answer_arrives_as_it_was_sent(answer in samples::answer()) {
        prop_assert_eq!(sent::<_, proto::OrderResponse>(&answer), Ok(answer));
    }

    #[test]
    fn a_report_arrives_as_it_was_sent(report in samples::report()) {
        prop_assert_eq!(sent::<_, proto::ReportResponse>(&report), Ok(report));
    }

    #[test]
    fn a_notice_arrives_as_it_was_sent(notice in samples::notice()) {
        prop_assert_eq!(sent::<_, proto::NotifyRequest>(&notice), Ok(notice));
    }

    #[test]
    fn an_answer_to_a_notice_arrives_as_it_was_sent(answer in samples::notice_answer()) {
        prop_assert_eq!(sent::<_, proto::NotifyResponse>(&answer), Ok(answer));
    }

    #[test]
    fn a_heartbeat_arrives_as_it_was_sent(from in samples::member(), beat in samples::beat()) {
        let bytes = write_beat(from, beat).encode_to_vec();
        let message = proto::HeartbeatRequest::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(read_beat(&message), Ok((from, beat)));
    }

    #[test]
    fn an_answer_to_a_heartbeat_arrives_as_it_was_sent(answer in samples::beat_answer()) {
        prop_assert_eq!(sent::<_, proto::HeartbeatResponse>(&answer), Ok(answer));
    }

    #[test]
    fn no_damaged_message_makes_the_reader_panic(
        report in samples::report(),
        order in samples::order(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let damaged = |mut bytes: Vec<u8>| {
            for (at, byte) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            bytes
        };
        let bytes = damaged(proto::MemberReport::from(&report).encode_to_vec());
        let _ = proto::MemberReport::decode(bytes.as_slice()).map(MemberReport::try_from);
        let bytes = damaged(proto::OrderRequest::from(&order).encode_to_vec());
        let _ = proto::OrderRequest::decode(bytes.as_slice()).map(Order::try_from);
    }
}

/// The top-level fields of a message's bytes: number, and the bytes with that field left out.
fn without_each_field(bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
    use prost::encoding::{DecodeContext, decode_key, skip_field};
    let mut spans = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let begin = bytes.len() - rest.len();
        let (number, wire_type) = decode_key(&mut rest).unwrap();
        skip_field(wire_type, number, &mut rest, DecodeContext::default()).unwrap();
        spans.push((number, begin, bytes.len() - rest.len()));
    }
    spans
        .iter()
        .map(|&(without, ..)| {
            let kept = spans.iter().filter(|(number, ..)| *number != without);
            let kept = kept.flat_map(|&(_, begin, end)| &bytes[begin..end]);
            (without, kept.copied().collect())
        })
        .collect()
}

/// Leaves out each field in turn; all but those in `optional` must be missed by name.
fn each_field_is_missed<P, T>(message: &P, optional: &[u32])
where
    P: Message + Default + Clone,
    T: TryFrom<P, Error = ReadError> + Debug,
{
    T::try_from(message.clone()).expect("the sample can be read");
    let bytes = message.encode_to_vec();
    for (number, shorter) in without_each_field(&bytes) {
        let read = T::try_from(P::decode(shorter.as_slice()).unwrap());
        match read {
            Ok(_) => assert!(optional.contains(&number), "{number} was not missed"),
            Err(error) => {
                assert!(!optional.contains(&number), "{number} was missed: {error}");
                assert_eq!(error.problem, Problem::Missing, "{error}");
                assert!(!error.field.is_empty());
            }
        }
    }
}

#[test]
fn a_missing_field_is_named_and_optional_ones_are_not_missed() {
    let report = samples::full_report();
    let guard = report.guard.clone().unwrap();
    let server = report.server.clone().unwrap();
    let replication = server.replication.clone().unwrap();
    let membership = guard.membership.clone().unwrap();
    each_field_is_missed::<_, Order>(
        &proto::OrderRequest::from(&samples::full_order()),
        // The protocol number is checked before the rest is read.
        &[1, 12],
    );
    each_field_is_missed::<_, MemberReport>(
        &proto::MemberReport::from(&report),
        &[6, 7, 8, 9, 10, 11, 12, 13],
    );
    each_field_is_missed::<proto::Hearing, Hearing>(&report.hearing.as_ref().unwrap().into(), &[3]);
    each_field_is_missed::<proto::CommitProbe, CommitProbe>(
        &report.commits.as_ref().unwrap().into(),
        // An agent that does not know whether commits are settled has seen none go through.
        &[2, 3],
    );
    each_field_is_missed::<proto::Evidence, Evidence>(
        &report.evidence.first().unwrap().into(),
        &[4],
    );
    each_field_is_missed::<_, Guard>(&proto::Guard::from(&guard), &[4, 5, 10, 11, 12, 13, 14]);
    each_field_is_missed::<_, Membership>(&proto::Membership::from(&membership), &[1, 2]);
    each_field_is_missed::<_, ServerReport>(&proto::ServerReport::from(&server), &[7, 9]);
    each_field_is_missed::<_, moco_model::report::ReplicationReport>(
        &proto::Replication::from(&replication),
        &[5, 8],
    );
    each_field_is_missed::<_, moco_model::report::SemiSyncReport>(
        &proto::SemiSync::from(&server.semi_sync),
        &[9],
    );
    each_field_is_missed::<_, moco_model::report::Fault>(
        &proto::Fault::from(report.fault.as_ref().unwrap()),
        &[],
    );
    each_field_is_missed::<_, moco_model::Endpoint>(
        &proto::Endpoint::from(&samples::full_endpoint()),
        &[],
    );
    each_field_is_missed::<_, moco_model::ServerVersion>(
        &proto::ServerVersion::from(server.version),
        &[],
    );
    each_field_is_missed::<_, BeatAnswer>(
        &proto::HeartbeatResponse::from(&samples::full_beat_answer()),
        &[1, 4],
    );
    let notice = Notice {
        cluster: moco_model::ClusterId::new("prod", "orders").unwrap(),
        sequence: 0,
        report,
    };
    each_field_is_missed::<_, Notice>(&proto::NotifyRequest::from(&notice), &[1]);
    each_field_is_missed::<_, NoticeAnswer>(
        &proto::NotifyResponse::from(&NoticeAnswer::Taken),
        &[1],
    );
}

#[test]
fn a_heartbeat_that_lacks_something_is_refused_by_name() {
    let full = write_beat(MemberId(0), samples::full_beat());
    let missed = |change: &dyn Fn(&mut proto::HeartbeatRequest)| {
        let mut message = full;
        change(&mut message);
        read_beat(&message).unwrap_err().to_string()
    };
    assert_eq!(missed(&|m| m.member = None), "field member: is missing");
    assert_eq!(missed(&|m| m.epoch = None), "field epoch: is missing");
    assert_eq!(missed(&|m| m.follows = None), "field follows: is missing");
}

#[test]
fn a_missing_field_is_named_with_the_messages_around_it() {
    let mut message = proto::ReportResponse::from(&samples::full_report());
    let guard = message.report.as_mut().unwrap().guard.as_mut().unwrap();
    guard.membership.as_mut().unwrap().version = None;
    let error = MemberReport::try_from(message).unwrap_err();
    assert_eq!(
        error.to_string(),
        "field report.guard.membership.version: is missing"
    );
}

#[test]
fn an_unknown_value_of_an_enum_is_a_named_error() {
    let unknown = |field: &str| ReadError {
        field: field.to_owned(),
        problem: Problem::UnknownValue(99),
    };
    let order = proto::OrderRequest {
        role: Some(99),
        ..proto::OrderRequest::from(&samples::full_order())
    };
    assert_eq!(Order::try_from(order), Err(unknown("role")));

    let full = proto::MemberReport::from(&samples::full_report());
    let mut report = full.clone();
    report.phase = Some(99);
    assert_eq!(MemberReport::try_from(report), Err(unknown("phase")));
    let mut report = full.clone();
    report.guard.as_mut().unwrap().data = Some(99);
    assert_eq!(MemberReport::try_from(report), Err(unknown("guard.data")));
    let mut report = full;
    let server = report.server.as_mut().unwrap();
    server.replication.as_mut().unwrap().applier = Some(99);
    assert_eq!(
        MemberReport::try_from(report),
        Err(unknown("server.replication.applier"))
    );
}

#[test]
fn an_unknown_fault_does_not_lose_the_report() {
    let mut message = proto::MemberReport::from(&samples::full_report());
    message.fault.as_mut().unwrap().code = Some(9999);
    let fault = MemberReport::try_from(message).unwrap().fault.unwrap();
    assert_eq!(fault.code, FaultCode::CommandFailed);
    assert_eq!(
        fault.sentence,
        samples::full_report().fault.unwrap().sentence
    );
}

#[test]
fn an_unknown_failure_of_a_commit_is_another_one_and_zero_is_none() {
    let mut message = proto::MemberReport::from(&samples::full_report());
    message.commits.as_mut().unwrap().error = Some(9999);
    let commits = MemberReport::try_from(message.clone()).unwrap().commits;
    assert_eq!(commits.unwrap().error, Some(CommitFailure::Other));
    message.commits.as_mut().unwrap().error = Some(0);
    let error = MemberReport::try_from(message).unwrap_err();
    assert_eq!(error.to_string(), "field commits.error: is missing");
}

#[test]
fn who_does_not_speak_of_promises_has_promised_its_epoch() {
    let mut order = samples::full_order();
    (order.epoch, order.promise) = (Epoch(7), Epoch(8));
    let mut message = proto::OrderRequest::from(&order);
    message.promise = None;
    assert_eq!(Order::try_from(message).unwrap().promise, Epoch(7));

    let mut guard = samples::full_report().guard.unwrap();
    (guard.epoch, guard.promised) = (Epoch(7), Epoch(8));
    let mut message = proto::Guard::from(&guard);
    message.promised = None;
    assert_eq!(Guard::try_from(message).unwrap().promised, Epoch(7));
}

#[test]
fn an_order_that_promises_less_than_its_epoch_is_refused() {
    let mut order = samples::full_order();
    (order.epoch, order.promise) = (Epoch(7), Epoch(6));
    let error = sent::<_, proto::OrderRequest>(&order).unwrap_err();
    assert_eq!(
        error.to_string(),
        "field promise: is 6; expected at least the epoch of the order"
    );
}

#[test]
fn what_an_older_agent_does_not_say_is_read_as_nothing() {
    let mut message = proto::MemberReport::from(&samples::full_report());
    message.leaving = None;
    message.hearing.as_mut().unwrap().refused = None;
    message.commits.as_mut().unwrap().error = None;
    message.evidence.clear();
    let guard = message.guard.as_mut().unwrap();
    (guard.opened, guard.volume_id, guard.watermark) = (None, None, None);
    let server = message.server.as_mut().unwrap();
    server.semi_sync.as_mut().unwrap().switched_off = None;
    server.replication.as_mut().unwrap().silent_ms = None;
    let report = MemberReport::try_from(message).unwrap();
    assert!(!report.leaving && !report.hearing.unwrap().refused);
    assert_eq!(report.commits.unwrap().error, None);
    assert_eq!(report.evidence, Vec::new());
    let guard = report.guard.unwrap();
    assert_eq!(guard.opened, None);
    assert_eq!(
        (guard.volume_id.as_str(), guard.watermark),
        ("", GtidSet::new())
    );
    let server = report.server.unwrap();
    assert_eq!(server.semi_sync.switched_off, 0);
    assert_eq!(server.replication.unwrap().silent_ms, 0);
}

#[test]
fn fields_of_a_newer_release_are_ignored() {
    let order = samples::full_order();
    let mut bytes = proto::OrderRequest::from(&order).encode_to_vec();
    prost::encoding::string::encode(500, &"from the future".to_owned(), &mut bytes);
    let message = proto::OrderRequest::decode(bytes.as_slice()).unwrap();
    assert_eq!(Order::try_from(message), Ok(order));
}

#[test]
fn texts_for_people_are_cut_and_the_report_still_arrives() {
    let mut report = samples::full_report();
    report.fault.as_mut().unwrap().sentence = "é".repeat(TEXT_BYTES_MAX);
    let server = report.server.as_mut().unwrap();
    server.drift = vec!["x".repeat(TEXT_BYTES_MAX + 1); DRIFT_MAX + 1];
    let arrived = sent::<_, proto::ReportResponse>(&report).unwrap();
    let sentence = arrived.fault.unwrap().sentence;
    assert!(
        sentence.len() <= TEXT_BYTES_MAX && sentence.ends_with("é…"),
        "{sentence}"
    );
    assert_eq!(arrived.server.unwrap().drift.len(), DRIFT_MAX);
}

#[test]
fn the_largest_report_fits_into_a_message() {
    let mut report = samples::full_report();
    let executed = samples::gtid_set_of_text_length(GTID_BYTES_MAX);
    let eighth = samples::evidence_of(samples::gtid_set_of_text_length(GTID_BYTES_MAX / 8));
    report.evidence = vec![eighth; EVIDENCE_MAX];
    report.guard.as_mut().unwrap().watermark = executed.clone();
    let server = report.server.as_mut().unwrap();
    server.drift = vec!["x".repeat(TEXT_BYTES_MAX); DRIFT_MAX];
    server.replication.as_mut().unwrap().received = executed.clone();
    server.purged = executed.clone();
    server.executed = executed;
    let members = (0..MEMBERS_MAX).map(|n| moco_model::MemberId(u32::try_from(n).unwrap() + 5000));
    let membership = report.guard.as_mut().unwrap().membership.as_mut().unwrap();
    membership.members = members.collect();
    membership.old = Some(membership.members.clone());
    assert_eq!(sent::<_, proto::ReportResponse>(&report), Ok(report));
}

#[test]
fn the_largest_order_fits_into_a_message() {
    let mut order = samples::full_order();
    let set = samples::gtid_set_of_text_length(GTID_BYTES_MAX);
    for command in [
        Command::Start {
            on_empty_volume: OnEmptyVolume::Refuse,
            history: Some(set.clone()),
        },
        Command::Promote {
            acks: 1,
            must_hold: set.clone(),
        },
        Command::Discard { errant: set },
    ] {
        order.command = command;
        assert_eq!(sent::<_, proto::OrderRequest>(&order), Ok(order.clone()));
    }
}

#[test]
fn the_oldest_evidence_is_left_out_when_there_is_too_much() {
    let mut report = samples::full_report();
    let numbered = |n: usize| Evidence {
        at: i64::try_from(n).unwrap(),
        ..samples::evidence_of(GtidSet::new())
    };
    report.evidence = (0..EVIDENCE_MAX + 2).map(numbered).collect();
    let arrived = sent::<_, proto::ReportResponse>(&report).unwrap();
    assert_eq!(arrived.evidence.as_slice(), &report.evidence[2..]);

    // The two newest fit together, the third does not.
    let half = samples::gtid_set_of_text_length(GTID_BYTES_MAX / 2);
    let last = report.evidence.len() - 3;
    for one in &mut report.evidence[last..] {
        one.transactions = half.clone();
    }
    let arrived = sent::<_, proto::ReportResponse>(&report).unwrap();
    assert_eq!(arrived.evidence.as_slice(), &report.evidence[last + 1..]);
}

#[test]
fn an_order_with_a_set_that_is_too_long_is_refused_by_name() {
    use proto::order_request::{Command as Sent, Discard, Promote, Start};
    let long = Some("a".repeat(GTID_BYTES_MAX + 1));
    let good = proto::OrderRequest::from(&samples::full_order());
    let refused = |command| {
        let mut message = good.clone();
        message.command = Some(command);
        let error = Order::try_from(message).unwrap_err();
        assert!(matches!(error.problem, Problem::TooLong { .. }), "{error}");
        error.field
    };
    let start = Start {
        on_empty_volume: Some(2),
        history: long.clone(),
    };
    assert_eq!(refused(Sent::Start(start)), "command.start.history");
    let promote = Promote {
        acks: Some(1),
        must_hold: long.clone(),
    };
    assert_eq!(refused(Sent::Promote(promote)), "command.promote.must_hold");
    let discard = Discard { errant: long };
    assert_eq!(refused(Sent::Discard(discard)), "command.discard.errant");
}

#[test]
fn a_command_without_its_set_is_refused_by_name() {
    use proto::order_request::{Command as Sent, Discard, Promote};
    let good = proto::OrderRequest::from(&samples::full_order());
    let missed = |command| {
        let mut message = good.clone();
        message.command = Some(command);
        Order::try_from(message).unwrap_err().to_string()
    };
    let promote = Promote {
        acks: Some(1),
        must_hold: None,
    };
    assert_eq!(
        missed(Sent::Promote(promote)),
        "field command.promote.must_hold: is missing"
    );
    let discard = Discard { errant: None };
    assert_eq!(
        missed(Sent::Discard(discard)),
        "field command.discard.errant: is missing"
    );
}

#[test]
fn what_is_out_of_bounds_is_refused_by_name() {
    let full = proto::MemberReport::from(&samples::full_report());
    let refused = |change: &dyn Fn(&mut proto::MemberReport)| {
        let mut message = full.clone();
        change(&mut message);
        MemberReport::try_from(message).unwrap_err().to_string()
    };
    let long = |length| Some("a".repeat(length));
    assert_eq!(
        refused(&|m| m.cluster_uid = long(254)),
        "field cluster_uid: has the length 254; at most 253 is allowed"
    );
    assert_eq!(
        refused(&|m| m.cluster_uid = Some(String::new())),
        "field cluster_uid: is malformed: is empty"
    );
    assert_eq!(
        refused(&|m| m.cloning_percent = Some(101)),
        "field cloning_percent: is 101; expected 0 to 100"
    );
    assert_eq!(
        refused(&|m| m.server.as_mut().unwrap().executed = long(GTID_BYTES_MAX + 1)),
        "field server.executed: has the length 1048577; at most 1048576 is allowed"
    );
    assert_eq!(
        refused(&|m| m.server.as_mut().unwrap().version.as_mut().unwrap().minor = Some(65536)),
        "field server.version.minor: is 65536; expected 0 to 65535"
    );
    assert_eq!(
        refused(&|m| m.guard.as_mut().unwrap().volume_id = long(254)),
        "field guard.volume_id: has the length 254; at most 253 is allowed"
    );
    assert_eq!(
        refused(&|m| m.guard.as_mut().unwrap().watermark = long(GTID_BYTES_MAX + 1)),
        "field guard.watermark: has the length 1048577; at most 1048576 is allowed"
    );
    assert_eq!(
        refused(&|m| m.evidence = vec![m.evidence[0].clone(); EVIDENCE_MAX + 1]),
        "field evidence: has the length 9; at most 8 is allowed"
    );
    assert_eq!(
        refused(&|m| {
            m.evidence = vec![m.evidence[0].clone(); 2];
            m.evidence[0].transactions = long(GTID_BYTES_MAX / 2);
            m.evidence[1].transactions = long(GTID_BYTES_MAX / 2 + 1);
        }),
        "field evidence.transactions: has the length 1048577; at most 1048576 is allowed"
    );
    assert_eq!(
        refused(&|m| m.evidence[0].file = long(254)),
        "field evidence.file: has the length 254; at most 253 is allowed"
    );
    let error = refused(&|m| m.server.as_mut().unwrap().purged = long(3));
    assert!(
        error.starts_with("field server.purged: is malformed: \"aaa\""),
        "{error}"
    );
    let error = refused(&|m| {
        let guard = m.guard.as_mut().unwrap();
        guard.membership.as_mut().unwrap().members = vec![0, 1, 1];
    });
    assert_eq!(
        error,
        "field guard.membership.members: is malformed: names a member twice"
    );
}

#[test]
fn an_endpoint_that_cannot_be_one_is_refused() {
    let good = proto::Endpoint::from(&samples::full_endpoint());
    let refused = |change: &dyn Fn(&mut proto::Endpoint)| {
        let mut message = good.clone();
        change(&mut message);
        moco_model::Endpoint::try_from(message).unwrap_err().field
    };
    assert_eq!(refused(&|m| m.port = Some(0)), "port");
    assert_eq!(refused(&|m| m.port = Some(65536)), "port");
    assert_eq!(refused(&|m| m.host = Some("a'b".to_owned())), "host");
    assert_eq!(refused(&|m| m.host = Some("a b".to_owned())), "host");
}

#[test]
fn a_leader_without_a_port_is_refused() {
    for bad in ["", "host", ":1", "host:", "host:70000"] {
        let answer = NoticeAnswer::Leader(bad.to_owned());
        let error = sent::<_, proto::NotifyResponse>(&answer).unwrap_err();
        assert_eq!(error.field, "leader_address", "{bad}");
    }
}
