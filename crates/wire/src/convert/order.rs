//! Orders and their answers.

use moco_model::command::{Acknowledge, Answer, OnEmptyVolume, Order};
use moco_model::{ClusterUid, Command, Endpoint, Epoch, MemberId};

use super::guard::{read_role, write_role};
use super::{
    Problem, ReadError, TEXT_BYTES_MAX, cut, gtid_set, malformed, name, out_of_range, required,
    required_enum, required_inner, text,
};
use crate::proto::{self, order_request, order_response};
use crate::protocol::PROTOCOL;

impl From<&Order> for proto::OrderRequest {
    fn from(order: &Order) -> Self {
        let Order {
            cluster,
            member,
            epoch,
            promise,
            role,
            membership,
            command,
        } = order;
        Self {
            protocol: Some(PROTOCOL),
            cluster_uid: Some(cluster.0.clone()),
            member: Some(member.0),
            epoch: Some(epoch.0),
            role: Some(write_role(*role)),
            membership: Some(membership.into()),
            command: Some(command.into()),
            promise: Some(promise.0),
        }
    }
}

impl TryFrom<proto::OrderRequest> for Order {
    type Error = ReadError;

    fn try_from(message: proto::OrderRequest) -> Result<Self, ReadError> {
        let epoch = Epoch(required("epoch", message.epoch)?);
        Ok(Self {
            cluster: ClusterUid(name("cluster_uid", message.cluster_uid)?),
            member: MemberId(required("member", message.member)?),
            epoch,
            promise: read_promise(message.promise, epoch)?,
            role: required_enum("role", message.role, read_role)?,
            membership: required_inner("membership", message.membership)?,
            command: required_inner("command", message.command)?,
        })
    }
}

/// Who was told a decision does not go back behind it, so a lower promise is nobody's intention.
fn read_promise(sent: Option<u64>, epoch: Epoch) -> Result<Epoch, ReadError> {
    match sent {
        None => Ok(epoch),
        Some(promise) if promise >= epoch.0 => Ok(Epoch(promise)),
        Some(value) => {
            let expected = "at least the epoch of the order";
            Err(ReadError::new(
                "promise",
                Problem::OutOfRange { value, expected },
            ))
        }
    }
}

impl From<&Command> for order_request::Command {
    fn from(command: &Command) -> Self {
        match command {
            Command::Start {
                on_empty_volume,
                history,
            } => Self::Start(order_request::Start {
                on_empty_volume: Some(write_on_empty_volume(*on_empty_volume)),
                history: history.as_ref().map(ToString::to_string),
            }),
            Command::Clone { donor } => Self::Clone(order_request::Clone {
                donor: Some(donor.into()),
            }),
            Command::Follow {
                source,
                acknowledge,
            } => Self::Follow(order_request::Follow {
                source: Some(source.into()),
                acknowledge: Some(*acknowledge == Acknowledge::Yes),
            }),
            Command::Fence => Self::Fence(order_request::Fence {}),
            Command::Promote { acks, must_hold } => Self::Promote(order_request::Promote {
                acks: Some(*acks),
                must_hold: Some(must_hold.to_string()),
            }),
            Command::Retire => Self::Retire(order_request::Retire {}),
            Command::Discard { errant } => Self::Discard(order_request::Discard {
                errant: Some(errant.to_string()),
            }),
            Command::Open { acks } => Self::Open(order_request::Open { acks: Some(*acks) }),
            Command::SetAcks { acks } => {
                Self::SetAcks(order_request::SetAcks { acks: Some(*acks) })
            }
        }
    }
}

impl TryFrom<order_request::Command> for Command {
    type Error = ReadError;

    fn try_from(command: order_request::Command) -> Result<Self, ReadError> {
        use order_request::Command as Sent;
        match command {
            Sent::Start(start) => read_start(start).map_err(|error| error.within("start")),
            Sent::Clone(clone) => Ok(Self::Clone {
                donor: required_inner("clone.donor", clone.donor)?,
            }),
            Sent::Follow(follow) => Ok(Self::Follow {
                source: required_inner("follow.source", follow.source)?,
                acknowledge: if required("follow.acknowledge", follow.acknowledge)? {
                    Acknowledge::Yes
                } else {
                    Acknowledge::No
                },
            }),
            Sent::Fence(order_request::Fence {}) => Ok(Self::Fence),
            Sent::Promote(promote) => Ok(Self::Promote {
                acks: required("promote.acks", promote.acks)?,
                must_hold: gtid_set("promote.must_hold", promote.must_hold)?,
            }),
            Sent::Retire(order_request::Retire {}) => Ok(Self::Retire),
            Sent::Discard(discard) => Ok(Self::Discard {
                errant: gtid_set("discard.errant", discard.errant)?,
            }),
            Sent::Open(open) => Ok(Self::Open {
                acks: required("open.acks", open.acks)?,
            }),
            Sent::SetAcks(set) => Ok(Self::SetAcks {
                acks: required("set_acks.acks", set.acks)?,
            }),
        }
    }
}

