//! What people ask of a running cluster: a file that the verbs write and the background process
//! reads, as annotations are on Kubernetes.

use moco_model::{Epoch, MemberId, Millis};
use moco_planner::observation::Ask;
use serde::{Deserialize, Serialize};

use crate::home::{self, Home};

/// What is asked and not answered yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Requests {
    /// Another primary.
    pub(crate) switchover: Option<Switchover>,
    /// The epoch that is to end with another primary, whatever is lost by it.
    pub(crate) force: Option<Epoch>,
}

/// Another primary is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Switchover {
    /// Who shall become primary; anybody if none.
    pub(crate) to: Option<MemberId>,
    /// When it was asked: a later request is another one.
    pub(crate) at: Millis,
}

impl Requests {
    /// What is asked now.
    pub(crate) fn read(home: &Home) -> anyhow::Result<Self> {
        Ok(home::read_json(&home.requests())?.unwrap_or_default())
    }

    /// Asks.
    pub(crate) fn write(&self, home: &Home) -> anyhow::Result<()> {
        home::write_json(&home.requests(), self)
    }

    /// What is asked of a member while `primary` is the primary. Asking the primary itself to lead is
    /// asking nothing.
    pub(crate) fn ask(&self, member: MemberId, primary: Option<MemberId>) -> Option<Ask> {
        let because = "moco-local switchover".to_owned();
        match self.switchover?.to {
            Some(to) if to == member && primary != Some(member) => Some(Ask::Lead { because }),
            None if primary == Some(member) => Some(Ask::Leave { because }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switchover_to_anybody_is_asked_of_the_primary_and_one_to_a_member_of_that_member() {
        let primary = Some(MemberId(1));
        let asked = |to: Option<u32>, member| {
            let requests = Requests {
                switchover: Some(Switchover {
                    to: to.map(MemberId),
                    at: 0,
                }),
                force: None,
            };
            requests.ask(MemberId(member), primary)
        };
        assert!(matches!(asked(None, 1), Some(Ask::Leave { .. })));
        assert_eq!(asked(None, 0), None);
        assert!(matches!(asked(Some(2), 2), Some(Ask::Lead { .. })));
        assert_eq!(asked(Some(2), 1), None);
        assert_eq!(asked(Some(1), 1), None, "it leads already");
    }
}
