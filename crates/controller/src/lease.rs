//! Which of the controllers leads.
//!
//! A `Lease` in the controllers' namespace names the leader. It is written by compare-and-swap only.
//! Whether a leader is gone is judged by the watcher's own monotonic clock: by how long ago the
//! watcher first saw the present renewal. No wall clocks are compared. The leader stops acting some
//! time before anybody can judge it gone, measured from when its last good renewal was *sent*.
//!
//! Leadership keeps controllers out of each other's way; it is no fence. What protects data is the
//! epoch that every order carries.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;

mod keep;
mod tenure;

pub(crate) use keep::{Keeper, Loss};
pub(crate) use tenure::{Leadership, Tenure};

/// On the lease: where agents reach the leader, `host:port`.
pub(crate) const ADDRESS_ANNOTATION: &str = "moco.cybozu.com/leader-address";

/// For how long a renewal is good. A killed leader is replaced after this, plus the time until the
/// other has seen its last renewal ([`LOOK_EVERY`] at most), plus the first reads: under 8 s.
pub(crate) const DURATION: Duration = Duration::from_secs(5);
/// How often the leader renews; two attempts may fail.
pub(crate) const RENEW_EVERY: Duration = Duration::from_millis(1500);
/// How long the leader acts after it sent a renewal that succeeded.
pub(crate) const ACT_FOR: Duration = Duration::from_secs(4);
/// How often the others look.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a lease says, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Who leads; empty when the lease was released.
    pub(crate) holder: String,
    /// The holder's time of the renewal; only ever compared for equality.
    pub(crate) renewed: Option<Timestamp>,
    /// For how long the renewal is good.
    pub(crate) duration: Duration,
    /// Where agents reach the holder.
    pub(crate) address: Option<String>,
}

impl Claim {
    /// Reads a lease. A duration outside of all reason is replaced by ours.
    pub(crate) fn of(lease: &Lease) -> Self {
        let spec = lease.spec.clone().unwrap_or_default();
        let duration = spec
            .lease_duration_seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .filter(|seconds| (1..=60).contains(seconds))
            .map_or(DURATION, Duration::from_secs);
        let annotations = lease.metadata.annotations.as_ref();
        Self {
            holder: spec.holder_identity.unwrap_or_default(),
            renewed: spec.renew_time.map(|time| time.0),
            duration,
            address: annotations
                .and_then(|all| all.get(ADDRESS_ANNOTATION))
                .cloned(),
        }
    }
}

/// A claim, and since when it has been seen as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// The claim; none when there is no lease.
    pub(crate) claim: Option<Claim>,
    /// When it was first seen, on the watcher's monotonic clock.
    pub(crate) since: Duration,
}

impl Sighting {
    /// The sighting after the lease was read again at `now`.
    pub(crate) fn then(self, claim: Option<Claim>, now: Duration) -> Self {
        let renewal = |claim: &Option<Claim>| {
            claim
                .as_ref()
                .map(|claim| (claim.holder.clone(), claim.renewed))
        };
        let since = if renewal(&self.claim) == renewal(&claim) {
            self.since
        } else {
            now
        };
        Self { claim, since }
    }
}

/// What a controller may do about the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Nobody holds it: take it.
    Free,
    /// This pod holds it, from an earlier life of its container: take it.
    Ours,
    /// Another one holds it.
    Held {
        /// For how long at least.
        left: Duration,
        /// Where agents reach it.
        address: Option<String>,
    },
}

/// Judges the lease, as seen by `me` at `now` on the clock of the sighting.
pub(crate) fn judge(sighting: &Sighting, me: &str, now: Duration) -> Judgement {
    let Some(claim) = sighting
        .claim
        .as_ref()
        .filter(|claim| !claim.holder.is_empty())
    else {
        return Judgement::Free;
    };
    if claim.holder == me {
        return Judgement::Ours;
    }
    let left = (sighting.since + claim.duration).saturating_sub(now);
    if left.is_zero() {
        return Judgement::Free;
    }
    Judgement::Held {
        left,
        address: claim.address.clone(),
    }
}

#[cfg(test)]
mod tests;
