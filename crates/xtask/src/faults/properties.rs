//! What the simulator demands of every state, and who checks the same elsewhere.

use super::By;
use super::watched::{ONE_REIGNS, ROWS_THERE};

/// A property of `crates/sim/src/property.rs`.
pub(super) struct Property {
    /// Its name there.
    pub(super) name: &'static str,
    /// Its sentence there.
    pub(super) sentence: &'static str,
    /// Which of the two searches judges it.
    pub(super) judged: Judged,
    pub(super) by: &'static [By],
}

/// The searches of the simulator.
pub(super) enum Judged {
    Both,
    Exhaustive,
    Swarm,
}

impl Judged {
    /// In words.
    pub(super) const fn words(&self) -> &'static str {
        match self {
            Self::Both => "exhaustive, swarm",
            Self::Exhaustive => "exhaustive",
            Self::Swarm => "swarm",
        }
    }
}

const fn property(
    name: &'static str,
    sentence: &'static str,
    judged: Judged,
    by: &'static [By],
) -> Property {
    Property {
        name,
        sentence,
        judged,
        by,
    }
}

pub(super) const PROPERTIES: &[Property] = &[
    property(
        "NothingLost",
        "A write that was answered OK is held by every later primary.",
        Judged::Both,
        &[
            By::Linter("PrimaryChanged"),
            By::Linter("LosesTransactions"),
            ROWS_THERE,
        ],
    ),
    property(
        "HeldByOthers",
        "At the moment of OK as many other members hold the write as the membership demands.",
        Judged::Both,
        &[
            By::Linter("TooFewAcks"),
            By::Verdict("WrongAcks"),
            By::Work(
                "crates/agent/src/watch.rs",
                "commits that nobody acknowledged are counted by mysqld and told",
            ),
        ],
    ),
    property(
        "OneAcknowledges",
        "No member answers OK in an older epoch than another one did before.",
        Judged::Exhaustive,
        &[
            By::Linter("SecondWriter"),
            By::Verdict("TwoWritable"),
            ONE_REIGNS,
        ],
    ),
    property(
        "EpochsRise",
        "Epochs and promises never go back.",
        Judged::Both,
        &[
            By::Linter("NotForward"),
            By::Verdict("RegisterLost"),
            By::Work(
                "crates/agent/src/orders/fencing.rs",
                "an agent refuses whatever is lower than its promise",
            ),
        ],
    ),
    property(
        "OpenWithAcks",
        "A primary is opened only with as many acknowledgements as the membership demands.",
        Judged::Exhaustive,
        &[By::Linter("TooFewAcks"), By::Verdict("WrongAcks")],
    ),
    property(
        "NothingVanishes",
        "What was read on the open primary is on every later one.",
        Judged::Both,
        &[By::Linter("BeforeBarrier"), ROWS_THERE],
    ),
    property(
        "OneContent",
        "Two writes never have the same GTID.",
        Judged::Both,
        &[
            By::Verdict("ErrantTransactions"),
            By::Run(
                "crates/chaos/src/verify.rs",
                "all members have the same rows in the end",
            ),
        ],
    ),
    property(
        "InitialisedOnce",
        "No member is made empty where the cluster's history would be replaced by it.",
        Judged::Both,
        &[By::Linter("SecondBootstrap"), By::Linter("OverwritesData")],
    ),
    property(
        "LastCopyKept",
        "The last copy of an acknowledged write is never given up.",
        Judged::Both,
        &[By::Linter("OverwritesData"), By::Linter("HarmsPrimary")],
    ),
    property(
        "AckedIsNotCut",
        "Only what nobody was told OK is cut off a binary log.",
        Judged::Both,
        &[By::Linter("WrongCut")],
    ),
    property(
        "NoPlanRefused",
        "No plan is refused by the linter.",
        Judged::Both,
        &[By::Verdict("UnsafePlan")],
    ),
    property(
        "FreshIsClosed",
        "A mysqld that was just started is closed.",
        Judged::Swarm,
        &[By::Work(
            "crates/resources/src/config/fixed.rs",
            "the configuration closes it, and a user's cannot change that",
        )],
    ),
    property(
        "NoTermWithWaiters",
        "No mysqld with commits that wait is asked to stop: it would answer them OK.",
        Judged::Swarm,
        &[By::Work(
            "crates/agent/src/leave.rs",
            "mysqld is asked to stop only when certainly no commit waits",
        )],
    ),
    property(
        "StatementsKnown",
        "Every statement that is sent is one that the fake of mysqld knows.",
        Judged::Swarm,
        &[],
    ),
    property(
        "BecomesHealthy",
        "After the last fault the cluster becomes healthy.",
        Judged::Both,
        &[By::Run(
            "crates/chaos/src/nemesis.rs",
            "the cluster is healthy again and writes go on",
        )],
    ),
    property(
        "StaysQuiet",
        "A healthy cluster is left alone, and all members hold the same.",
        Judged::Both,
        &[By::Run(
            "crates/chaos/src/verify.rs",
            "all members have the same rows in the end",
        )],
    ),
];
