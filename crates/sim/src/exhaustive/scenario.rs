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
        writer: 0,
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

/// Every world of the exhaustive search.
pub fn scenarios() -> Vec<Scenario> {
    let mut all_of_them = crashes();
    all_of_them.extend(switchovers());
    all_of_them.extend(sizes());
    all_of_them.extend(five());
    all_of_them
}

fn world(name: &'static str, start: State, budget: Budget, rules: Rules, share: u32) -> Scenario {
    Scenario {
        name,
        start: State { budget, ..start },
        rules,
        share,
    }
}

/// Two controllers; orders may be cut after their promise.
const TWO: Rules = Rules {
    controllers: 2,
    torn: false,
    remembers: false,
    late_acks: false,
    pods: false,
    half_orders: true,
    mutation: None,
};

/// One controller; orders may be cut after their promise.
const ONE: Rules = Rules {
    controllers: 1,
    ..TWO
};

/// One controller; its looks are torn, and acknowledgements travel for a while.
const TORN: Rules = Rules {
    controllers: 1,
    torn: true,
    late_acks: true,
    half_orders: false,
    ..TWO
};

/// One write and one crash of any of so many members.
const fn one_crash(members: u8) -> Budget {
    Budget {
        crashes: all(members),
        kills: 1,
        writes: 1,
        ..CALM
    }
}

/// One write and two crashes of any of so many members.
const fn two_crashes(members: u8) -> Budget {
    Budget {
        kills: 2,
        ..one_crash(members)
    }
}

fn crashes() -> Vec<Scenario> {
    let two_writes = Budget {
        writes: 2,
        ..two_crashes(3)
    };
    let cut = Budget {
        cuts: 1,
        doubts: 1,
        ..one_crash(3)
    };
    let pair = Budget {
        cuts: 1,
        ..one_crash(2)
    };
    let lost = Budget {
        volumes: all(3),
        losses: 1,
        writes: 2,
        ..one_crash(3)
    };
    vec![
        world(
            "three members, two writes, two crashes, two controllers",
            healthy(3, 3),
            two_writes,
            TWO,
            3,
        ),
        world(
            "three members, one write, a crash and a cut, two controllers",
            healthy(3, 3),
            cut,
            TWO,
            3,
        ),
        world(
            "two members, one write, a crash and a cut, two controllers",
            healthy(2, 2),
            pair,
            TWO,
            1,
        ),
        world(
            "three members, two writes, a lost volume and a crash",
            healthy(3, 3),
            lost,
            ONE,
            2,
        ),
        world(
            "three members, pods that die, looks that are torn and late acknowledgements",
            healthy(3, 3),
            two_crashes(3),
            Rules { pods: true, ..TORN },
            2,
        ),
        world(
            "a new cluster of three, two crashes, two controllers",
            empty(3, 3),
            two_crashes(3),
            TWO,
            2,
        ),
    ]
}

fn switchovers() -> Vec<Scenario> {
    let crash = Budget {
        switchovers: 1,
        doubts: 1,
        ..one_crash(3)
    };
    let cut = Budget {
        cuts: 1,
        writes: 1,
        switchovers: 1,
        ..CALM
    };
    vec![
        world(
            "three members, a switchover, a crash, two controllers",
            healthy(3, 3),
            crash,
            TWO,
            2,
        ),
        world(
            "three members, a switchover, a cut, torn looks",
            healthy(3, 3),
            cut,
            TORN,
            1,
        ),
    ]
}

/// Changes of the size, with one crash and one cut at any moment.
fn sizes() -> Vec<Scenario> {
    let change = |name, from: u8, to: u8| {
        let budget = Budget {
            cuts: 1,
            ..one_crash(from.max(to))
        };
        world(name, healthy(from, to), budget, ONE, 2)
    };
    let mut all_of_them = vec![
        change("one member becomes three", 1, 3),
        change("two members become three", 2, 3),
        change("three members become four", 3, 4),
        change("three members become five", 3, 5),
        change("five members become three", 5, 3),
        change("two members become one", 2, 1),
        change("four members become two", 4, 2),
    ];
    all_of_them.extend(under_writes());
    all_of_them
}

/// Members that are added or come back while a busy primary is always ahead of the look at its replicas.
fn under_writes() -> Vec<Scenario> {
    let busy = Budget {
        writes: 2,
        ..one_crash(3)
    };
    let lost = Budget {
        volumes: all(3) & !bit(0),
        losses: 1,
        ..busy
    };
    let rules = Rules {
        remembers: true,
        ..TORN
    };
    vec![
        world(
            "two members become three under writes, torn looks that are remembered",
            healthy(2, 3),
            busy,
            rules,
            2,
        ),
        world(
            "three members, a volume lost under writes, torn looks that are remembered",
            healthy(3, 3),
            lost,
            // Whoever acknowledges and loses its volume before that arrives is one fault more than is promised.
            Rules {
                late_acks: false,
                ..rules
            },
            2,
        ),
    ]
}

fn five() -> Vec<Scenario> {
    let primary = Budget {
        crashes: bit(0),
        ..one_crash(5)
    };
    let two_writes = Budget {
        writes: 2,
        ..two_crashes(5)
    };
    let torn = Rules {
        half_orders: true,
        ..TORN
    };
    let whole = Rules {
        half_orders: false,
        ..ONE
    };
    vec![
        world(
            "five members become three, late acknowledgements, torn looks",
            healthy(5, 3),
            primary,
            torn,
            2,
        ),
        world(
            "five members, two writes, two crashes",
            healthy(5, 5),
            two_writes,
            whole,
            2,
        ),
    ]
}
