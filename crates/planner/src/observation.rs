//! What was seen of a cluster: openly incomplete, and late.

use std::collections::BTreeMap;

use moco_model::guard::DataState;
use moco_model::report::ThreadState;
use moco_model::{
    ClusterId, ClusterUid, Endpoint, Epoch, GtidSet, Guard, MemberId, MemberReport, Millis, Phase,
    Register, Role, ServerReport, quorum,
};
use serde::{Deserialize, Serialize};

/// Everything that a pass saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Which cluster.
    pub cluster: ClusterId,
    /// Which incarnation of that name.
    pub uid: ClusterUid,
    /// What the user wants.
    pub wanted: Wanted,
    /// The register, if there is one.
    pub register: Option<Register>,
    /// Whether the cluster's record says that it was initialised before, apart from the register.
    pub initialised_before: bool,
    /// What the platform says that no agent can: objects refused, pods that cannot run.
    pub platform: Vec<PlatformFault>,
    /// The members that are wanted, recorded or seen.
    pub members: BTreeMap<MemberId, Member>,
    /// What the open primary had in an earlier pass.
    #[serde(default)]
    pub mark: Option<Mark>,
}

/// What the open primary had executed when it was read in a pass, after the members whose data is named. Replicas are
/// read before their primary, so those of a busy one never seem to hold all it has; but once they hold what it had
/// when their data was already this one, they hold whatever was acknowledged before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The epoch in force, which the primary had been told.
    pub epoch: Epoch,
    /// The primary's set.
    pub executed: GtidSet,
    /// The incarnations of the members' data that were seen in the same pass.
    pub incarnations: BTreeMap<MemberId, String>,
    /// The rule that held.
    pub rule: Rule,
    /// Whether the pass before had seen this rule already, so that it certainly held for all that was committed after
    /// the set was read.
    pub settled: bool,
}

/// What a commit waited for: among whom, and how many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The version of the membership.
    pub version: u64,
    /// The acknowledgements that the primary waits for.
    pub acks: u32,
}

impl Mark {
    /// The mark for the next pass. One that a follower has not reached yet is kept: passes come faster than a replica
    /// that is seconds behind catches up, and a mark that moves on with the primary it would never reach.
    pub fn after(seen: &Observation) -> Option<Self> {
        let new = Self::of(seen)?;
        let old = seen.mark.as_ref().filter(|old| {
            let same = (old.epoch, old.rule) == (new.epoch, new.rule);
            same && old.incarnations == new.incarnations
        });
        let behind = |(id, member): (MemberId, &Member)| {
            seen.follows_primary(member) && !seen.holds_mark(id, member)
        };
        match old {
            Some(old) if seen.replicas().any(behind) => Some(old.clone()),
            _ => Some(new),
        }
    }

    /// What is seen now as a mark, if the primary is open in the epoch in force.
    pub fn of(seen: &Observation) -> Option<Self> {
        let (register, primary) = seen.primary()?;
        let server = primary.server().filter(|server| server.writable)?;
        let told = primary.guard()?.epoch == register.epoch;
        let data = |(id, member): (&MemberId, &Member)| {
            let guard = member.guard()?;
            Some((*id, guard.incarnation.clone()))
        };
        let rule = Rule {
            version: register.membership.version,
            acks: server.semi_sync.wait_for,
        };
        let before = seen.mark.as_ref();
        told.then(|| Self {
            rule,
            settled: before.is_some_and(|mark| mark.epoch == register.epoch && mark.rule == rule),
            epoch: register.epoch,
            executed: server.executed.clone(),
            incarnations: seen.members.iter().filter_map(data).collect(),
        })
    }
}

/// What the user wants of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Number of members.
    pub replicas: u32,
    /// Whether MOCO may act on the members.
    pub clustering: Clustering,
    /// Whether a member whose data another history has overtaken may be emptied and cloned.
    pub rebuild: Rebuild,
    /// A person demands a new primary although promises are missing, and names the epoch that is to
    /// end with it.
    pub force: Option<Epoch>,
}

