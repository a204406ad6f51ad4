//! Notices of agents, their answers, and the envelopes of reports.

use moco_model::{ClusterId, MemberReport};

use super::{NAME_BYTES_MAX, ReadError, malformed, required, required_inner, text};
use crate::notice::{Notice, NoticeAnswer};
use crate::proto::{self, notify_response};
use crate::protocol::PROTOCOL;

/// Longest address, bytes: a host name, a colon and a port.
const ADDRESS_BYTES_MAX: usize = NAME_BYTES_MAX + ":65535".len();

impl From<&Notice> for proto::NotifyRequest {
    fn from(notice: &Notice) -> Self {
        let Notice {
            cluster: ClusterId { namespace, name },
            sequence,
            report,
        } = notice;
        Self {
            protocol: Some(PROTOCOL),
            namespace: Some(namespace.clone()),
            name: Some(name.clone()),
            sequence: Some(*sequence),
            report: Some(report.into()),
        }
    }
}

impl TryFrom<proto::NotifyRequest> for Notice {
    type Error = ReadError;

    fn try_from(message: proto::NotifyRequest) -> Result<Self, ReadError> {
        let namespace = text("namespace", message.namespace, NAME_BYTES_MAX)?;
        let name = text("name", message.name, NAME_BYTES_MAX)?;
        let cluster = ClusterId::new(&namespace, &name)
            .map_err(|error| malformed("namespace and name", &error.to_string()))?;
        Ok(Self {
            cluster,
            sequence: required("sequence", message.sequence)?,
            report: required_inner("report", message.report)?,
        })
    }
}

impl From<&NoticeAnswer> for proto::NotifyResponse {
    fn from(answer: &NoticeAnswer) -> Self {
        use notify_response::Outcome as Sent;
        let outcome = match answer {
            NoticeAnswer::Taken => Sent::Taken(notify_response::Taken {}),
            NoticeAnswer::Leader(address) => Sent::LeaderAddress(address.clone()),
            NoticeAnswer::NoLeader => Sent::NoLeader(notify_response::NoLeader {}),
        };
        Self {
            protocol: Some(PROTOCOL),
            outcome: Some(outcome),
        }
    }
}

impl TryFrom<proto::NotifyResponse> for NoticeAnswer {
    type Error = ReadError;

    fn try_from(message: proto::NotifyResponse) -> Result<Self, ReadError> {
        use notify_response::Outcome as Sent;
        match required("outcome", message.outcome)? {
            Sent::Taken(notify_response::Taken {}) => Ok(Self::Taken),
            Sent::NoLeader(notify_response::NoLeader {}) => Ok(Self::NoLeader),
            Sent::LeaderAddress(address) => {
                let address = text("leader_address", Some(address), ADDRESS_BYTES_MAX)?;
                let good = address
                    .rsplit_once(':')
                    .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
                if !good {
                    return Err(malformed("leader_address", "expected `host:port`"));
                }
                Ok(Self::Leader(address))
            }
        }
    }
}

impl From<&MemberReport> for proto::ReportResponse {
    fn from(report: &MemberReport) -> Self {
        Self {
            protocol: Some(PROTOCOL),
            report: Some(report.into()),
        }
    }
}

impl TryFrom<proto::ReportResponse> for MemberReport {
    type Error = ReadError;

    fn try_from(message: proto::ReportResponse) -> Result<Self, ReadError> {
        required_inner("report", message.report)
    }
}
