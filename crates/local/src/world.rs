//! One machine as the world of a pass: the register is a file, members are folders with processes,
//! clients are told by the fronts.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use moco_model::{Endpoint, MemberId, Register, Role};
use moco_pass::{Facts, MemberFacts, RecordError, World};
use moco_planner::observation::{Clustering, PlatformFault, PlatformFaultKind, Rebuild};
use moco_planner::plan::Expect;
use moco_planner::{Decision, Observation, Wanted};
use tokio::sync::watch;

use crate::fronts::Targets;
use crate::home::{self, Home};
use crate::manifest::{Manifest, Settings};
use crate::members;
use crate::requests::{Requests, Switchover};
use crate::status::Status;

/// A file or a process of the cluster's could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub(crate) struct LocalError(anyhow::Error);

impl From<anyhow::Error> for LocalError {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

/// The world.
pub(crate) struct LocalWorld {
    home: Home,
    settings: Settings,
    manifest: Manifest,
    labels: BTreeMap<MemberId, Role>,
    targets: watch::Sender<Targets>,
    shown: Option<Status>,
    /// The switchover that was asked for when this pass began.
    asked: Option<Switchover>,
}

impl LocalWorld {
    /// Begins with the manifest in the cluster's folder.
    pub(crate) fn new(
        home: Home,
        settings: Settings,
        targets: watch::Sender<Targets>,
    ) -> anyhow::Result<Self> {
        let manifest = Manifest::read(&home.manifest(), &settings.uid)?;
        Ok(Self {
            home,
            settings,
            manifest,
            labels: BTreeMap::new(),
            targets,
            shown: None,
            asked: None,
        })
    }

    /// Takes over a changed manifest; a bad one is a fault and changes nothing.
    fn reload(&mut self) -> Vec<PlatformFault> {
        match Manifest::read(&self.home.manifest(), &self.settings.uid) {
            Ok(manifest) => {
                self.manifest = manifest;
                Vec::new()
            }
            Err(error) => vec![PlatformFault {
                kind: PlatformFaultKind::InvalidSpec,
                member: None,
                sentence: format!("{error:#}"),
            }],
        }
    }

    fn read_register(&self) -> Result<Option<Register>, LocalError> {
        Ok(home::read_json(&self.home.register())?)
    }

    /// Makes the member's files and starts its processes, if they do not run.
    fn member(
        &self,
        id: MemberId,
        register: Option<&Register>,
        requests: &Requests,
    ) -> (MemberFacts, Option<PlatformFault>) {
        let started = members::ensure(&self.home, &self.settings, &self.manifest, id);
        let agent = match &started {
            Ok(()) => Ok(members::agent_address(&self.settings, id).to_string()),
            Err(error) => Err(format!("{error:#}")),
        };
        let fault = started.err().map(|error| PlatformFault {
            kind: PlatformFaultKind::PodCannotRun,
            member: Some(id),
            sentence: format!("member {id} cannot be started: {error:#}"),
        });
        let primary = register.map(|register| register.primary);
        let host = self.settings.member(id).to_string();
        let endpoint = Endpoint {
            member: id,
            host,
            port: members::MYSQL_PORT,
        };
        (
            MemberFacts {
                endpoint,
                agent,
                label: self.labels.get(&id).copied(),
                ask: requests.ask(id, primary),
            },
            fault,
        )
    }

    fn targets(&self, seen: &Observation) -> Targets {
        let address = |id| SocketAddr::from((self.settings.member(id), members::MYSQL_PORT));
        let max_delay_ms = u64::from(self.manifest.cluster.max_delay_secs).saturating_mul(1000);
        let mut targets = Targets::default();
        for (id, member) in &seen.members {
            let Some(server) = member.server().filter(|server| !server.offline) else {
                continue;
            };
            match self.labels.get(id) {
                Some(Role::Primary) if server.writable => targets.primary = Some(address(*id)),
                Some(Role::Replica) if seen.follows_primary(member) => {
                    let lag = server
                        .replication
                        .as_ref()
                        .map_or(0, |channel| channel.lag_ms);
                    if max_delay_ms == 0 || lag < max_delay_ms {
                        targets.replicas.push(address(*id));
                    }
                }
                Some(Role::Primary | Role::Replica) | None => {}
            }
        }
        targets
    }
}

impl World for LocalWorld {
    type Error = LocalError;