/// Whether a member's data may be given up for a clone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rebuild {
    /// MOCO does it by itself; what only that member held is kept aside.
    Allowed,
    /// A person decides.
    Forbidden,
}

/// Whether MOCO may act on the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Clustering {
    /// It may.
    Active,
    /// The user stopped it (annotation `moco.cybozu.com/clustering-stopped`).
    Stopped,
    /// The user took the whole cluster down (`spec.offline`).
    Offline,
}

/// Something the platform reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformFault {
    /// What kind.
    pub kind: PlatformFaultKind,
    /// The member it concerns, or the whole cluster.
    pub member: Option<MemberId>,
    /// What is wrong and what to do, for people.
    pub sentence: String,
}

/// Kinds of faults that the platform reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlatformFaultKind {
    /// Objects of this name were made by another operator.
    ForeignCluster,
    /// The manifest cannot be carried out.
    InvalidSpec,
    /// An object could not be written.
    ObjectRefused,
    /// A pod cannot run: no node, no image, a container that fails.
    PodCannotRun,
}

/// One member as seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Where the others reach its mysqld.
    pub endpoint: Endpoint,
    /// What its agent says.
    pub report: Seen<MemberReport>,
    /// The role that clients are told.
    pub label: Option<Role>,
    /// What somebody asks of it.
    pub ask: Option<Ask>,
}

/// What a person, or the platform, asks of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// Not to be the primary: its pod is going away, or somebody said so.
    Leave {
        /// Who or what asks, for people.
        because: String,
    },
    /// To be the primary.
    Lead {
        /// Who or what asks, for people.
        because: String,
    },
}

/// A fact with its time. "Could not reach" is a fact with a beginning, not an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen<T> {
    /// Read in this pass.
    Fresh(T),
    /// Not read in this pass.
    Silent {
        /// Since when.
        since: Millis,
        /// Why, for people.
        because: String,
    },
}

impl<T> Seen<T> {
    /// The value, if it was read in this pass.
    pub const fn fresh(&self) -> Option<&T> {
        match self {
            Self::Fresh(value) => Some(value),
            Self::Silent { .. } => None,
        }
    }
}

impl Member {
    /// What mysqld says, if it answers.
    pub fn server(&self) -> Option<&ServerReport> {
        self.report.fresh()?.server.as_ref()
    }

    /// The guard file, if the agent answers and there is one.
    pub fn guard(&self) -> Option<&Guard> {
        self.report.fresh()?.guard.as_ref()
    }

    /// What the member is doing, if its agent answers.
    pub fn phase(&self) -> Option<Phase> {
        Some(self.report.fresh()?.phase)
    }

    /// How far its data directory is, if its agent answers and there is a guard.
    pub fn data(&self) -> Option<DataState> {
        Some(self.guard()?.data)
    }

    /// Everything it holds: received or executed.
    pub fn held(&self) -> Option<GtidSet> {
        let server = self.server()?;
        let received = server.replication.as_ref().map(|channel| &channel.received);
        Some(received.map_or_else(
            || server.executed.clone(),
            |received| received.union(&server.executed),
        ))
    }

    /// Whether its mysqld runs and holds the cluster's history.
    pub fn runs_with_data(&self) -> bool {
        self.phase() == Some(Phase::Running) && self.data() == Some(DataState::Holding)
    }

    /// Whether it replicates from `source`, with both threads as they should be.
    pub fn follows(&self, source: &Endpoint) -> bool {
        let channel = self.server().and_then(|server| server.replication.as_ref());
        channel.is_some_and(|channel| {
            channel.source_host == source.host
                && channel.source_port == source.port
                && channel.receiver != ThreadState::Off
                && channel.applier == ThreadState::On
        })
    }

