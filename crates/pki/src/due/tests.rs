use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::authority::AUTHORITY_LIFETIME;
use crate::identity::{ClusterName, Namespace};
use crate::leaf::LEAF_LIFETIME;
use crate::testing::{days, now};

// Fixtures: authorities and leaves by what is left of them.

fn lasting(lifetime: SignedDuration, left: SignedDuration) -> Validity {
    Validity {
        not_before: now() + left - lifetime,
        not_after: now() + left,
    }
}

/// Published and trusted, of ten years.
fn authority(generation: u32, days_left: i64) -> AuthorityView {
    AuthorityView {
        generation,
        validity: lasting(AUTHORITY_LIFETIME, days(days_left)),
        has_key: true,
        published: true,
        trusted_by_all: true,
        presented_by_none: false,
    }
}

fn wanted(name: &str) -> LeafRequest {
    LeafRequest::cluster(
        Namespace::new("app").unwrap(),
        ClusterName::new(name).unwrap(),
    )
}

fn leaf(generation: u32, days_left: i64) -> LeafView {
    let wanted = wanted("db");
    let found = LeafState::Issued(LeafFacts {
        identity: wanted.identity.clone(),
        dns_names: wanted.dns_names.clone(),
        ip_addresses: wanted.ip_addresses.clone(),
        validity: lasting(LEAF_LIFETIME, days(days_left)),
        issued_by: Some(generation),
    });
    LeafView { wanted, found }
}

fn set(
    authorities: impl IntoIterator<Item = AuthorityView>,
    issuing: u32,
    leaves: impl IntoIterator<Item = LeafView>,
) -> CertificateSet {
    CertificateSet {
        authorities: authorities.into_iter().collect(),
        issuing: Some(issuing),
        leaves: leaves.into_iter().collect(),
    }
}

fn reissue(generation: u32, reason: Reissue) -> Due {
    Due::IssueLeaf {
        wanted: wanted("db"),
        generation,
        reason,
    }
}

fn switch(generation: u32, reason: SwitchReason) -> Due {
    Due::SwitchIssuing { generation, reason }
}

fn edited(mut view: LeafView, edit: impl FnOnce(&mut LeafFacts)) -> LeafView {
    if let LeafState::Issued(facts) = &mut view.found {
        edit(facts);
    }
    view
}

#[test]
fn nothing_is_due_in_a_steady_state() {
    assert_eq!(due(&set([authority(1, 3000)], 1, [leaf(1, 60)]), now()), []);
}

#[test]
fn the_first_day_goes_step_by_step() {
    let missing = LeafView {
        wanted: wanted("db"),
        found: LeafState::Missing,
    };
    let mut world = CertificateSet {
        leaves: vec![missing],
        ..CertificateSet::default()
    };
    assert_eq!(due(&world, now()), [Due::CreateAuthority { generation: 1 }]);
    let made = AuthorityView {
        published: false,
        trusted_by_all: false,
        ..authority(1, 3650)
    };
    world.authorities = vec![made];
    assert_eq!(due(&world, now()), [Due::Publish { generation: 1 }]);
    world.authorities = vec![AuthorityView {
        published: true,
        ..made
    }];
    assert_eq!(
        due(&world, now()),
        [
            switch(1, SwitchReason::NoOtherCanIssue),
            reissue(1, Reissue::Missing)
        ]
    );
}

