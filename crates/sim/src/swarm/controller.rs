//! A controller: the product's pass, over a fake of Kubernetes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moco_agent::orders;
use moco_model::command::{Answer, Order};
use moco_model::{ClusterId, Endpoint, MemberId, MemberReport, Millis, Register, Role};
use moco_pass::{Agents, Facts, MemberFacts, Pilot, RecordError, World};
use moco_planner::observation::{Clustering, Rebuild};
use moco_planner::plan::Expect;
use moco_planner::{Decision, Observation, Wanted};
use tokio::sync::Notify;

use super::host::EPOCH_MS;
use super::judge;
use super::moment;
use super::network::Node;
use super::scene::{ApiMode, CallError, Scene, Verdict};
use crate::mutation::Mutation;
use crate::property::Property;

/// How long a call to the API server may take.
const API: Duration = Duration::from_secs(2);
/// After a pass that failed.
const AGAIN: Duration = Duration::from_millis(300);
/// The shortest pause between two passes.
const PAUSE: Duration = Duration::from_millis(2);

/// Goes over the cluster while it leads.
pub async fn run(scene: Scene, id: u32, wake: Arc<Notify>) {
    let world = SimWorld {
        scene: scene.clone(),
        id,
    };
    let agents = SimAgents {
        scene: scene.clone(),
        id,
    };
    let mut pilot = Pilot::new(world, agents);
    loop {
        if !scene.with(|stage| stage.leaders.contains(&id)) {
            scene.executor.sleep(Duration::from_millis(100)).await;
            continue;
        }
        let pause = match pilot.pass().await {
            Ok(passed) if passed.acted => PAUSE,
            Ok(passed) => {
                let left = passed.wake_at - now(&scene);
                Duration::from_millis(u64::try_from(left).unwrap_or(0)).max(PAUSE)
            }
            Err(_) => AGAIN,
        };
        tokio::select! {
            biased;
            () = wake.notified() => {}
            () = scene.executor.sleep(pause) => {}
        }
    }
}

fn now(scene: &Scene) -> Millis {
    EPOCH_MS + Millis::try_from(scene.executor.now().as_millis()).unwrap_or(Millis::MAX)
}

/// Kubernetes, as a controller sees it.
pub struct SimWorld {
    scene: Scene,
    id: u32,
}

impl SimWorld {
    /// A read, or a write that `work` does; both may fail, before or after it is done.
    async fn ask<T>(&self, work: impl FnOnce(&Scene) -> T) -> Result<T, CallError> {
        let there = async {
            self.scene
                .travel(Node::Controller(self.id), Node::Api)
                .await;
            let mode = self.scene.with(|stage| stage.api.mode);
            if mode == ApiMode::FailsBefore {
                return Err(CallError::Api);
            }
            let done = work(&self.scene);
            self.scene
                .travel(Node::Api, Node::Controller(self.id))
                .await;
            if mode == ApiMode::FailsAfter {
                Err(CallError::Api)
            } else {
                Ok(done)
            }
        };
        self.scene
            .within(API, there)
            .await
            .unwrap_or(Err(CallError::TimedOut))
    }
}

impl World for SimWorld {
    type Error = CallError;

    async fn facts(&mut self) -> Result<Facts, CallError> {
        self.ask(facts).await
    }

    async fn record(
        &mut self,
        expect: Expect,
        register: &Register,
    ) -> Result<(), RecordError<CallError>> {
        let (id, new) = (self.id, register.clone());
        let written = self.ask(move |scene| {
            let fits = scene.with(|stage| expect.fits(stage.api.register.as_ref()))
                || scene.has(Mutation::OverwriteRegister);
            if fits {
                judge::recorded(scene, id, &new);
                let old = scene.with(|stage| stage.api.register.clone());
                let written = new.clone();
                scene.with(|stage| {
                    stage.api.initialised |= new.initialised;
                    stage.api.register = Some(new);
                    stage.api.writes += 1;
                });
                moment::recorded(scene, old.as_ref(), &written);
            }
            fits
        });
        match written.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(RecordError::Conflict),
            Err(error) => Err(RecordError::Failed(error)),
        }
    }

    async fn label(&mut self, member: MemberId, role: Role) -> Result<(), CallError> {
        self.ask(move |scene| {
            let stays = role == Role::Replica && scene.has(Mutation::LabelStays);
            if !stays {
                scene.with(|stage| stage.api.labels.insert(member, role));
            }
        })
        .await
    }

    async fn settle(&mut self, member: MemberId) -> Result<(), CallError> {
        self.ask(move |scene| {
            scene.with(|stage| stage.api.asks.remove(&member));
        })
        .await
    }

    async fn report(&mut self, _: &Observation, decision: &Decision) -> Result<(), CallError> {
        let verdict = &decision.verdict;
        if verdict.code == moco_planner::verdict::UNSAFE_PLAN {
            self.scene
                .violated(Property::NoPlanRefused, verdict.sentence.clone());
        }
        let told = Verdict {
            code: verdict.code.clone(),
            sentence: verdict.sentence.clone(),
            idle: decision.plan.steps.is_empty(),
        };
        let before = self
            .scene
            .with(|stage| stage.api.verdict.replace(told.clone()));
        if before.is_none_or(|before| before != told) {
            self.scene.tell(format!(
                "controller {}: {}: {}",
                self.id, told.code, told.sentence
            ));
        }
        Ok(())
    }

    fn now(&self) -> Millis {
        now(&self.scene)
    }
}

