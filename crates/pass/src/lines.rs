//! The lines to agents: gRPC over mutual TLS.

use std::collections::BTreeMap;
use std::time::Duration;

use moco_model::command::{Answer, Order};
use moco_model::{ClusterId, MemberId, MemberReport};
use moco_wire::{AgentClient, ClientError, CredentialsSource};

use crate::world::{Agents, MemberFacts};

/// How long a call may take that names no time of its own.
const DEADLINE: Duration = Duration::from_secs(5);

/// The agents of a cluster, with their connections.
pub struct Lines {
    credentials: CredentialsSource,
    lines: BTreeMap<MemberId, Line>,
}

struct Line {
    address: String,
    client: AgentClient,
}

impl Lines {
    /// Connects later, when an agent is first asked.
    pub const fn new(credentials: CredentialsSource) -> Self {
        Self {
            credentials,
            lines: BTreeMap::new(),
        }
    }
}

impl Agents for Lines {
    type Error = ClientError;

    fn connect(&mut self, cluster: &ClusterId, members: &BTreeMap<MemberId, MemberFacts>) {
        self.lines.retain(|id, line| {
            members
                .get(id)
                .is_some_and(|found| found.agent.as_ref() == Ok(&line.address))
        });
        for (id, found) in members {
            let Ok(address) = &found.agent else { continue };
            self.lines.entry(*id).or_insert_with(|| Line {
                address: address.clone(),
                client: AgentClient::new(
                    address.clone(),
                    cluster.clone(),
                    self.credentials.clone(),
                    DEADLINE,
                ),
            });
        }
    }

    async fn report(
        &self,
        member: MemberId,
        within: Duration,
    ) -> Option<Result<MemberReport, ClientError>> {
        let line = self.lines.get(&member)?;
        Some(line.client.report_within(within).await)
    }

    async fn carry(&self, order: &Order, within: Duration) -> Option<Result<Answer, ClientError>> {
        let line = self.lines.get(&order.member)?;
        Some(line.client.carry_within(order, within).await)
    }
}