#[test]
fn a_leaf_is_due_for_each_reason() {
    let two = [
        authority(1, 3000),
        AuthorityView {
            trusted_by_all: false,
            ..authority(2, 3650)
        },
    ];
    let good = leaf(1, 60);
    let table = [
        (good.clone(), None),
        (leaf(1, 31), None),
        (leaf(1, 30), Some(Reissue::EndsSoon)),
        (leaf(1, -5), Some(Reissue::EndsSoon)),
        (leaf(1, 91), Some(Reissue::NotGoodYet)),
        (leaf(2, 60), Some(Reissue::OtherAuthority)),
        (
            edited(good.clone(), |facts| facts.issued_by = None),
            Some(Reissue::OtherAuthority),
        ),
        (
            edited(good.clone(), |facts| {
                facts.identity = crate::Identity::Controller;
            }),
            Some(Reissue::OtherIdentity),
        ),
        (
            edited(good.clone(), |facts| drop(facts.dns_names.pop_first())),
            Some(Reissue::OtherNames),
        ),
        (
            edited(good.clone(), |facts| {
                facts.dns_names.insert("x.svc".to_owned());
            }),
            Some(Reissue::OtherNames),
        ),
        (
            edited(good.clone(), |facts| {
                facts.ip_addresses.insert("127.0.0.9".parse().unwrap());
            }),
            Some(Reissue::OtherNames),
        ),
        (
            LeafView {
                found: LeafState::Missing,
                ..good.clone()
            },
            Some(Reissue::Missing),
        ),
        (
            LeafView {
                found: LeafState::Unreadable {
                    reason: "x".to_owned(),
                },
                ..good
            },
            Some(Reissue::Unreadable),
        ),
    ];
    for (view, reason) in table {
        let expected: Vec<_> = reason
            .map(|reason| reissue(1, reason))
            .into_iter()
            .collect();
        assert_eq!(
            due(&set(two, 1, [view.clone()]), now()),
            expected,
            "{view:?}"
        );
    }
}

#[test]
fn a_leaf_that_ends_with_its_authority_is_not_renewed_for_nothing() {
    let ending = AuthorityView {
        published: true,
        ..authority(1, 10)
    };
    assert_eq!(
        due(&set([ending], 1, [leaf(1, 10)]), now()),
        [Due::CreateAuthority { generation: 2 }]
    );
}

#[test]
fn a_successor_is_due_with_a_year_left() {
    let create = [Due::CreateAuthority { generation: 2 }];
    assert_eq!(due(&set([authority(1, 365)], 1, []), now()), []);
    assert_eq!(due(&set([authority(1, 364)], 1, []), now()), create);
    // One made elsewhere for a short time gets it 30 days before its end.
    let short = |left| AuthorityView {
        validity: lasting(days(90), days(left)),
        ..authority(1, 0)
    };
    assert_eq!(due(&set([short(30)], 1, []), now()), []);
    assert_eq!(due(&set([short(29)], 1, []), now()), create);
}

#[test]
fn a_rotation_waits_for_each_confirmation() {
    let old = authority(1, 360);
    let new = AuthorityView {
        published: false,
        trusted_by_all: false,
        ..authority(2, 3650)
    };
    assert_eq!(
        due(&set([old, new], 1, [leaf(1, 60)]), now()),
        [Due::Publish { generation: 2 }]
    );
    let new = AuthorityView {
        published: true,
        ..new
    };
    assert_eq!(due(&set([old, new], 1, [leaf(1, 60)]), now()), []);
    let new = AuthorityView {
        trusted_by_all: true,
        ..new
    };
    assert_eq!(
        due(&set([old, new], 1, [leaf(1, 60)]), now()),
        [
            switch(2, SwitchReason::EverybodyTrustsIt),
            reissue(2, Reissue::OtherAuthority)
        ]
    );
    // Issued anew, but somebody may still present the old one.
    assert_eq!(due(&set([old, new], 2, [leaf(2, 90)]), now()), []);
    let old = AuthorityView {
        presented_by_none: true,
        ..old
    };
    assert_eq!(
        due(&set([old, new], 2, [leaf(2, 90)]), now()),
        [Due::DropAuthority { generation: 1 }]
    );
    // A stored leaf of the old one holds it, whatever was confirmed.
    assert_eq!(
        due(&set([old, new], 2, [leaf(1, 60)]), now()),
        [reissue(2, Reissue::OtherAuthority)]
    );
}