fn facts(scene: &Scene) -> Facts {
    scene.with(|stage| {
        let recorded = stage
            .api
            .register
            .iter()
            .flat_map(|register| register.membership.all());
        let wanted = (0..stage.api.wanted).map(MemberId);
        let there = stage.machines.iter().filter(|(_, machine)| machine.there);
        let found = there.map(|(id, _)| MemberId(*id));
        let ids: std::collections::BTreeSet<_> = recorded.chain(wanted).chain(found).collect();
        let members: BTreeMap<_, _> = ids
            .into_iter()
            .map(|id| {
                let there = stage
                    .machines
                    .get(&id.0)
                    .is_some_and(|machine| machine.there);
                let agent = if there {
                    Ok(format!("agent-{id}"))
                } else {
                    Err("there is no pod".to_owned())
                };
                let facts = MemberFacts {
                    endpoint: Endpoint {
                        member: id,
                        host: stage.host(id.0),
                        port: 3306,
                    },
                    agent,
                    label: stage.api.labels.get(&id).copied(),
                    ask: stage.api.asks.get(&id).cloned(),
                };
                (id, facts)
            })
            .collect();
        Facts {
            cluster: stage.cluster.clone(),
            uid: stage.uid.clone(),
            wanted: Wanted {
                replicas: stage.api.wanted,
                clustering: Clustering::Active,
                rebuild: Rebuild::Allowed,
                force: None,
            },
            register: stage.api.register.clone(),
            initialised_before: stage.api.initialised,
            platform: Vec::new(),
            members,
        }
    })
}

/// The agents, as a controller reaches them.
pub struct SimAgents {
    scene: Scene,
    id: u32,
}

impl Agents for SimAgents {
    type Error = CallError;

    fn connect(&mut self, _: &ClusterId, _: &BTreeMap<MemberId, MemberFacts>) {}

    async fn report(
        &self,
        member: MemberId,
        within: Duration,
    ) -> Option<Result<MemberReport, CallError>> {
        let there = self.scene.with(|stage| {
            let owner = stage.agent(member.0)?;
            Some((owner, stage.machines.get(&member.0)?.member.clone()))
        });
        let (owner, agent) = there?;
        let work = async move {
            let agent = agent?;
            agent.controller_called();
            Some(agent.report().await)
        };
        let call = self.scene.call(
            Node::Controller(self.id),
            Node::Member(member.0),
            owner,
            work,
        );
        Some(match self.scene.within(within, call).await {
            Some(Ok(Some(report))) => Ok(report),
            Some(Ok(None)) => Err(CallError::Refused),
            Some(Err(error)) => Err(error),
            None => Err(CallError::TimedOut),
        })
    }

    async fn carry(&self, order: &Order, within: Duration) -> Option<Result<Answer, CallError>> {
        let member = order.member.0;
        let there = self.scene.with(|stage| {
            stage.orders += 1;
            let owner = stage.agent(member)?;
            Some((owner, stage.machines.get(&member)?.member.clone()))
        });
        let (owner, agent) = there?;
        let words = moco_planner::Step::Send(order.clone()).to_string();
        let (scene, order) = (self.scene.clone(), order.clone());
        let work = async move {
            let agent = agent?;
            moment::ordered(&scene, &order);
            let answer = orders::carry(&agent, order).await;
            scene.tell(format!("{words}: {answer:?}"));
            Some(answer)
        };
        let call = self
            .scene
            .call(Node::Controller(self.id), Node::Member(member), owner, work);
        Some(match self.scene.within(within, call).await {
            Some(Ok(Some(answer))) => Ok(answer),
            Some(Ok(None)) => Err(CallError::Refused),
            Some(Err(error)) => Err(error),
            None => Err(CallError::TimedOut),
        })
    }
}
