//! What is due: the whole life of authorities and leaves as one pure function.
//!
//! The caller gathers a [`CertificateSet`], asks [`due`], does what it says in the order given and
//! asks again until nothing is due. Each step may be the last one before a crash: the next pass
//! goes on from what is there.
//!
//! An authority lives like this:
//!
//! ```text
//! created ─► published ─► (everybody trusts it) ─► issues ─► (its successor issues,
//!                                                            nobody presents a leaf of it) ─► dropped
//! ```
//!
//! Two things cannot wait for a confirmation. When no authority can issue, as on the first day or
//! after its key was lost, and a leaf is needed, the newest published one takes over at once. And
//! when the issuing one has less than [`LAST_CALL`] left, its successor takes over although
//! somebody has not confirmed: the old leaves are about to end for everybody, and whoever has not
//! taken the bundle in eleven months would not take it in the last one.
//!
//! An authority dated in the future means that a clock is wrong. It counts as there, so no other is
//! made for it, but nothing is issued from it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::inspect::{LeafFacts, LeafState};
use crate::leaf::LeafRequest;
use crate::validity::Validity;

/// The least time before its end at which an authority gets its successor; otherwise a tenth of
/// its life, which is a year of ten.
pub const SUCCESSOR_MIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What an authority must have left for its successor to wait for confirmations.
pub const LAST_CALL: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Everything that exists, as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateSet {
    /// The authorities that the operator holds or that are in the bundle, in any order, each
    /// generation once.
    pub authorities: Vec<AuthorityView>,
    /// Generation that issues leaves, once one does.
    pub issuing: Option<u32>,
    /// The leaves that shall exist.
    pub leaves: Vec<LeafView>,
}

/// One authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent observations, each of them false when unsure"
)]
pub struct AuthorityView {
    /// Its generation.
    pub generation: u32,
    /// When it is good.
    pub validity: Validity,
    /// Its key is there and belongs to it, so it can issue.
    pub has_key: bool,
    /// It is in the bundle that everybody is given.
    pub published: bool,
    /// Every user of the bundle has confirmed that it trusts this authority. False when unsure.
    pub trusted_by_all: bool,
    /// Everybody has confirmed to present a leaf of another authority. False when unsure.
    pub presented_by_none: bool,
}

impl AuthorityView {
    /// It can issue now or, should this clock be behind, later.
    fn lasts(&self, now: Timestamp) -> bool {
        self.has_key && !self.validity.is_over(now)
    }

    /// It can issue now.
    fn can_issue(&self, now: Timestamp) -> bool {
        self.has_key && self.validity.contains(now)
    }
}

/// One leaf that shall exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafView {
    /// What it shall say.
    pub wanted: LeafRequest,
    /// What is there.
    pub found: LeafState,
}

/// One step that can be taken now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Due {
    /// Make an authority, store it, do not publish it yet.
    CreateAuthority {
        /// Its generation.
        generation: u32,
    },
    /// Add an authority to the bundle.
    Publish {
        /// Its generation.
        generation: u32,
    },
    /// Issue from this authority from now on.
    SwitchIssuing {
        /// Its generation.
        generation: u32,
        /// Why now.
        reason: SwitchReason,
    },
    /// Issue a leaf and store it.
    IssueLeaf {
        /// What it shall say.
        wanted: LeafRequest,
        /// Generation to issue it from.
        generation: u32,
        /// Why.
        reason: Reissue,
    },
    /// Take an authority out of the bundle, then forget it and its key.
    DropAuthority {
        /// Its generation.
        generation: u32,
    },
}

/// Why another authority issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SwitchReason {
    /// The ordinary end of a rotation.
    EverybodyTrustsIt,
    /// No other can issue (it is the first, or the issuing one is over or has lost its key), and
    /// a leaf is needed.
    NoOtherCanIssue,
    /// The issuing one ends within [`LAST_CALL`].
    TheOtherEndsSoon,
}

/// Why a leaf is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reissue {
    /// There is none.
    Missing,
    /// What is there cannot be read.
    Unreadable,
    /// It speaks for somebody else.
    OtherIdentity,
    /// It has other names or addresses than it shall have.
    OtherNames,
    /// The issuing authority did not sign it.
    OtherAuthority,
    /// By this clock it is not good yet.
    NotGoodYet,
    /// A third of its life or less is left.
    EndsSoon,
}

/// Every step that can be taken now, in the order in which to take them.
pub fn due(set: &CertificateSet, now: Timestamp) -> Vec<Due> {
    let mut steps = Vec::new();
    let switch = switch_due(set, now);
    let dropped: Vec<u32> = set
        .authorities
        .iter()
        .filter(|authority| is_droppable(set, authority, now))
        .map(|authority| authority.generation)
        .collect();

    steps.extend(successor_due(set, now).map(|generation| Due::CreateAuthority { generation }));
    steps.extend(
        set.authorities
            .iter()
            .filter(|one| !one.published && one.lasts(now) && !dropped.contains(&one.generation))
            .map(|one| Due::Publish {
                generation: one.generation,
            }),
    );
    steps.extend(switch.map(|(to, reason)| Due::SwitchIssuing {
        generation: to.generation,
        reason,
    }));
    // The steps are taken in order, so leaves are issued by the one just switched to.
    let issuing = switch.map(|(to, _)| to).or_else(|| issuing_now(set, now));
    if let Some(issuing) = issuing {
        for LeafView { wanted, found } in &set.leaves {
            if let Some(reason) = leaf_due(wanted, found, issuing, now) {
                let generation = issuing.generation;
                steps.push(Due::IssueLeaf {
                    wanted: wanted.clone(),
                    generation,
                    reason,
                });
            }
        }
    }
    steps.extend(
        dropped
            .into_iter()
            .map(|generation| Due::DropAuthority { generation }),
    );
    steps
}