#[test]
fn an_authority_half_dropped_is_dropped_again_and_not_published_again() {
    let old = AuthorityView {
        published: false,
        presented_by_none: true,
        ..authority(1, 300)
    };
    assert_eq!(
        due(&set([old, authority(2, 3600)], 2, [leaf(2, 60)]), now()),
        [Due::DropAuthority { generation: 1 }]
    );
}

#[test]
fn in_its_last_month_an_authority_hands_over_unconfirmed() {
    let new = AuthorityView {
        trusted_by_all: false,
        ..authority(2, 3300)
    };
    assert_eq!(due(&set([authority(1, 30), new], 1, []), now()), []);
    assert_eq!(
        due(&set([authority(1, 29), new], 1, []), now()),
        [switch(2, SwitchReason::TheOtherEndsSoon)]
    );
}

#[test]
fn a_lost_key_is_replaced_in_peace_while_the_leaves_are_good() {
    let lost = AuthorityView {
        has_key: false,
        ..authority(1, 3000)
    };
    assert_eq!(
        due(&set([lost], 1, [leaf(1, 60)]), now()),
        [Due::CreateAuthority { generation: 2 }]
    );
    let new = AuthorityView {
        trusted_by_all: false,
        ..authority(2, 3650)
    };
    assert_eq!(due(&set([lost, new], 1, [leaf(1, 60)]), now()), []);
    assert_eq!(
        due(&set([lost, new], 1, [leaf(1, 30)]), now()),
        [
            switch(2, SwitchReason::NoOtherCanIssue),
            reissue(2, Reissue::OtherAuthority)
        ]
    );
}

#[test]
fn an_authority_that_is_over_goes_as_soon_as_another_issues() {
    let over = authority(1, -1);
    assert_eq!(
        due(&set([over], 1, []), now()),
        [Due::CreateAuthority { generation: 2 }]
    );
    assert_eq!(
        due(&set([over, authority(2, 3600)], 2, []), now()),
        [Due::DropAuthority { generation: 1 }]
    );
}

#[test]
fn an_authority_of_the_future_is_neither_used_nor_replaced() {
    let future = authority(1, 3700);
    assert_eq!(due(&set([future], 1, [leaf(1, 30)]), now()), []);
    let newer = authority(2, 3700);
    assert_eq!(
        due(&set([authority(1, 3000), newer], 1, [leaf(1, 60)]), now()),
        []
    );
}

#[test]
fn a_generation_number_is_never_used_twice() {
    assert_eq!(
        due(&set([], 7, []), now()),
        [Due::CreateAuthority { generation: 8 }]
    );
}

#[test]
fn a_decision_can_be_stored_and_read_back() {
    let world = set([authority(1, 20), authority(2, 3000)], 1, [leaf(1, 10)]);
    let steps = due(&world, now());
    let stored = serde_json::to_string(&(&world, &steps)).unwrap();
    let read: (CertificateSet, Vec<Due>) = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, (world, steps));
}

// A small world in which bundles and leaves reach their users late and the operator crashes
// between any two steps.

#[derive(Clone, Debug)]
enum Event {
    DaysPass(i64),
    BundleArrives(usize),
    LeafArrives(usize),
    OperatorPasses { steps_before_crash: usize },
}

#[derive(Clone, Debug)]
struct StoredLeaf {
    generation: u32,
    validity: Validity,
}

#[derive(Clone, Debug, Default)]
struct User {
    stored: Option<StoredLeaf>,
    presented: Option<StoredLeaf>,
    trusted: BTreeSet<u32>,
}

struct World {
    now: Timestamp,
    authorities: BTreeMap<u32, Validity>,
    bundle: BTreeSet<u32>,
    issuing: Option<u32>,
    users: Vec<User>,
    /// Switches other than by confirmation, after which somebody may be cut off.
    forced: Vec<SwitchReason>,
}

fn validity_from(now: Timestamp, lifetime: SignedDuration) -> Validity {
    Validity {
        not_before: now - SignedDuration::from_hours(1),
        not_after: now + lifetime,
    }
}

