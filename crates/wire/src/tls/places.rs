//! How many connections each peer may hold.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moco_pki::Identity;

/// Authenticated connections at the same time, by who holds them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlaceLimits {
    /// Of the controller.
    pub(crate) controller: usize,
    /// Of the cluster that this endpoint speaks for; apart from the other clusters.
    pub(crate) own_cluster: usize,
    /// Of each other cluster.
    pub(crate) each_cluster: usize,
    /// Of all other clusters together.
    pub(crate) of_clusters: usize,
}

/// Places for authenticated connections, counted by identity: every cluster's certificate comes
/// from the same authority, so the owner of one cluster could otherwise keep the controller away
/// from another's agents, those agents away from each other, or other clusters away from the
/// controller.
#[derive(Debug)]
pub(crate) struct Places {
    limits: PlaceLimits,
    taken: Mutex<BTreeMap<Identity, usize>>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    identity: Identity,
}

impl Places {
    pub(crate) fn new(limits: PlaceLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            taken: Mutex::default(),
        })
    }

    /// Takes a place, when there is one for this identity. `own` is whom this endpoint speaks for.
    pub(crate) fn take(self: &Arc<Self>, identity: &Identity, own: &Identity) -> Option<Place> {
        let limits = &self.limits;
        let mut taken = self.taken();
        let bound = if *identity == Identity::Controller {
            limits.controller
        } else if identity == own {
            limits.own_cluster
        } else {
            let others = taken
                .iter()
                .filter(|(one, _)| **one != Identity::Controller && *one != own);
            let together: usize = others.map(|(_, count)| count).sum();
            if together >= limits.of_clusters {
                return None;
            }
            limits.each_cluster
        };
        let held = taken.entry(identity.clone()).or_default();
        if *held >= bound {
            return None;
        }
        *held += 1;
        Some(Place {
            places: Arc::clone(self),
            identity: identity.clone(),
        })
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<Identity, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(held) = taken.get_mut(&self.identity) {
            *held -= 1;
            if *held == 0 {
                taken.remove(&self.identity);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str) -> Identity {
        Identity::cluster("ns", name).unwrap()
    }

    #[test]
    fn each_has_its_own_bound_and_strangers_share_one_beside_it() {
        let places = Places::new(PlaceLimits {
            controller: 1,
            own_cluster: 4,
            each_cluster: 2,
            of_clusters: 3,
        });
        let take = |identity: &Identity| places.take(identity, &cluster("own"));
        let a = [take(&cluster("a")), take(&cluster("a"))];
        assert!(a.iter().all(Option::is_some));
        assert!(take(&cluster("a")).is_none());
        let b = take(&cluster("b"));
        assert!(b.is_some());
        assert!(take(&cluster("b")).is_none());
        // The strangers have all that they may have, and neither of these is touched by it.
        let own = [0; 4].map(|_| take(&cluster("own")));
        assert!(own.iter().all(Option::is_some));
        assert!(take(&cluster("own")).is_none());
        let controller = take(&Identity::Controller);
        assert!(controller.is_some());
        assert!(take(&Identity::Controller).is_none());

        drop(b);
        assert!(take(&cluster("c")).is_some());
        drop((a, own, controller));
        assert!(places.taken().is_empty());
    }
}
