//! Guards, memberships, roles and versions.

use std::collections::BTreeSet;

use moco_model::guard::DataState;
use moco_model::{ClusterUid, Epoch, GtidSet, Guard, MemberId, Membership, Role, ServerVersion};

use super::{
    MEMBERS_MAX, NAME_BYTES_MAX, ReadError, bounded, gtid_set, inner, malformed, name, narrow,
    required, required_enum, text,
};
use crate::proto;

impl From<&Guard> for proto::Guard {
    fn from(guard: &Guard) -> Self {
        let Guard {
            cluster,
            member,
            epoch,
            promised,
            opened,
            role,
            membership,
            incarnation,
            data,
            boot_id,
            pod_uid,
            volume_id,
            watermark,
            server_version,
        } = guard;
        Self {
            cluster_uid: Some(cluster.0.clone()),
            member: Some(member.0),
            epoch: Some(epoch.0),
            role: role.map(write_role),
            membership: membership.as_ref().map(Into::into),
            incarnation: Some(incarnation.clone()),
            data: Some(write_data(*data)),
            boot_id: Some(boot_id.clone()),
            pod_uid: Some(pod_uid.clone()),
            server_version: server_version.map(Into::into),
            promised: Some(promised.0),
            opened: opened.map(|epoch| epoch.0),
            volume_id: Some(volume_id.clone()),
            watermark: Some(watermark.to_string()),
        }
    }
}

impl TryFrom<proto::Guard> for Guard {
    type Error = ReadError;

    fn try_from(message: proto::Guard) -> Result<Self, ReadError> {
        let role = message
            .role
            .map(|number| required_enum("role", Some(number), read_role))
            .transpose()?;
        let volume_id = message
            .volume_id
            .map(|id| text("volume_id", Some(id), NAME_BYTES_MAX))
            .transpose()?;
        let watermark = message
            .watermark
            .map(|set| gtid_set("watermark", Some(set)))
            .transpose()?;
        let epoch = Epoch(required("epoch", message.epoch)?);
        Ok(Self {
            cluster: ClusterUid(name("cluster_uid", message.cluster_uid)?),
            member: MemberId(required("member", message.member)?),
            epoch,
            promised: message.promised.map_or(epoch, Epoch),
            opened: message.opened.map(Epoch),
            role,
            membership: inner("membership", message.membership)?,
            incarnation: text("incarnation", message.incarnation, NAME_BYTES_MAX)?,
            data: required_enum("data", message.data, read_data)?,
            boot_id: text("boot_id", message.boot_id, NAME_BYTES_MAX)?,
            pod_uid: text("pod_uid", message.pod_uid, NAME_BYTES_MAX)?,
            volume_id: volume_id.unwrap_or_default(),
            watermark: watermark.unwrap_or_else(GtidSet::new),
            server_version: inner("server_version", message.server_version)?,
        })
    }
}

impl From<&Membership> for proto::Membership {
    fn from(membership: &Membership) -> Self {
        let Membership {
            members,
            old,
            version,
        } = membership;
        let numbers = |members: &BTreeSet<MemberId>| members.iter().map(|id| id.0).collect();
        Self {
            members: numbers(members),
            old: old.as_ref().map(|old| proto::membership::Members {
                members: numbers(old),
            }),
            version: Some(*version),
        }
    }
}

impl TryFrom<proto::Membership> for Membership {
    type Error = ReadError;

    fn try_from(message: proto::Membership) -> Result<Self, ReadError> {
        let old = message
            .old
            .map(|old| member_set("old.members", &old.members))
            .transpose()?;
        Ok(Self {
            members: member_set("members", &message.members)?,
            old,
            version: required("version", message.version)?,
        })
    }
}

fn member_set(field: &str, numbers: &[u32]) -> Result<BTreeSet<MemberId>, ReadError> {
    bounded(field, numbers.len(), MEMBERS_MAX)?;
    let members: BTreeSet<_> = numbers.iter().copied().map(MemberId).collect();
    // The size of the set decides how many acknowledgements are needed, so nothing is guessed.
    if members.len() != numbers.len() {
        return Err(malformed(field, "names a member twice"));
    }
    Ok(members)
}

impl From<ServerVersion> for proto::ServerVersion {
    fn from(version: ServerVersion) -> Self {
        Self {
            major: Some(version.major.into()),
            minor: Some(version.minor.into()),
            patch: Some(version.patch.into()),
        }
    }
}

impl TryFrom<proto::ServerVersion> for ServerVersion {
    type Error = ReadError;

    fn try_from(message: proto::ServerVersion) -> Result<Self, ReadError> {
        const PART: &str = "0 to 65535";
        Ok(Self {
            major: narrow("major", message.major, PART)?,
            minor: narrow("minor", message.minor, PART)?,
            patch: narrow("patch", message.patch, PART)?,
        })
    }
}

pub(super) fn write_role(role: Role) -> i32 {
    match role {
        Role::Primary => proto::Role::Primary,
        Role::Replica => proto::Role::Replica,
    }
    .into()
}

pub(super) fn read_role(sent: proto::Role) -> Option<Role> {
    match sent {
        proto::Role::Unspecified => None,
        proto::Role::Primary => Some(Role::Primary),
        proto::Role::Replica => Some(Role::Replica),
    }
}

fn write_data(data: DataState) -> i32 {
    use proto::DataState as Sent;
    match data {
        DataState::Initialising => Sent::Initialising,
        DataState::Empty => Sent::Empty,
        DataState::Cloning => Sent::Cloning,
        DataState::Holding => Sent::Holding,
    }
    .into()
}

fn read_data(sent: proto::DataState) -> Option<DataState> {
    use proto::DataState as Sent;
    match sent {
        Sent::Unspecified => None,
        Sent::Initialising => Some(DataState::Initialising),
        Sent::Empty => Some(DataState::Empty),
        Sent::Cloning => Some(DataState::Cloning),
        Sent::Holding => Some(DataState::Holding),
    }
}
