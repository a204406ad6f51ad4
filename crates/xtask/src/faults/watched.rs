//! Who checks the invariants beside their tests. An invariant that is not here has its tests only.

use super::{By, Watched};

const FENCING: By = By::Work(
    "crates/agent/src/orders/fencing.rs",
    "an agent refuses whatever is lower than its promise",
);
pub(super) const ROWS_THERE: By = By::Run(
    "crates/chaos/src/judgement.rs",
    "every acknowledged row is there, every refused one is not, and nothing that was read vanishes",
);
const ROWS_AT_ALL: By = By::Run(
    "crates/xtask/src/e2e/ledger.rs",
    "every acknowledged row is there in the end",
);
pub(super) const ONE_REIGNS: By = By::Run(
    "crates/chaos/src/reigns.rs",
    "no acknowledgement of an old primary after one of a later primary",
);

const fn watched(invariant: u32, by: &'static [By]) -> Watched {
    Watched { invariant, by }
}

pub(super) const WATCHED: &[Watched] = &[
    watched(2, &[By::Property("StaysQuiet")]),
    watched(
        3,
        &[By::Property("NoPlanRefused"), By::Verdict("UnsafePlan")],
    ),
    watched(
        4,
        &[
            By::Property("InitialisedOnce"),
            By::Linter("SecondBootstrap"),
            By::Linter("OverwritesData"),
        ],
    ),
    watched(
        5,
        &[
            By::Property("InitialisedOnce"),
            By::Linter("SecondBootstrap"),
        ],
    ),
    watched(
        6,
        &[
            By::Verdict("ForeignVolumes"),
            By::Verdict("VolumeUnusable"),
            By::Work(
                "crates/agent/src/host/real/volume.rs",
                "the agent looks whose the volume is before anything is started",
            ),
        ],
    ),
    watched(
        7,
        &[
            By::Property("OpenWithAcks"),
            By::Property("NothingVanishes"),
            By::Linter("BeforeBarrier"),
        ],
    ),
    watched(
        8,
        &[
            By::Property("OneAcknowledges"),
            By::Linter("SecondWriter"),
            By::Linter("OpensAnother"),
            By::Verdict("TwoWritable"),
            ONE_REIGNS,
        ],
    ),
    watched(
        9,
        &[
            By::Property("HeldByOthers"),
            By::Property("OpenWithAcks"),
            By::Linter("TooFewAcks"),
            By::Verdict("WrongAcks"),
        ],
    ),
    watched(
        10,
        &[
            By::Linter("StrangerAcknowledges"),
            By::Linter("CountsTooEarly"),
        ],
    ),
    watched(11, &[By::Verdict("ErrantTransactions")]),
    watched(
        12,
        &[
            By::Property("BecomesHealthy"),
            By::Property("NoPlanRefused"),
            By::Verdict("UnsafePlan"),
            By::Run(
                "crates/chaos/src/nemesis.rs",
                "the cluster is healthy again and writes go on",
            ),
        ],
    ),
    watched(
        13,
        &[
            By::Property("EpochsRise"),
            FENCING,
            By::Work(
                "crates/agent/src/host/real/guard_file.rs",
                "the file is replaced as a whole, and synced before anything else is done",
            ),
        ],
    ),
    watched(
        16,
        &[
            By::Property("NoTermWithWaiters"),
            By::Work(
                "crates/agent/src/leave.rs",
                "mysqld is asked to stop only when certainly no commit waits",
            ),
        ],
    ),
    watched(
        18,
        &[
            By::Property("HeldByOthers"),
            By::Property("NothingLost"),
            By::Work(
                "crates/agent/src/watch.rs",
                "commits that nobody acknowledged are counted by mysqld and told",
            ),
            ROWS_THERE,
            ROWS_AT_ALL,
        ],
    ),
    watched(
        19,
        &[
            By::Property("NothingLost"),
            By::Work(
                "crates/mysql/src/replication.rs",
                "nothing is pointed elsewhere over unapplied work",
            ),
        ],
    ),
    watched(20, &[By::Property("FreshIsClosed")]),
    watched(21, &[By::Verdict("SettingsDrifted")]),
    watched(
        24,
        &[By::Run(
            "crates/xtask/src/e2e/leaks.rs",
            "no password is in what a cluster shows",
        )],
    ),
    watched(25, &[By::Property("StatementsKnown")]),
    watched(
        37,
        &[By::Work(
            "crates/controller/src/lease/tenure.rs",
            "nothing is written after the time that the lease allows",
        )],
    ),
    watched(39, &[By::Verdict("ImageUnusable")]),
    watched(
        41,
        &[
            By::Property("NothingLost"),
            By::Linter("PrimaryChanged"),
            By::Linter("NotDemanded"),
            FENCING,
            ONE_REIGNS,
        ],
    ),
    watched(
        42,
        &[
            By::Property("NothingLost"),
            By::Linter("LosesTransactions"),
            ROWS_THERE,
        ],
    ),
    watched(
        43,
        &[
            By::Linter("CountsTooEarly"),
            By::Work(
                "crates/agent/src/work/settle.rs",
                "data that lacks what it once held is another incarnation",
            ),
        ],
    ),
    watched(44, &[By::Verdict("PrimaryUnreachable")]),
    watched(45, &[By::Verdict("SwitchoverUnderWay")]),
    watched(
        46,
        &[
            By::Linter("LeaverAcknowledges"),
            By::Linter("WrongMembership"),
        ],
    ),
    watched(
        47,
        &[By::Linter("NotRecovered"), By::Verdict("RegisterLost")],
    ),
    watched(
        48,
        &[
            By::Property("NothingLost"),
            By::Property("OneContent"),
            By::Linter("UncutTail"),
            By::Linter("WrongCut"),
            ROWS_THERE,
        ],
    ),
];
