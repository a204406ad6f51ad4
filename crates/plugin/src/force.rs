//! `kubectl moco force`: a failover although it cannot be proven that nothing acknowledged is lost.
//!
//! It says what may be lost before it does anything, and acts only when it is told the epoch that it
//! showed. The demand is bound to that epoch, so it has no effect after any other decision.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use moco_api::constants::conditions;
use moco_model::{Epoch, MemberId, Register, quorum};

use crate::cluster::{Cluster, NoRegister, is_counted, is_heard};
use crate::table::{Row, table};

/// Why nothing is demanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Nothing runs.
    #[error("the cluster is offline; set spec.offline to false first")]
    Offline,
    /// Nobody would decide.
    #[error(
        "clustering is stopped, so nothing would happen; run `kubectl moco start clustering` first"
    )]
    ClusteringStopped,
    /// No primary is known.
    #[error(transparent)]
    NoRegister(NoRegister),
    /// Nobody else.
    #[error("a cluster of one member has nobody to fail over to; restore a backup instead")]
    SingleMember,
    /// Nothing is broken.
    #[error("the primary takes writes; use `kubectl moco switchover`, which loses nothing")]
    Available,
    /// Nobody is left.
    #[error("no other member is heard, so there is nobody to fail over to")]
    NobodyHeard,
}

/// What a forced failover would give up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    cluster: String,
    name: String,
    /// The epoch that is given up.
    pub(crate) epoch: Epoch,
    primary: Follower,
    verdict: String,
    /// The others, of every membership that counts.
    followers: Vec<Follower>,
    /// One for each membership that counts.
    rules: Vec<Rule>,
}

/// A member in the light of a failover.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Follower {
    id: MemberId,
    /// Its agent is heard.
    heard: bool,
    /// It was seen to hold everything that the primary held.
    counted: bool,
    /// What the status says of it.
    state: String,
}

impl Follower {
    fn of(cluster: &Cluster, register: &Register, id: MemberId) -> Self {
        let member = cluster.member(id);
        Self {
            id,
            heard: member.is_some_and(is_heard),
            counted: is_counted(register, id, member),
            state: member.map_or_else(|| "not known".to_owned(), |member| member.phase.clone()),
        }
    }

    const fn is_witness(&self) -> bool {
        self.heard && self.counted
    }
}

/// How many acknowledgements there were and how many promises there are, under one membership.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    acks: u32,
    needed: u32,
    given: BTreeSet<MemberId>,
    missing: BTreeSet<MemberId>,
}

impl Rule {
    fn of(members: &BTreeSet<MemberId>, primary: MemberId, followers: &[Follower]) -> Self {
        let size = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let of_these = followers.iter().filter(|one| members.contains(&one.id));
        let (given, missing): (Vec<_>, Vec<_>) = of_these.partition(|one| one.is_witness());
        let ids = |all: Vec<&Follower>| {
            let ids = all.into_iter().map(|one| one.id);
            ids.filter(|id| *id != primary).collect()
        };
        Self {
            acks: quorum::acks(size),
            needed: quorum::promises(size),
            given: ids(given),
            missing: ids(missing),
        }
    }

    fn is_met(&self) -> bool {
        u32::try_from(self.given.len()).is_ok_and(|given| given >= self.needed)
    }
}

/// Says what a forced failover would give up, or why there is none.
pub(crate) fn loss(cluster: &Cluster) -> Result<Loss, Refusal> {
    if cluster.offline {
        return Err(Refusal::Offline);
    }
    if cluster.clustering_stopped() {
        return Err(Refusal::ClusteringStopped);
    }
    let register = cluster.register().map_err(Refusal::NoRegister)?;
    let everybody = register.membership.all();
    if everybody.len() <= 1 {
        return Err(Refusal::SingleMember);
    }
    if cluster.is(conditions::AVAILABLE) {
        return Err(Refusal::Available);
    }
    let follower = |id: &MemberId| Follower::of(cluster, register, *id);
    let others = everybody.iter().filter(|id| **id != register.primary);
    let followers: Vec<_> = others.map(follower).collect();
    if !followers.iter().any(|one| one.heard) {
        return Err(Refusal::NobodyHeard);
    }
    let old = register.membership.old.iter();
    let memberships = std::iter::once(&register.membership.members).chain(old);
    Ok(Loss {
        cluster: cluster.id.to_string(),
        name: cluster.id.name.clone(),
        epoch: register.epoch,
        primary: follower(&register.primary),
        verdict: cluster.verdict_line(),
        rules: memberships
            .map(|members| Rule::of(members, register.primary, &followers))
            .collect(),
        followers,
    })
}