fn read_start(start: order_request::Start) -> Result<Command, ReadError> {
    let history = start
        .history
        .map(|set| gtid_set("history", Some(set)))
        .transpose()?;
    Ok(Command::Start {
        on_empty_volume: required_enum(
            "on_empty_volume",
            start.on_empty_volume,
            read_on_empty_volume,
        )?,
        history,
    })
}

impl From<&Endpoint> for proto::Endpoint {
    fn from(endpoint: &Endpoint) -> Self {
        let Endpoint { member, host, port } = endpoint;
        Self {
            member: Some(member.0),
            host: Some(host.clone()),
            port: Some(u32::from(*port)),
        }
    }
}

impl TryFrom<proto::Endpoint> for Endpoint {
    type Error = ReadError;

    fn try_from(message: proto::Endpoint) -> Result<Self, ReadError> {
        let host = name("host", message.host)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_');
        if !host.chars().all(allowed) {
            return Err(malformed("host", "is neither a host name nor an address"));
        }
        let port = required("port", message.port)?;
        let in_range = u16::try_from(port).ok().filter(|port| *port != 0);
        Ok(Self {
            member: MemberId(required("member", message.member)?),
            host,
            port: in_range.ok_or_else(|| out_of_range("port", port, "1 to 65535"))?,
        })
    }
}

fn write_on_empty_volume(what: OnEmptyVolume) -> i32 {
    use proto::OnEmptyVolume as Sent;
    match what {
        OnEmptyVolume::Initialise => Sent::Initialise,
        OnEmptyVolume::Refuse => Sent::Refuse,
    }
    .into()
}

fn read_on_empty_volume(sent: proto::OnEmptyVolume) -> Option<OnEmptyVolume> {
    use proto::OnEmptyVolume as Sent;
    match sent {
        Sent::Unspecified => None,
        Sent::Initialise => Some(OnEmptyVolume::Initialise),
        Sent::Refuse => Some(OnEmptyVolume::Refuse),
    }
}

impl From<&Answer> for proto::OrderResponse {
    fn from(answer: &Answer) -> Self {
        use order_response::Answer as Sent;
        let answer = match answer {
            Answer::Accepted => Sent::Accepted(order_response::Accepted {}),
            Answer::StaleEpoch { held } => {
                Sent::StaleEpoch(order_response::StaleEpoch { held: Some(held.0) })
            }
            Answer::NotMine => Sent::NotMine(order_response::NotMine {}),
            Answer::Busy { doing } => Sent::Busy(order_response::Busy {
                doing: Some(cut(doing)),
            }),
            Answer::Refused { because } => Sent::Refused(order_response::Refused {
                because: Some(cut(because)),
            }),
        };
        Self {
            protocol: Some(PROTOCOL),
            answer: Some(answer),
        }
    }
}

impl TryFrom<proto::OrderResponse> for Answer {
    type Error = ReadError;

    fn try_from(message: proto::OrderResponse) -> Result<Self, ReadError> {
        use order_response::Answer as Sent;
        match required("answer", message.answer)? {
            Sent::Accepted(order_response::Accepted {}) => Ok(Self::Accepted),
            Sent::StaleEpoch(stale) => Ok(Self::StaleEpoch {
                held: Epoch(required("stale_epoch.held", stale.held)?),
            }),
            Sent::NotMine(order_response::NotMine {}) => Ok(Self::NotMine),
            Sent::Busy(busy) => Ok(Self::Busy {
                doing: text("busy.doing", busy.doing, TEXT_BYTES_MAX)?,
            }),
            Sent::Refused(refused) => Ok(Self::Refused {
                because: text("refused.because", refused.because, TEXT_BYTES_MAX)?,
            }),
        }
    }
}