impl World {
    fn new(users: usize) -> Self {
        Self {
            now: now(),
            authorities: BTreeMap::new(),
            bundle: BTreeSet::new(),
            issuing: None,
            users: vec![User::default(); users],
            forced: Vec::new(),
        }
    }

    /// All is well, with an authority of that age.
    fn aged(users: usize, age_days: i64) -> Self {
        let mut world = Self::new(users);
        let first = validity_from(world.now - days(age_days), AUTHORITY_LIFETIME);
        world.authorities.insert(1, first);
        world.bundle.insert(1);
        world.issuing = Some(1);
        let mut validity = validity_from(world.now, LEAF_LIFETIME);
        validity.not_after = validity.not_after.min(first.not_after);
        let leaf = Some(StoredLeaf {
            generation: 1,
            validity,
        });
        let trusted = world.bundle.clone();
        world.users.fill(User {
            stored: leaf.clone(),
            presented: leaf,
            trusted,
        });
        world
    }

    fn view(&self) -> CertificateSet {
        let authority = |(generation, validity): (&u32, &Validity)| AuthorityView {
            generation: *generation,
            validity: *validity,
            has_key: true,
            published: self.bundle.contains(generation),
            trusted_by_all: self
                .users
                .iter()
                .all(|user| user.trusted.contains(generation)),
            presented_by_none: self.users.iter().all(|user| {
                user.presented
                    .as_ref()
                    .is_some_and(|leaf| leaf.generation != *generation)
            }),
        };
        let leaf = |(index, user): (usize, &User)| {
            let wanted = wanted(&format!("c{index}"));
            let found = user.stored.as_ref().map_or(LeafState::Missing, |stored| {
                LeafState::Issued(LeafFacts {
                    identity: wanted.identity.clone(),
                    dns_names: wanted.dns_names.clone(),
                    ip_addresses: wanted.ip_addresses.clone(),
                    validity: stored.validity,
                    issued_by: Some(stored.generation),
                })
            });
            LeafView { wanted, found }
        };
        CertificateSet {
            authorities: self.authorities.iter().map(authority).collect(),
            issuing: self.issuing,
            leaves: self.users.iter().enumerate().map(leaf).collect(),
        }
    }

    fn take(&mut self, step: Due) {
        match step {
            Due::CreateAuthority { generation } => {
                let made = validity_from(self.now, AUTHORITY_LIFETIME);
                let before = self.authorities.insert(generation, made);
                assert!(before.is_none(), "generation {generation} was made twice");
            }
            Due::Publish { generation } => {
                assert!(self.bundle.insert(generation), "published twice");
            }
            Due::SwitchIssuing { generation, reason } => {
                assert!(
                    self.bundle.contains(&generation),
                    "issues before it is published"
                );
                assert!(self.authorities[&generation].contains(self.now));
                if reason != SwitchReason::EverybodyTrustsIt && self.issuing.is_some() {
                    let present = self
                        .issuing
                        .and_then(|issuing| self.authorities.get(&issuing));
                    assert!(present.is_none_or(|one| one.left(self.now) < LAST_CALL));
                    self.forced.push(reason);
                }
                self.issuing = Some(generation);
            }
            Due::IssueLeaf {
                wanted, generation, ..
            } => {
                assert_eq!(Some(generation), self.issuing, "issued by a bystander");
                let user = (0..self.users.len())
                    .find(|index| super::tests::wanted(&format!("c{index}")) == wanted)
                    .unwrap();
                let mut validity = validity_from(self.now, LEAF_LIFETIME);
                let end = self.authorities[&generation].not_after;
                validity.not_after = validity.not_after.min(end);
                self.users[user].stored = Some(StoredLeaf {
                    generation,
                    validity,
                });
            }
            Due::DropAuthority { generation } => {
                assert_ne!(Some(generation), self.issuing);
                self.bundle.remove(&generation);
                self.authorities.remove(&generation);
            }
        }
    }

