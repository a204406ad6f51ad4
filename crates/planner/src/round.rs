//! The round of promises that a failover needs, as far as it has come.

use std::collections::{BTreeMap, BTreeSet};

use moco_model::report::ThreadState;
use moco_model::{Epoch, GtidSet, MemberId, Register, ServerReport, ServerUuid, quorum};

use crate::observation::{Ask, Member, Observation};

/// The followers that can be asked, and what those who promised hold.
pub(crate) struct Round<'a> {
    pub(crate) register: &'a Register,
    /// The epoch that is promised.
    pub(crate) next: Epoch,
    /// Followers that run, answer and hold data, whether they count or not.
    pub(crate) followers: BTreeMap<MemberId, Follower<'a>>,
}

/// One of them.
pub(crate) struct Follower<'a> {
    pub(crate) member: &'a Member,
    pub(crate) server: &'a ServerReport,
    /// Its promise counts.
    pub(crate) counted: bool,
    /// It has promised, and its receiver is stopped.
    pub(crate) promised: bool,
    /// Received or executed.
    pub(crate) held: GtidSet,
    /// The part of it that nobody was told OK: what it had of a former primary when it took no part in that one's
    /// replacement, or what somebody wrote into it.
    pub(crate) strays: GtidSet,
}

impl<'a> Round<'a> {
    /// The round as it stands; none without a register.
    pub(crate) fn of(seen: &'a Observation) -> Option<Self> {
        let register = seen.register.as_ref()?;
        let next = seen.next_epoch();
        let follower = |(id, member): (MemberId, &'a Member)| {
            let server = member.server()?;
            let recorded = register.membership.all().contains(&id);
            let usable = recorded && member.runs_with_data() && !server.writable;
            let stopped = server
                .replication
                .as_ref()
                .is_none_or(|channel| channel.receiver == ThreadState::Off);
            let held = member.held()?;
            let follower = Follower {
                member,
                server,
                counted: seen.counts(id),
                promised: stopped && member.guard()?.promised >= next,
                strays: register.basis.strays(&held),
                held,
            };
            usable.then_some((id, follower))
        };
        Some(Self {
            register,
            next,
            followers: seen.replicas().filter_map(follower).collect(),
        })
    }

