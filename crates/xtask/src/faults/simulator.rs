//! What the simulator plays: kept runs, drawn faults, drawn faults at every step of a procedure, and the search through
//! every order of a few events.

use super::Player;

pub(super) const STORIES: Player = Player {
    word: "simulated",
    what: "a kept run of the simulator.",
    file: "crates/sim/scenarios/{}.txt",
    plays: &[
        ("02-the-primary-dies", &[1]),
        ("04-the-primary-is-cut-from-everybody", &[33]),
        ("05-a-replica-loses-its-volume", &[54]),
        ("06-power-fails-everywhere", &[5]),
        ("07-two-controllers-in-a-failover", &[87]),
        ("08-answers-of-the-api-are-lost", &[81]),
        ("09-a-cluster-of-two-loses-a-volume-under-writes", &[25, 54]),
        ("10-a-follower-is-chained-and-loses-its-source", &[22]),
    ],
};

pub(super) const KINDS: Player = Player {
    word: "swarm",
    what: "a kind of fault that the simulator draws, alone and together with others, a seed a run.",
    file: "crates/sim/src/swarm/kind.rs",
    plays: &[
        ("kill mysqld", &[1, 2, 21, 22, 23, 24, 25, 29, 31]),
        ("kill agent", &[11, 21, 22, 25, 29, 31]),
        ("kill pod", &[21, 22, 25, 29, 31, 94]),
        ("power cut", &[5, 6, 19]),
        ("lose volume", &[54]),
        ("freeze mysqld", &[7, 8, 72]),
        ("freeze agent", &[12]),
        ("freeze controller", &[87]),
        ("kill controller", &[21, 22, 25, 29, 85]),
        ("two controllers", &[87]),
        ("cut", &[33]),
        ("isolate", &[33]),
        ("lose calls", &[34]),
        ("slow calls", &[34]),
        ("API fails", &[81, 86]),
        ("slow applier", &[64]),
        ("hung disk", &[46]),
        ("full disk", &[43, 44]),
        ("evict", &[9, 10]),
        ("want members", &[29]),
    ],
};

pub(super) const STEPS: Player = Player {
    word: "swarm at each step of",
    what: "the same, with every kind of fault aimed at every step of a procedure.",
    file: "crates/sim/src/swarm/moment.rs",
    plays: &[
        ("failover", &[21, 23, 24]),
        ("switchover", &[22]),
        ("clone", &[25]),
        ("grow", &[29]),
        ("shrink", &[29]),
        ("rejoin", &[31]),
    ],
};

pub(super) const SEARCH: Player = Player {
    word: "search",
    what: "the exhaustive search of the simulator, in small worlds.",
    file: "crates/sim/src/exhaustive/scenario.rs",
    plays: &[("every order of a few events", &[21, 22, 24, 29, 85, 87])],
};
