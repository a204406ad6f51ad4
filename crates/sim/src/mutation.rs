//! Seeded bugs: each is a mistake that somebody made before, put around the product, not into it. A
//! search that does not find every one of them is not worth much.

use std::fmt;

macro_rules! mutations {
    ($($(#[doc = $what:literal])+ $name:ident: $where:ident,)+) => {
        /// A seeded bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutation {
            $($(#[doc = $what])+ $name,)+
        }

        impl Mutation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What it is, for people.
            pub const fn what(self) -> &'static str {
                match self { $(Self::$name => concat!($($what,)+),)+ }
            }

            /// Where it sits.
            pub const fn place(self) -> Place {
                match self { $(Self::$name => Place::$where,)+ }
            }
        }

        impl fmt::Display for Mutation {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => stringify!($name),)+ })
            }
        }
    };
}

/// What a seeded bug is wrapped around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// mysqld, its settings included.
    Server,
    /// The agent.
    Agent,
    /// What the planner is shown.
    Observation,
    /// What the planner planned.
    Plan,
    /// The register.
    Register,
}

mutations! {
    /// A commit stops waiting for acknowledgements after a while and its client is told OK.
    FiniteTimeout: Server,
    /// A former primary is ended by SIGTERM, which tells waiting clients OK.
    TermWithWaiters: Agent,
    /// Pointing a replica elsewhere throws away what it received and did not execute.
    ChangeDropsReceived: Server,
    /// `relay_log_recovery` is on: a restart throws away what was received and not executed.
    RelayLogRecovery: Server,
    /// What was received is acknowledged before it is synced.
    RelayLogUnsynced: Server,
    /// Promotion resets the channel before everything received is executed, and nobody waits for it.
    ResetBeforeDrain: Agent,
    /// A former primary is pointed elsewhere while commits wait, which switches semi-sync off.
    RepointWithWaiters: Plan,
    /// Transactions that only a replica has are not seen.
    ErrantNotSeen: Observation,
    /// The label of a former primary stays.
    LabelStays: Register,
    /// A promise leaves the receiver running.
    FenceLeavesReceiver: Agent,
    /// A receiver that still tries counts as stopped.
    ConnectingCountsAsStopped: Observation,
    /// A promise does not start the applier.
    FenceLeavesApplier: Agent,
    /// The register is overwritten without a comparison.
    OverwriteRegister: Register,
    /// The agent does not compare epochs.
    NoEpochCheck: Agent,
    /// A promise is lost when mysqld and its agent restart.
    PromiseNotDurable: Agent,
    /// A member whose data was made anew keeps its incarnation, and so it counts.
    AmnesiacCounts: Agent,
    /// Every replica seems to hold everything: the primary is opened without the barrier.
    BarrierSkipped: Observation,
    /// The tail of a former primary is not cut.
    TailNotCut: Agent,
    /// One write more than the tail is cut off.
    TailCutTooFar: Agent,
    /// The server's uuid stays after a cut.
    UuidStaysAfterCut: Agent,
    /// The tail of a replica is cut as well.
    ReplicaIsCut: Agent,
    /// A change of the membership is final at once.
    MembershipFinalAtOnce: Plan,
    /// A member that is to leave goes on acknowledging.
    LeaverAcknowledges: Agent,
    /// A newcomer counts before it was seen to hold everything.
    NewcomerCountsAtOnce: Observation,
    /// What the primary had when it was read first is taken for all that had to be acknowledged before.
    MarkTooEarly: Observation,
    /// Of those who promised, not the one is chosen that holds everything.
    WrongWinner: Plan,
    /// A failover is content with one promise less.
    OnePromiseTooFew: Plan,
    /// A primary is opened with one acknowledgement less.
    OneAckTooFew: Plan,
    /// A primary that lost its volume is initialised again.
    InitialisedTwice: Agent,
    /// A switchover is decided before the old primary was closed.
    SwitchoverWithoutClosing: Observation,
    /// A primary that was closed for a switchover opens itself again.
    ReopensAfterFence: Agent,
    /// A member is pointed at its source and the guard still says that it was open.
    FollowKeepsOpened: Agent,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seeded_bug_says_what_it_is_in_one_sentence() {
        for mutation in Mutation::ALL {
            let what = mutation.what().trim();
            assert!(what.ends_with('.') && what.len() > 20, "{mutation}: {what}");
        }
    }
}