    fn ids(&self, which: impl Fn(&Follower<'_>) -> bool) -> BTreeSet<MemberId> {
        self.followers
            .iter()
            .filter(|(_, follower)| which(follower))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Followers whose promise would count.
    pub(crate) fn able(&self) -> BTreeSet<MemberId> {
        self.ids(|follower| follower.counted)
    }

    /// Followers whose promise was given and counts.
    pub(crate) fn promised(&self) -> BTreeSet<MemberId> {
        self.ids(|follower| follower.counted && follower.promised)
    }

    /// Whether `members` are enough for a failover.
    pub(crate) fn suffices(&self, members: &BTreeSet<MemberId>) -> bool {
        quorum::suffices(&self.register.membership, self.register.primary, members)
    }

    /// The server UUID of a follower.
    pub(crate) fn uuid(&self, id: MemberId) -> Option<ServerUuid> {
        self.followers
            .get(&id)
            .map(|follower| follower.server.server_uuid)
    }

    /// Everything that those whose promise counts hold and that may have been acknowledged.
    pub(crate) fn must_hold(&self) -> GtidSet {
        self.followers
            .values()
            .filter(|follower| follower.counted && follower.promised)
            .fold(GtidSet::new(), |all, follower| {
                all.union(&follower.held.subtract(&follower.strays))
            })
    }

    /// What is in the history if `winner` becomes primary: all that may have been acknowledged, and whatever it holds.
    pub(crate) fn history(&self, winner: MemberId) -> GtidSet {
        let own = self.followers.get(&winner).map(|winner| &winner.held);
        own.map_or_else(|| self.must_hold(), |own| self.must_hold().union(own))
    }

    /// Whether this epoch's primary acknowledged nothing: nobody who promised holds anything that it wrote. Then strays
    /// can go on where the history ended; otherwise they would be out of order.
    fn acknowledged_nothing(&self) -> bool {
        let Some(writer) = self.register.basis.writer else {
            return false;
        };
        let since = self.must_hold().subtract(&self.register.basis.must_hold);
        since == since.written_by_others(writer)
    }

    /// What each of those who promised holds.
    pub(crate) fn sets(&self) -> BTreeMap<MemberId, GtidSet> {
        self.followers
            .iter()
            .filter(|(_, follower)| follower.counted && follower.promised)
            .map(|(id, follower)| (*id, follower.held.clone()))
            .collect()
    }
}

/// Who becomes primary, and why the others do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Election {
    pub(crate) winner: Option<MemberId>,
    pub(crate) losers: Vec<(MemberId, String)>,
}

/// Elects among those who promised. What must be held is told by those whose promise counts; whoever holds
/// that can be primary, counted or not. First everybody who cannot is left out; the rest have one total
/// order: who holds nothing beyond the history, who counts, who does not want to leave, who has less to
/// apply, who has the lower number.
pub(crate) fn elect(round: &Round<'_>) -> Election {
    let must_hold = round.must_hold();
    let strays_fit = round.acknowledged_nothing();
    let mut able = Vec::new();
    let stays = &round.register.membership.members;
    let mut losers = Vec::new();
    for (id, follower) in &round.followers {
        match unfit(follower, &must_hold, strays_fit) {
            Some(because) => losers.push((*id, because)),
            None => able.push((rank(follower, stays.contains(id)), *id)),
        }
    }
    able.sort();
    let mut able = able.into_iter();
    let winner = able.next();
    for (rank, id) in able {
        losers.push((id, lost_because(winner.as_ref(), rank)));
    }
    losers.sort();
    Election {
        winner: winner.map(|(_, id)| id),
        losers,
    }
}

/// How many transactions it holds that were never acknowledged, whether it does not count, whether it wants
/// to leave, and how many transactions it has to apply.
type Rank = (u64, bool, bool, u64);

fn rank(follower: &Follower<'_>, stays: bool) -> Rank {
    let leaves = !stays
        || matches!(follower.member.ask, Some(Ask::Leave { .. }))
        || follower
            .member
            .report
            .fresh()
            .is_some_and(|report| report.leaving);
    (
        follower.strays.count(),
        !follower.counted,
        leaves,
        follower.held.subtract(&follower.server.executed).count(),
    )
}

fn lost_because(winner: Option<&(Rank, MemberId)>, rank: Rank) -> String {
    match winner {
        Some((best, _)) if best.0 != rank.0 => never_acknowledged(rank.0),
        Some((best, _)) if best.1 != rank.1 => NOT_COUNTED.to_owned(),
        Some((best, _)) if best.2 != rank.2 => "it is about to leave".to_owned(),
        Some((best, _)) if best.3 != rank.3 => {
            format!("it has {} transactions to apply", rank.3)
        }
        _ => "another one with a lower number is as good".to_owned(),
    }
}

const NOT_COUNTED: &str = "it was not yet seen to hold everything";

fn never_acknowledged(count: u64) -> String {
    format!("it holds {count} transactions that were never acknowledged")
}

fn unfit(follower: &Follower<'_>, must_hold: &GtidSet, strays_fit: bool) -> Option<String> {
    if !follower.promised {
        return Some("it has not promised".to_owned());
    }
    if !follower.strays.is_empty() && !strays_fit {
        return Some(never_acknowledged(follower.strays.count()));
    }
    let lacks = must_hold.subtract(&follower.held);
    if !lacks.is_empty() {
        return Some(format!("it lacks {} transactions", lacks.count()));
    }
    let channel = follower.server.replication.as_ref();
    if let Some(error) = channel.and_then(|channel| channel.last_error.as_ref())
        && !follower.server.executed.contains(must_hold)
    {
        return Some(format!("its applier fails: {error}"));
    }
    None
}