/// The generation to create, when the newest authority is over or has little left.
fn successor_due(set: &CertificateSet, now: Timestamp) -> Option<u32> {
    let newest = newest(set.authorities.iter().filter(|one| one.lasts(now)));
    let needed = newest.is_none_or(|newest| {
        let before = (newest.validity.lifetime() / 10).max(SUCCESSOR_MIN);
        newest.validity.left(now) < before
    });
    // Never the number of one that was there before, even if it has just ended.
    let highest = set
        .authorities
        .iter()
        .map(|one| one.generation)
        .max()
        .max(set.issuing);
    needed.then(|| highest.unwrap_or(0).saturating_add(1))
}

/// The issuing authority, if it can be used.
fn issuing_now(set: &CertificateSet, now: Timestamp) -> Option<&AuthorityView> {
    set.authorities
        .iter()
        .find(|one| Some(one.generation) == set.issuing && one.can_issue(now))
}

/// The authority that shall issue instead of the present one.
fn switch_due(set: &CertificateSet, now: Timestamp) -> Option<(&AuthorityView, SwitchReason)> {
    let present = issuing_now(set, now);
    let candidate = newest(set.authorities.iter().filter(|one| {
        one.published
            && one.can_issue(now)
            && present.is_none_or(|present| one.generation > present.generation)
    }))?;
    if candidate.trusted_by_all {
        return Some((candidate, SwitchReason::EverybodyTrustsIt));
    }
    let (cannot_wait, reason) = match present {
        Some(present) => (
            present.validity.left(now) < LAST_CALL,
            SwitchReason::TheOtherEndsSoon,
        ),
        None => (is_leaf_needed(set, now), SwitchReason::NoOtherCanIssue),
    };
    cannot_wait.then_some((candidate, reason))
}

/// Whether a leaf is missing or has little left, whoever signed it.
fn is_leaf_needed(set: &CertificateSet, now: Timestamp) -> bool {
    set.leaves.iter().any(|leaf| match &leaf.found {
        LeafState::Issued(LeafFacts { validity, .. }) => {
            !validity.contains(now) || is_in_last_third(*validity, now)
        }
        LeafState::Missing | LeafState::Unreadable { .. } => true,
    })
}

/// Whether an authority can go: another one issues, and either nobody presents its leaves any more
/// or they have all ended with it.
fn is_droppable(set: &CertificateSet, authority: &AuthorityView, now: Timestamp) -> bool {
    let Some(issuing) = issuing_now(set, now) else {
        return false;
    };
    if issuing.generation == authority.generation {
        return false;
    }
    let replaced = authority.generation < issuing.generation && authority.presented_by_none;
    let stored = set.leaves.iter().any(|leaf| {
        matches!(&leaf.found, LeafState::Issued(facts) if facts.issued_by == Some(authority.generation))
    });
    authority.validity.is_over(now) || (replaced && !stored)
}

/// Why a leaf has to be issued, if it has to.
fn leaf_due(
    wanted: &LeafRequest,
    found: &LeafState,
    issuing: &AuthorityView,
    now: Timestamp,
) -> Option<Reissue> {
    let facts = match found {
        LeafState::Missing => return Some(Reissue::Missing),
        LeafState::Unreadable { .. } => return Some(Reissue::Unreadable),
        LeafState::Issued(facts) => facts,
    };
    if facts.identity != wanted.identity {
        Some(Reissue::OtherIdentity)
    } else if facts.dns_names != wanted.dns_names || facts.ip_addresses != wanted.ip_addresses {
        Some(Reissue::OtherNames)
    } else if facts.issued_by != Some(issuing.generation) {
        Some(Reissue::OtherAuthority)
    } else if now < facts.validity.not_before {
        Some(Reissue::NotGoodYet)
    } else {
        ends_soon(facts, issuing, now).then_some(Reissue::EndsSoon)
    }
}

/// A third of its life or less is left, and a new one would last longer: leaves end with their
/// authority, and near its end renewing them again and again would gain nothing.
fn ends_soon(facts: &LeafFacts, issuing: &AuthorityView, now: Timestamp) -> bool {
    is_in_last_third(facts.validity, now) && facts.validity.not_after < issuing.validity.not_after
}

fn is_in_last_third(validity: Validity, now: Timestamp) -> bool {
    validity.left(now) <= validity.lifetime() / 3
}

fn newest<'a>(authorities: impl Iterator<Item = &'a AuthorityView>) -> Option<&'a AuthorityView> {
    authorities.max_by_key(|authority| authority.generation)
}

#[cfg(test)]
mod tests;