/// Numbers as "1 and 2".
fn listed(members: &BTreeSet<MemberId>) -> String {
    let names: Vec<_> = members.iter().map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

impl Loss {
    /// What it gives up, for people.
    pub(crate) fn text(&self) -> String {
        let (primary, epoch) = (&self.primary, self.epoch);
        let mut text = format!("{}: {}\n\n", self.cluster, self.verdict);
        let _ = writeln!(text, "Epoch {epoch}, primary is member {}.", primary.id);
        let everybody = std::iter::once(primary).chain(&self.followers);
        let rows: Vec<_> = everybody.map(|one| one.row(primary.id)).collect();
        let header = ["MEMBER", "ROLE", "HEARD", "COUNTED", "STATE"];
        text.push_str(&table(header, &rows));
        text.push('\n');
        for rule in &self.rules {
            self.explain(&mut text, rule);
        }
        self.conclude(&mut text);
        text
    }

    fn explain(&self, text: &mut String, rule: &Rule) {
        let Rule {
            acks,
            needed,
            given,
            missing,
        } = rule;
        let begin = if self.rules.len() > 1 {
            let size = given.len() + missing.len() + 1;
            format!("The number of members changes; as a cluster of {size}, each commit")
        } else {
            "Each commit".to_owned()
        };
        let _ = writeln!(
            text,
            "{begin} was acknowledged by {acks} of the other members. \
             {needed} of them must promise to prove that none is lost; {} can.",
            given.len(),
        );
        if !rule.is_met() {
            let mut holders = missing.clone();
            holders.insert(self.primary.id);
            let _ = writeln!(
                text,
                "NOT PROVEN. What only members {} hold will be lost, although clients were told \
                 that it is committed.",
                listed(&holders),
            );
        }
    }

    fn conclude(&self, text: &mut String) {
        if self.rules.iter().all(Rule::is_met) {
            text.push_str(
                "Enough members can promise: MOCO fails over by itself when the primary is dead, \
                 and nothing is lost. Read above why it does not before you force it.\n",
            );
        } else {
            text.push_str(
                "How much that is cannot be known without these members. Bring one of them back \
                 if you can: then nothing is lost, and MOCO goes on by itself.\n",
            );
        }
        if self.primary.heard {
            let _ = writeln!(
                text,
                "Member {} is heard: what it holds can perhaps still be saved.",
                self.primary.id
            );
        }
        text.push_str(
            "Forced all the same, the member that holds most becomes primary, and the cluster goes \
             on with the members that are heard. When another one comes back, what only it holds \
             is kept aside on its volume and is no part of the cluster any more.\n",
        );
    }

    /// The line that does it.
    pub(crate) fn how(&self) -> String {
        let (name, epoch) = (&self.name, self.epoch);
        format!("To fail over all the same: kubectl moco force {name} --epoch {epoch}")
    }

    /// Why the epoch that was given does not do.
    pub(crate) fn wrong_epoch(&self, given: u64) -> Option<String> {
        (given != self.epoch.0).then(|| {
            let epoch = self.epoch;
            format!("the epoch is {epoch}, not {given}: another decision was taken; read the above again")
        })
    }
}

impl Follower {
    fn row(&self, primary: MemberId) -> Row<5> {
        let yes = |yes| if yes { "yes" } else { "no" }.to_owned();
        let is_primary = self.id == primary;
        let role = if is_primary { "primary" } else { "replica" };
        let counted = if is_primary {
            "-".to_owned()
        } else {
            yes(self.counted)
        };
        Row {
            cells: [
                self.id.to_string(),
                role.to_owned(),
                yes(self.heard),
                counted,
                self.state.clone(),
            ],
            below: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
