//! Heartbeats between agents, and their answers.

use moco_model::{Epoch, MemberId};

use super::guard::{read_role, write_role};
use super::{ReadError, required, required_enum};
use crate::beat::{Beat, BeatAnswer};
use crate::proto;
use crate::protocol::PROTOCOL;

/// A heartbeat of member `from`.
pub(crate) fn write_beat(from: MemberId, beat: Beat) -> proto::HeartbeatRequest {
    let Beat { epoch, follows } = beat;
    proto::HeartbeatRequest {
        protocol: Some(PROTOCOL),
        member: Some(from.0),
        epoch: Some(epoch.0),
        follows: Some(follows),
    }
}

/// A heartbeat, and whose it is.
pub(crate) fn read_beat(message: &proto::HeartbeatRequest) -> Result<(MemberId, Beat), ReadError> {
    let from = MemberId(required("member", message.member)?);
    let beat = Beat {
        epoch: Epoch(required("epoch", message.epoch)?),
        follows: required("follows", message.follows)?,
    };
    Ok((from, beat))
}

impl From<&BeatAnswer> for proto::HeartbeatResponse {
    fn from(answer: &BeatAnswer) -> Self {
        let BeatAnswer {
            member,
            epoch,
            role,
            mysqld_runs,
            open,
        } = answer;
        Self {
            protocol: Some(PROTOCOL),
            member: Some(member.0),
            epoch: Some(epoch.0),
            role: role.map(write_role),
            mysqld_runs: Some(*mysqld_runs),
            open: Some(*open),
        }
    }
}

impl TryFrom<proto::HeartbeatResponse> for BeatAnswer {
    type Error = ReadError;

    fn try_from(message: proto::HeartbeatResponse) -> Result<Self, ReadError> {
        let role = message
            .role
            .map(|number| required_enum("role", Some(number), read_role))
            .transpose()?;
        Ok(Self {
            member: MemberId(required("member", message.member)?),
            epoch: Epoch(required("epoch", message.epoch)?),
            role,
            mysqld_runs: required("mysqld_runs", message.mysqld_runs)?,
            open: required("open", message.open)?,
        })
    }
}