    /// Whether its channel names this source, whether its threads run or not.
    pub fn points_at(&self, source: &Endpoint) -> bool {
        let channel = self.server().and_then(|server| server.replication.as_ref());
        channel.is_some_and(|channel| {
            channel.source_host == source.host && channel.source_port == source.port
        })
    }

    /// Whether its agent reports a fault.
    pub fn faulty(&self) -> bool {
        self.report
            .fresh()
            .is_some_and(|report| report.fault.is_some())
    }
}

impl Observation {
    /// The member that the register names, if there is a register and the member was looked for.
    pub fn primary(&self) -> Option<(&Register, &Member)> {
        let register = self.register.as_ref()?;
        Some((register, self.members.get(&register.primary)?))
    }

    /// All members but the register's primary.
    pub fn replicas(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        let primary = self.register.as_ref().map(|register| register.primary);
        self.members
            .iter()
            .map(|(id, member)| (*id, member))
            .filter(move |(id, _)| Some(*id) != primary)
    }

    /// Whether `member` replicates from the register's primary, with both threads as they should be.
    pub fn follows_primary(&self, member: &Member) -> bool {
        self.primary()
            .is_some_and(|(_, primary)| member.follows(&primary.endpoint))
    }

    /// Whether `member` holds every transaction that the primary had executed when it was read.
    pub fn holds_primary_set(&self, member: &Member) -> bool {
        let primary = self.primary().and_then(|(_, primary)| primary.server());
        let (Some(primary), Some(held)) = (primary, member.held()) else {
            return false;
        };
        held.contains(&primary.executed)
    }

    /// Whether whatever clients of the primary were or will be told OK waited for as many acknowledgements as commits
    /// wait for now, or is held by whoever acknowledged since: a commit that was written to the binary log before the
    /// number was raised does not wait for more, however late its client is answered.
    pub fn commits_settled(&self) -> bool {
        let report = self
            .primary()
            .and_then(|(_, primary)| primary.report.fresh());
        report
            .and_then(|report| report.commits)
            .is_some_and(|commits| commits.settled)
    }

    /// Whether `member` holds every transaction that the open primary of this epoch had executed when it was last read,
    /// and had the same data then.
    pub fn holds_mark(&self, id: MemberId, member: &Member) -> bool {
        let (Some(mark), Some(register)) = (&self.mark, &self.register) else {
            return false;
        };
        let incarnation = member.guard().map(|guard| &guard.incarnation);
        mark.epoch == register.epoch
            && incarnation.is_some()
            && mark.incarnations.get(&id) == incarnation
            && member
                .held()
                .is_some_and(|held| held.contains(&mark.executed))
    }

    /// Whether `member` holds what the primary had when commits already waited as they have to now.
    pub fn holds_settled_mark(&self, id: MemberId, member: &Member) -> bool {
        let (Some(mark), Some(register)) = (&self.mark, &self.register) else {
            return false;
        };
        let rule = Rule {
            version: register.membership.version,
            acks: quorum::acks_under(&register.membership),
        };
        mark.settled && mark.rule == rule && self.holds_mark(id, member)
    }

    /// Whether a promise of this member counts in a failover: it is recorded, and its data is the
    /// one that was seen to hold everything.
    pub fn counts(&self, id: MemberId) -> bool {
        let Some(register) = &self.register else {
            return false;
        };
        let incarnation = self
            .members
            .get(&id)
            .and_then(Member::guard)
            .map(|guard| &guard.incarnation);
        register.membership.all().contains(&id)
            && incarnation.is_some()
            && register.counted.get(&id) == incarnation
    }

    /// The number of the next decision: above the register's, and not below any promise.
    pub fn next_epoch(&self) -> Epoch {
        let decided = self
            .register
            .as_ref()
            .map_or(Epoch(1), |register| register.epoch.next());
        let promised = self
            .members
            .values()
            .filter_map(|member| Some(member.guard()?.promised));
        promised.fold(decided, Epoch::max)
    }
}
