//! Reports of members.

use moco_model::report::{
    CommitFailure, CommitProbe, EVIDENCE_MAX, Evidence, Fault, FaultCode, Hearing,
};
use moco_model::{ClusterUid, Epoch, MemberId, MemberReport, Phase};

use super::{
    GTID_BYTES_MAX, NAME_BYTES_MAX, ReadError, TEXT_BYTES_MAX, bounded, cut, gtid_set, inner, name,
    narrow, out_of_range, required, required_enum, text,
};
use crate::proto;

impl From<&MemberReport> for proto::MemberReport {
    fn from(report: &MemberReport) -> Self {
        let MemberReport {
            cluster,
            member,
            agent_version,
            phase,
            guard,
            server,
            fault,
            mysqld_pid,
            leaving,
            hearing,
            commits,
            evidence,
        } = report;
        let (phase, cloning_percent) = write_phase(*phase);
        Self {
            cluster_uid: Some(cluster.0.clone()),
            member: Some(member.0),
            agent_version: Some(agent_version.clone()),
            phase: Some(phase),
            cloning_percent,
            guard: guard.as_ref().map(Into::into),
            server: server.as_ref().map(Into::into),
            fault: fault.as_ref().map(Into::into),
            mysqld_pid: *mysqld_pid,
            leaving: Some(*leaving),
            hearing: hearing.as_ref().map(Into::into),
            commits: commits.as_ref().map(Into::into),
            evidence: write_evidence(evidence),
        }
    }
}

impl TryFrom<proto::MemberReport> for MemberReport {
    type Error = ReadError;

    fn try_from(message: proto::MemberReport) -> Result<Self, ReadError> {
        Ok(Self {
            cluster: ClusterUid(name("cluster_uid", message.cluster_uid)?),
            member: MemberId(required("member", message.member)?),
            agent_version: text("agent_version", message.agent_version, NAME_BYTES_MAX)?,
            phase: read_phase(message.phase, message.cloning_percent)?,
            guard: inner("guard", message.guard)?,
            server: inner("server", message.server)?,
            fault: inner("fault", message.fault)?,
            mysqld_pid: message.mysqld_pid,
            leaving: message.leaving.unwrap_or(false),
            hearing: inner("hearing", message.hearing)?,
            commits: inner("commits", message.commits)?,
            evidence: read_evidence(message.evidence)?,
        })
    }
}

fn write_phase(phase: Phase) -> (i32, Option<u32>) {
    use proto::Phase as Sent;
    let (phase, percent) = match phase {
        Phase::AtGate => (Sent::AtGate, None),
        Phase::Initialising => (Sent::Initialising, None),
        Phase::Starting => (Sent::Starting, None),
        // More than all of it cannot be copied; the reader would refuse the whole report.
        Phase::Cloning(percent) => (Sent::Cloning, Some(u32::from(percent.min(100)))),
        Phase::Running => (Sent::Running, None),
        Phase::Stopping => (Sent::Stopping, None),
    };
    (phase.into(), percent)
}

fn read_phase(phase: Option<i32>, cloning_percent: Option<u32>) -> Result<Phase, ReadError> {
    use proto::Phase as Sent;
    let sent = required_enum("phase", phase, |sent: Sent| {
        (sent != Sent::Unspecified).then_some(sent)
    })?;
    match sent {
        Sent::Unspecified => Err(ReadError::missing("phase")),
        Sent::AtGate => Ok(Phase::AtGate),
        Sent::Initialising => Ok(Phase::Initialising),
        Sent::Starting => Ok(Phase::Starting),
        Sent::Cloning => read_percent(cloning_percent).map(Phase::Cloning),
        Sent::Running => Ok(Phase::Running),
        Sent::Stopping => Ok(Phase::Stopping),
    }
}

fn read_percent(sent: Option<u32>) -> Result<u8, ReadError> {
    const PERCENT: &str = "0 to 100";
    let percent: u8 = narrow("cloning_percent", sent, PERCENT)?;
    if percent > 100 {
        return Err(out_of_range("cloning_percent", percent.into(), PERCENT));
    }
    Ok(percent)
}