    async fn facts(&mut self) -> Result<Facts, LocalError> {
        let mut platform = self.reload();
        let register = self.read_register()?;
        let replicas = self.manifest.cluster.replicas;
        let recorded = register
            .iter()
            .flat_map(|register| register.membership.all());
        let requests = Requests::read(&self.home)?;
        self.asked = requests.switchover;
        let mut ids: Vec<_> = (0..replicas).map(MemberId).chain(recorded).collect();
        ids.sort_unstable();
        ids.dedup();
        members::dismiss(&self.home, &ids)?;
        let mut found = BTreeMap::new();
        for id in ids {
            let (member, fault) = self.member(id, register.as_ref(), &requests);
            platform.extend(fault);
            found.insert(id, member);
        }
        let stopped = self.manifest.cluster.stopped.clustering;
        let clustering = if stopped {
            Clustering::Stopped
        } else {
            Clustering::Active
        };
        Ok(Facts {
            cluster: self.manifest.cluster.id.clone(),
            uid: self.settings.uid.clone(),
            wanted: Wanted {
                replicas,
                clustering,
                rebuild: Rebuild::Allowed,
                force: requests.force,
            },
            register,
            initialised_before: false,
            platform,
            members: found,
        })
    }

    async fn record(
        &mut self,
        expect: Expect,
        register: &Register,
    ) -> Result<(), RecordError<LocalError>> {
        // This process holds the cluster's lock, so nobody writes between reading and replacing.
        let found = self.read_register().map_err(RecordError::Failed)?;
        if !expect.fits(found.as_ref()) {
            return Err(RecordError::Conflict);
        }
        home::write_json(&self.home.register(), register)
            .map_err(|error| RecordError::Failed(error.into()))?;
        match self.read_register() {
            Ok(Some(kept)) if kept == *register => Ok(()),
            Ok(_) => Err(RecordError::NotKept),
            Err(error) => Err(RecordError::Failed(error)),
        }
    }

    async fn label(&mut self, member: MemberId, role: Role) -> Result<(), LocalError> {
        self.labels.insert(member, role);
        Ok(())
    }

    async fn settle(&mut self, _: MemberId) -> Result<(), LocalError> {
        let mut requests = Requests::read(&self.home)?;
        // What was asked after the pass had begun is not answered by it.
        if requests.switchover.is_none() || requests.switchover != self.asked {
            return Ok(());
        }
        requests.switchover = None;
        Ok(requests.write(&self.home)?)
    }

    fn lead(&mut self, seen: &Observation) {
        let targets = self.targets(seen);
        self.targets.send_if_modified(|shown| {
            let changed = *shown != targets;
            if changed {
                shown.clone_from(&targets);
            }
            changed
        });
    }

    async fn report(&mut self, seen: &Observation, decision: &Decision) -> Result<(), LocalError> {
        let status = Status::of(&self.settings, &self.manifest, seen, decision);
        if self.shown.as_ref() != Some(&status) {
            home::write_json(&self.home.status(), &status)?;
            self.shown = Some(status);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use moco_model::register::{Basis, BasisKind};
    use moco_model::{ClusterUid, Epoch, GtidSet, Membership};

    use super::*;

    fn register(epoch: u64) -> Register {
        Register {
            epoch: Epoch(epoch),
            revision: epoch,
            primary: MemberId(0),
            membership: Membership::first(3),
            initialised: false,
            basis: Basis {
                kind: BasisKind::Bootstrap,
                decided_at: 0,
                because: String::new(),
                must_hold: GtidSet::new(),
                writer: None,
            },
            counted: BTreeMap::new(),
            switchover: None,
            handovers: vec![],
        }
    }

    #[tokio::test]
    async fn the_register_is_written_only_over_what_was_expected() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().to_owned());
        let manifest = include_str!("../../../examples/mysqlcluster.yaml");
        std::fs::write(home.manifest(), manifest).unwrap();
        let settings = Settings {
            uid: ClusterUid("u".into()),
            network: [127, 77, 1, 0].into(),
            mysqld: "mysqld".into(),
            moco: "moco".into(),
            launcher: None,
        };
        let (targets, _) = watch::channel(Targets::default());
        let mut world = LocalWorld::new(home, settings, targets).unwrap();
        world.record(Expect::Absent, &register(1)).await.unwrap();
        let again = world.record(Expect::Absent, &register(9)).await;
        assert!(matches!(again, Err(RecordError::Conflict)), "{again:?}");
        let stale = world.record(Expect::of(&register(7)), &register(8)).await;
        assert!(matches!(stale, Err(RecordError::Conflict)), "{stale:?}");
        world
            .record(Expect::of(&register(1)), &register(2))
            .await
            .unwrap();
        assert_eq!(world.read_register().unwrap(), Some(register(2)));
    }
}