    fn happen(&mut self, event: &Event) {
        let count = self.users.len();
        match event {
            Event::DaysPass(passed) => self.now += days(*passed),
            Event::BundleArrives(user) => self.users[user % count].trusted = self.bundle.clone(),
            Event::LeafArrives(user) => {
                let user = &mut self.users[user % count];
                user.presented.clone_from(&user.stored);
            }
            Event::OperatorPasses { steps_before_crash } => {
                for step in due(&self.view(), self.now)
                    .into_iter()
                    .take(*steps_before_crash)
                {
                    self.take(step);
                }
            }
        }
    }

    /// Everything arrives and the operator works undisturbed.
    fn settle(&mut self) {
        for _ in 0..12 {
            self.happen(&Event::OperatorPasses {
                steps_before_crash: usize::MAX,
            });
            for user in 0..self.users.len() {
                self.happen(&Event::BundleArrives(user));
                self.happen(&Event::LeafArrives(user));
            }
        }
    }

    /// Everybody who presents a leaf that has not ended is believed by everybody.
    fn check_trust(&self) {
        for (peer, leaf) in self
            .users
            .iter()
            .enumerate()
            .filter_map(|(index, user)| user.presented.as_ref().map(|leaf| (index, leaf)))
        {
            for (user, trusted) in self.users.iter().map(|user| &user.trusted).enumerate() {
                assert!(
                    leaf.validity.is_over(self.now) || trusted.contains(&leaf.generation),
                    "user {user} does not trust user {peer} of generation {}",
                    leaf.generation
                );
            }
        }
    }

    fn check_settled(&self) {
        assert_eq!(due(&self.view(), self.now), []);
        self.check_trust();
        let issuing = self.issuing.unwrap();
        assert_eq!(
            self.bundle,
            BTreeSet::from([issuing]),
            "the old one stays for ever"
        );
        for user in &self.users {
            let leaf = user.presented.as_ref().unwrap();
            assert_eq!(leaf.generation, issuing);
            assert!(leaf.validity.contains(self.now));
            assert!(leaf.validity.left(self.now) > LEAF_LIFETIME / 4);
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0_i64..25).prop_map(Event::DaysPass),
        3 => (0_usize..4).prop_map(Event::BundleArrives),
        3 => (0_usize..4).prop_map(Event::LeafArrives),
        4 => (0_usize..8)
            .prop_map(|steps_before_crash| Event::OperatorPasses { steps_before_crash }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nobody_is_ever_cut_off_while_confirmations_are_waited_for_and_every_rotation_ends(
        users in 1_usize..4,
        age_days in 3000_i64..3640,
        events in proptest::collection::vec(event(), 0..80),
    ) {
        let mut world = World::aged(users, age_days);
        for event in &events {
            world.happen(event);
            if world.forced.is_empty() {
                world.check_trust();
            }
        }
        let end_days = (AUTHORITY_LIFETIME - LAST_CALL).as_hours() / 24;
        prop_assert!(world.forced.is_empty() || age_days + total_days(&events) >= end_days);
        world.settle();
        world.check_settled();
    }

    #[test]
    fn the_first_day_ends_well_for_any_number_of_users(users in 1_usize..4) {
        let mut world = World::new(users);
        world.settle();
        world.check_settled();
    }

    #[test]
    fn doing_what_is_due_leaves_nothing_of_it_due(
        users in 1_usize..4,
        age_days in 0_i64..3640,
        events in proptest::collection::vec(event(), 0..40),
    ) {
        let mut world = World::aged(users, age_days);
        for event in &events {
            world.happen(event);
        }
        let before = due(&world.view(), world.now);
        for step in before.clone() {
            world.take(step);
        }
        let after = due(&world.view(), world.now);
        for step in &before {
            prop_assert!(!after.contains(step), "{step:?} is due twice");
        }
    }
}

fn total_days(events: &[Event]) -> i64 {
    events
        .iter()
        .map(|event| {
            if let Event::DaysPass(days) = event {
                *days
            } else {
                0
            }
        })
        .sum()
}