impl From<&Fault> for proto::Fault {
    fn from(fault: &Fault) -> Self {
        let Fault { code, sentence } = fault;
        Self {
            code: Some(write_code(*code)),
            sentence: Some(cut(sentence)),
        }
    }
}

impl TryFrom<proto::Fault> for Fault {
    type Error = ReadError;

    fn try_from(message: proto::Fault) -> Result<Self, ReadError> {
        let number = required("code", message.code)?;
        Ok(Self {
            code: read_code(number).ok_or_else(|| ReadError::missing("code"))?,
            sentence: text("sentence", message.sentence, TEXT_BYTES_MAX)?,
        })
    }
}

fn write_code(code: FaultCode) -> i32 {
    use proto::FaultCode as Sent;
    match code {
        FaultCode::ForeignVolume => Sent::ForeignVolume,
        FaultCode::UnknownData => Sent::UnknownData,
        FaultCode::DataMissing => Sent::DataMissing,
        FaultCode::GuardUnreadable => Sent::GuardUnreadable,
        FaultCode::VolumeNotWritable => Sent::VolumeNotWritable,
        FaultCode::NoMysqld => Sent::NoMysqld,
        FaultCode::VersionRefused => Sent::VersionRefused,
        FaultCode::PluginMissing => Sent::PluginMissing,
        FaultCode::ConfigurationRefused => Sent::ConfigurationRefused,
        FaultCode::InitialiseFailed => Sent::InitialiseFailed,
        FaultCode::MysqldExited => Sent::MysqldExited,
        FaultCode::StartTimeout => Sent::StartTimeout,
        FaultCode::LoginFailed => Sent::LoginFailed,
        FaultCode::CloneFailed => Sent::CloneFailed,
        FaultCode::CloseHeldUp => Sent::CloseHeldUp,
        FaultCode::CommandFailed => Sent::CommandFailed,
    }
    .into()
}

/// A code of a newer agent is read as the general one: the sentence still says what happened, and
/// losing the whole report would blind the controller. `None` for zero, which nobody sends.
fn read_code(number: i32) -> Option<FaultCode> {
    use proto::FaultCode as Sent;
    match Sent::try_from(number).unwrap_or(Sent::CommandFailed) {
        Sent::Unspecified => None,
        Sent::ForeignVolume => Some(FaultCode::ForeignVolume),
        Sent::UnknownData => Some(FaultCode::UnknownData),
        Sent::DataMissing => Some(FaultCode::DataMissing),
        Sent::GuardUnreadable => Some(FaultCode::GuardUnreadable),
        Sent::VolumeNotWritable => Some(FaultCode::VolumeNotWritable),
        Sent::NoMysqld => Some(FaultCode::NoMysqld),
        Sent::VersionRefused => Some(FaultCode::VersionRefused),
        Sent::PluginMissing => Some(FaultCode::PluginMissing),
        Sent::ConfigurationRefused => Some(FaultCode::ConfigurationRefused),
        Sent::InitialiseFailed => Some(FaultCode::InitialiseFailed),
        Sent::MysqldExited => Some(FaultCode::MysqldExited),
        Sent::StartTimeout => Some(FaultCode::StartTimeout),
        Sent::LoginFailed => Some(FaultCode::LoginFailed),
        Sent::CloneFailed => Some(FaultCode::CloneFailed),
        Sent::CloseHeldUp => Some(FaultCode::CloseHeldUp),
        Sent::CommandFailed => Some(FaultCode::CommandFailed),
    }
}

impl From<&Hearing> for proto::Hearing {
    fn from(hearing: &Hearing) -> Self {
        let Hearing {
            member,
            silent_ms,
            refused,
        } = hearing;
        Self {
            member: Some(member.0),
            silent_ms: Some(*silent_ms),
            refused: Some(*refused),
        }
    }
}

