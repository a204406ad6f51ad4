//! The worlds that are searched.

use moco_model::Role;

use super::moves::Rules;
use super::server::healthy_member;
use super::state::{
    Budget, Data, Gtid, Guard, MEMBERS, Member, Membership, Register, State, WRITES, bit,
};

/// A world and how it may move.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// For people.
    pub name: &'static str,
    /// Where it begins.
    pub start: State,
    /// How it moves.
    pub rules: Rules,
    /// Its share of the time.
    pub share: u32,
}

const fn all(members: u8) -> u8 {
    bit(members) - 1
}

/// Nothing may happen yet.
const CALM: Budget = Budget {
    crashes: 0,
    kills: 0,
    volumes: 0,
    losses: 0,
    cuts: 0,
    writes: 0,
    switchovers: 0,
    doubts: 0,
};

/// A healthy cluster of `n` members, `wanted` of which are wanted; others have empty volumes.
pub fn healthy(n: u8, wanted: u8) -> State {
    let membership = Membership {
        members: all(n),
        old: None,
        version: 1,
    };
    let mut members = [Member::default(); MEMBERS];
    let mut counted = [0; MEMBERS];
    for id in 0..n {
        let role = if id == 0 {
            Role::Primary
        } else {
            Role::Replica
        };
        let guard = Guard {
            epoch: 1,
            promised: 1,
            opened: (id == 0).then_some(1),
            role: Some(role),
            membership: Some(membership),
            incarnation: 1,
            data: Data::Holding,
            moved: false,
        };
        members[usize::from(id)] = healthy_member(id, 0, guard);
        counted[usize::from(id)] = 1;
    }
    let register = Register {
        epoch: 1,
        primary: 0,
        membership,
        initialised: true,
        must_hold: 0,
        counted,
        switchover: None,
    };
    let uuid = members[0].disk.uuid;
    let mut gtids = [Gtid::default(); WRITES];
    gtids[0] = Gtid { uuid, number: 1 };
    State {
        register: Some(register),
        members,
        gtids,
        acked: 1,
        seen: 1,
        ok_epoch: 1,
        ..empty(n.max(wanted), wanted)
    }
}

/// A cluster of which nothing exists but its pods and empty volumes.
pub fn empty(pods: u8, wanted: u8) -> State {
    State {
        register: None,
        pods,
        wanted,
        ask: None,
        members: [Member::default(); MEMBERS],
        controllers: Default::default(),
        gtids: [Gtid::default(); WRITES],
        acked: 0,
        seen: 0,
        ok_epoch: 0,
        cut: None,
        budget: CALM,
    }
}

fn with(start: State, budget: Budget) -> State {
    State { budget, ..start }
}

/// Every world of the exhaustive search.
pub fn scenarios() -> Vec<Scenario> {
    let mut all_of_them = three();
    all_of_them.extend(sizes());
    all_of_them
}

fn three() -> Vec<Scenario> {
    let two = Rules {
        controllers: 2,
        half_orders: true,
        ..Rules::default()
    };
    let one = Rules {
        controllers: 1,
        torn: true,
        late_acks: true,
        ..Rules::default()
    };
    let crashes = Budget {
        crashes: all(3),
        kills: 2,
        writes: 2,
        ..CALM
    };
    vec![
        Scenario {
            name: "three members, two writes, two crashes, two controllers",
            start: with(healthy(3, 3), crashes),
            rules: two,
            share: 3,
        },
        Scenario {
            name: "three members, one write, a crash and a cut, two controllers",
            start: with(
                healthy(3, 3),
                Budget {
                    crashes: all(3),
                    kills: 1,
                    cuts: 1,
                    writes: 1,
                    doubts: 1,
                    ..CALM
                },
            ),
            rules: two,
            share: 3,
        },
        Scenario {
            name: "three members, two writes, a lost volume and a crash",
            start: with(
                healthy(3, 3),
                Budget {
                    crashes: all(3),
                    kills: 1,
                    volumes: all(3),
                    losses: 1,
                    writes: 2,
                    ..CALM
                },
            ),
            rules: Rules {
                controllers: 1,
                half_orders: true,
                ..Rules::default()
            },
            share: 2,
        },
        Scenario {
            name: "three members, pods that die, looks that are torn and late acknowledgements",
            start: with(
                healthy(3, 3),
                Budget {
                    writes: 1,
                    ..crashes
                },
            ),
            rules: Rules { pods: true, ..one },
            share: 2,
        },
        Scenario {
            name: "three members, a switchover, a crash, two controllers",
            start: with(
                healthy(3, 3),
                Budget {
                    crashes: all(3),
                    kills: 1,
                    writes: 1,
                    switchovers: 1,
                    doubts: 1,
                    ..CALM
                },
            ),
            rules: two,
            share: 2,
        },
        Scenario {
            name: "three members, a switchover, a cut, torn looks",
            start: with(
                healthy(3, 3),
                Budget {
                    cuts: 1,
                    writes: 1,
                    switchovers: 1,
                    ..CALM
                },
            ),
            rules: one,
            share: 1,
        },
        Scenario {
            name: "a new cluster of three, two crashes, two controllers",
            start: with(
                empty(3, 3),
                Budget {
                    crashes: all(3),
                    kills: 2,
                    writes: 1,
                    ..CALM
                },
            ),
            rules: two,
            share: 2,
        },
    ]
}

/// Other sizes, and changes of the size.
fn sizes() -> Vec<Scenario> {
    let rules = Rules {
        controllers: 1,
        half_orders: true,
        ..Rules::default()
    };
    let change = |name, from: u8, to: u8| Scenario {
        name,
        start: with(
            healthy(from, to),
            Budget {
                crashes: all(from.max(to)),
                kills: 1,
                cuts: 1,
                writes: 1,
                ..CALM
            },
        ),
        rules,
        share: 2,
    };
    vec![
        change("one member becomes three", 1, 3),
        change("two members become three", 2, 3),
        change("three members become four", 3, 4),
        change("three members become five", 3, 5),
        change("five members become three", 5, 3),
        Scenario {
            name: "five members become three, late acknowledgements, torn looks",
            start: with(
                healthy(5, 3),
                Budget {
                    crashes: bit(0),
                    kills: 1,
                    writes: 1,
                    ..CALM
                },
            ),
            rules: Rules {
                torn: true,
                late_acks: true,
                ..rules
            },
            share: 2,
        },
        Scenario {
            name: "five members, two writes, two crashes",
            start: with(
                healthy(5, 5),
                Budget {
                    crashes: all(5),
                    kills: 2,
                    writes: 2,
                    ..CALM
                },
            ),
            rules: Rules {
                half_orders: false,
                ..rules
            },
            share: 2,
        },
    ]
}
