//! Asking every member's agent, all at once, the primary last.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use moco_model::sentence::with_causes;
use moco_model::{ClusterId, MemberId, MemberReport, Millis};
use moco_planner::{Member, Observation, Seen};
use moco_wire::{AgentClient, ClientError, CredentialsSource};

use crate::now;
use crate::world::{Facts, MemberFacts};

/// How long an agent may take to answer. mysqld gets 3 s of it.
const DEADLINE: Duration = Duration::from_secs(5);

/// The agents of a cluster, with their connections.
pub struct Agents {
    credentials: CredentialsSource,
    lines: BTreeMap<MemberId, AgentLine>,
    silent_since: BTreeMap<MemberId, Millis>,
}

struct AgentLine {
    address: String,
    client: AgentClient,
}

impl Agents {
    /// Connects later, when an agent is first asked.
    pub const fn new(credentials: CredentialsSource) -> Self {
        Self {
            credentials,
            lines: BTreeMap::new(),
            silent_since: BTreeMap::new(),
        }
    }

    /// The line to a member's agent, if it was found in the last pass.
    pub fn client(&self, member: MemberId) -> Option<&AgentClient> {
        self.lines.get(&member).map(|line| &line.client)
    }

    /// Asks every agent, and puts all that is known together.
    pub async fn gather(&mut self, facts: Facts) -> Observation {
        self.connect(&facts.cluster, &facts.members);
        let primary = facts.register.as_ref().map(|register| register.primary);
        let others = facts
            .members
            .keys()
            .copied()
            .filter(|id| Some(*id) != primary);
        let mut answers: BTreeMap<_, _> = join_all(others.map(|id| self.ask(id)))
            .await
            .into_iter()
            .collect();
        if let Some(primary) = primary {
            let (id, answer) = self.ask(primary).await;
            answers.insert(id, answer);
        }
        let mut members = BTreeMap::new();
        for (id, found) in facts.members {
            let answer = match &found.agent {
                Ok(_) => answers.remove(&id).flatten(),
                Err(_) => None,
            };
            let report = self.seen(id, &found, answer);
            members.insert(
                id,
                Member {
                    endpoint: found.endpoint,
                    report,
                    label: found.label,
                },
            );
        }
        Observation {
            cluster: facts.cluster,
            uid: facts.uid,
            wanted: facts.wanted,
            register: facts.register,
            initialised_before: facts.initialised_before,
            platform: facts.platform,
            members,
        }
    }

    fn connect(&mut self, cluster: &ClusterId, members: &BTreeMap<MemberId, MemberFacts>) {
        self.lines.retain(|id, line| {
            members
                .get(id)
                .is_some_and(|found| found.agent.as_ref() == Ok(&line.address))
        });
        for (id, found) in members {
            let Ok(address) = &found.agent else { continue };
            self.lines.entry(*id).or_insert_with(|| AgentLine {
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

    async fn ask(&self, id: MemberId) -> (MemberId, Option<Result<MemberReport, ClientError>>) {
        match self.client(id) {
            Some(client) => (id, Some(client.report().await)),
            None => (id, None),
        }
    }

    fn seen(
        &mut self,
        id: MemberId,
        found: &MemberFacts,
        answer: Option<Result<MemberReport, ClientError>>,
    ) -> Seen<MemberReport> {
        let because = match (&found.agent, answer) {
            (Ok(_), Some(Ok(report))) => {
                self.silent_since.remove(&id);
                return Seen::Fresh(report);
            }
            (Ok(_), Some(Err(error))) => with_causes(&error),
            (Ok(address), None) => format!("nobody has asked {address}"),
            (Err(because), _) => because.clone(),
        };
        let since = *self.silent_since.entry(id).or_insert_with(now);
        Seen::Silent { since, because }
    }
}