impl TryFrom<proto::Hearing> for Hearing {
    type Error = ReadError;

    fn try_from(message: proto::Hearing) -> Result<Self, ReadError> {
        Ok(Self {
            member: MemberId(required("member", message.member)?),
            silent_ms: required("silent_ms", message.silent_ms)?,
            refused: message.refused.unwrap_or(false),
        })
    }
}

impl From<&CommitProbe> for proto::CommitProbe {
    fn from(probe: &CommitProbe) -> Self {
        let CommitProbe {
            waiting_ms,
            error,
            settled,
        } = probe;
        Self {
            waiting_ms: Some(*waiting_ms),
            error: error.map(write_failure),
            settled: *settled,
        }
    }
}

impl TryFrom<proto::CommitProbe> for CommitProbe {
    type Error = ReadError;

    fn try_from(message: proto::CommitProbe) -> Result<Self, ReadError> {
        let error = message
            .error
            .map(|number| read_failure(number).ok_or_else(|| ReadError::missing("error")))
            .transpose()?;
        Ok(Self {
            waiting_ms: required("waiting_ms", message.waiting_ms)?,
            error,
            settled: message.settled,
        })
    }
}

fn write_failure(failure: CommitFailure) -> i32 {
    use proto::CommitFailure as Sent;
    match failure {
        CommitFailure::DiskFull => Sent::DiskFull,
        CommitFailure::Other => Sent::Other,
    }
    .into()
}

/// A failure of a newer agent is another one than a full disk. `None` for zero, which nobody sends.
fn read_failure(number: i32) -> Option<CommitFailure> {
    use proto::CommitFailure as Sent;
    match Sent::try_from(number).unwrap_or(Sent::Other) {
        Sent::Unspecified => None,
        Sent::DiskFull => Some(CommitFailure::DiskFull),
        Sent::Other => Some(CommitFailure::Other),
    }
}

/// The newest entries, as many as the bounds allow: evidence is for people, and the rest of the
/// report must not be lost over it.
fn write_evidence(evidence: &[Evidence]) -> Vec<proto::Evidence> {
    let mut room = GTID_BYTES_MAX;
    let mut newest: Vec<_> = evidence
        .iter()
        .rev()
        .take(EVIDENCE_MAX)
        .map(proto::Evidence::from)
        .take_while(|one| {
            let length = one.transactions.as_ref().map_or(0, String::len);
            let left = room.checked_sub(length);
            room = left.unwrap_or(0);
            left.is_some()
        })
        .collect();
    newest.reverse();
    newest
}

fn read_evidence(sent: Vec<proto::Evidence>) -> Result<Vec<Evidence>, ReadError> {
    bounded("evidence", sent.len(), EVIDENCE_MAX)?;
    let lengths = sent.iter().filter_map(|one| one.transactions.as_ref());
    let together = lengths.map(String::len).sum();
    bounded("evidence.transactions", together, GTID_BYTES_MAX)?;
    sent.into_iter()
        .map(|one| Evidence::try_from(one).map_err(|error| error.within("evidence")))
        .collect()
}

impl From<&Evidence> for proto::Evidence {
    fn from(evidence: &Evidence) -> Self {
        let Evidence {
            at,
            epoch,
            transactions,
            file,
        } = evidence;
        Self {
            at_ms: Some(*at),
            epoch: Some(epoch.0),
            transactions: Some(transactions.to_string()),
            file: file.clone(),
        }
    }
}

impl TryFrom<proto::Evidence> for Evidence {
    type Error = ReadError;

    fn try_from(message: proto::Evidence) -> Result<Self, ReadError> {
        let file = message
            .file
            .map(|file| name("file", Some(file)))
            .transpose()?;
        Ok(Self {
            at: required("at_ms", message.at_ms)?,
            epoch: Epoch(required("epoch", message.epoch)?),
            transactions: gtid_set("transactions", message.transactions)?,
            file,
        })
    }
}
