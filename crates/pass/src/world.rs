//! What a pass needs from its surroundings.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::time::Duration;

use moco_model::command::{Answer, Order};
use moco_model::{ClusterId, ClusterUid, Endpoint, MemberId, MemberReport, Millis, Register, Role};
use moco_planner::observation::{Ask, PlatformFault};
use moco_planner::plan::Expect;
use moco_planner::{Decision, Observation, Wanted};

/// Kubernetes, or one machine.
pub trait World: Send {
    /// Why the surroundings could not be read or written. The pass ends and is repeated.
    type Error: StdError + Send + Sync + 'static;

    /// What is wanted, the register read with a quorum, and where the members are.
    fn facts(&mut self) -> impl Future<Output = Result<Facts, Self::Error>> + Send;

    /// Writes the register if it is what `expect` says; the answer must hold what was written.
    fn record(
        &mut self,
        expect: Expect,
        register: &Register,
    ) -> impl Future<Output = Result<(), RecordError<Self::Error>>> + Send;

    /// Tells clients the role of a member.
    fn label(
        &mut self,
        member: MemberId,
        role: Role,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Drops what was asked of a member: it is done, or will not be done.
    fn settle(&mut self, member: MemberId) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Leads clients to whom the members' own words allow, where no platform does that by the labels.
    fn lead(&mut self, _seen: &Observation) {}

    /// Tells people.
    fn report(
        &mut self,
        seen: &Observation,
        decision: &Decision,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The time, as it is recorded and shown.
    fn now(&self) -> Millis {
        now()
    }
}

/// The time of this machine.
pub fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

/// How the members' agents are reached.
pub trait Agents: Send + Sync {
    /// Why an agent did not answer.
    type Error: StdError + Send + Sync + 'static;

    /// Takes over where the agents are now.
    fn connect(&mut self, cluster: &ClusterId, members: &BTreeMap<MemberId, MemberFacts>);

    /// What an agent says about its member; none if there is no line to it.
    fn report(
        &self,
        member: MemberId,
        within: Duration,
    ) -> impl Future<Output = Option<Result<MemberReport, Self::Error>>> + Send;

    /// Gives an agent an order; none if there is no line to it.
    fn carry(
        &self,
        order: &Order,
        within: Duration,
    ) -> impl Future<Output = Option<Result<Answer, Self::Error>>> + Send;
}

/// Why the register was not written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError<E: StdError + 'static> {
    /// Somebody else wrote it first; the next pass sees what.
    #[error("the register was changed by somebody else")]
    Conflict,
    /// What was written did not come back: the place does not keep it.
    #[error("the register does not keep what was written to it")]
    NotKept,
    /// It could not be reached.
    #[error("the register could not be written")]
    Failed(#[source] E),
}

/// What is known without asking the members.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Which cluster.
    pub cluster: ClusterId,
    /// Which incarnation of that name.
    pub uid: ClusterUid,
    /// What the user wants.
    pub wanted: Wanted,
    /// The register.
    pub register: Option<Register>,
    /// Whether the cluster was initialised before, by another record than the register.
    pub initialised_before: bool,
    /// What the platform says.
    pub platform: Vec<PlatformFault>,
    /// The members, wanted, recorded or found.
    pub members: BTreeMap<MemberId, MemberFacts>,
}

/// Where a member is.
#[derive(Clone, Debug)]
pub struct MemberFacts {
    /// Where the other members reach its mysqld.
    pub endpoint: Endpoint,
    /// `host:port` of its agent, or why there is none.
    pub agent: Result<String, String>,
    /// The role that clients are told.
    pub label: Option<Role>,
    /// What somebody asks of it.
    pub ask: Option<Ask>,
}
