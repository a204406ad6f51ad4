//! Moves in words.

use std::fmt;

use super::Move;
use crate::exhaustive::member::HowFar;
use crate::exhaustive::state::{Ask, Cut};

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Look {
                controller,
                stuck,
                late,
            } => {
                write!(f, "controller {controller} looks")?;
                if *stuck {
                    f.write_str(", and the primary seems stuck")?;
                }
                if *late {
                    f.write_str(", and the deadline has passed")?;
                }
                Ok(())
            }
            Self::Gather(controller) => write!(f, "controller {controller} gathers"),
            Self::Act {
                controller,
                step,
                how_far,
            } => {
                write!(f, "controller {controller} takes step {step}")?;
                f.write_str(match how_far {
                    HowFar::Whole => "",
                    HowFar::PromiseOnly => ", which is cut after the promise",
                    HowFar::AgentDies => ", and the agent dies after the promise",
                })
            }
            Self::Forget(controller) => write!(f, "controller {controller} forgets its plan"),
            Self::Write(id) => write!(f, "a client writes at {id}"),
            Self::Connect(id) => write!(f, "the receiver of {id} connects"),
            Self::Receive(id) => write!(f, "the receiver of {id} gets a write"),
            Self::Acknowledge(id) => write!(f, "acknowledgements arrive at {id}"),
            Self::Execute(id) => write!(f, "the applier of {id} executes all"),
            Self::Kill { member, pod: false } => write!(f, "kill mysqld {member}"),
            Self::Kill { member, pod: true } => write!(f, "kill pod {member}"),
            Self::Lose(id) => write!(f, "lose the volume of {id}"),
            Self::Cut(Cut::Member(id)) => write!(f, "cut {id} from everybody"),
            Self::Cut(Cut::Controllers(id)) => write!(f, "cut {id} from the controllers"),
            Self::Cut(Cut::Pair(one, other)) => write!(f, "cut {one} from {other}"),
            Self::Heal => f.write_str("heal"),
            Self::Ask(Ask::Lead(id)) => write!(f, "ask {id} to lead"),
            Self::Ask(Ask::Leave(id)) => write!(f, "ask {id} to leave"),
            Self::CloseAlone(id) => write!(f, "primary {id} is alone and puts its clients out"),
            Self::Expire(id) => write!(f, "commits of {id} stop waiting"),
            Self::Scale => f.write_str("pods that are no members go away"),
        }
    }
}
