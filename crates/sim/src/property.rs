//! What must hold in every state.

use std::fmt;

macro_rules! properties {
    ($($(#[doc = $sentence:literal])+ $name:ident,)+) => {
        /// What must hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Property {
            $($(#[doc = $sentence])+ $name,)+
        }

        impl Property {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// One sentence.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => concat!($($sentence,)+),)+ }.trim()
            }
        }

        impl fmt::Display for Property {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => stringify!($name),)+ })
            }
        }
    };
}

properties! {
    /// A write that was answered OK is held by every later primary.
    NothingLost,
    /// At the moment of OK as many other members hold the write as the membership demands.
    HeldByOthers,
    /// No member answers OK in an older epoch than another one did before.
    OneAcknowledges,
    /// Epochs and promises never go back.
    EpochsRise,
    /// A primary is opened only with as many acknowledgements as the membership demands.
    OpenWithAcks,
    /// What was read on the open primary is on every later one.
    NothingVanishes,
    /// Two writes never have the same GTID.
    OneContent,
    /// No member is made empty where the cluster's history would be replaced by it.
    InitialisedOnce,
    /// The last copy of an acknowledged write is never given up.
    LastCopyKept,
    /// Only what nobody was told OK is cut off a binary log.
    AckedIsNotCut,
    /// No plan is refused by the linter.
    NoPlanRefused,
    /// A mysqld that was just started is closed.
    FreshIsClosed,
    /// No mysqld with commits that wait is asked to stop: it would answer them OK.
    NoTermWithWaiters,
    /// Every statement that is sent is one that the fake of mysqld knows.
    StatementsKnown,
    /// After the last fault the cluster becomes healthy.
    BecomesHealthy,
    /// A healthy cluster is left alone, and all members hold the same.
    StaysQuiet,
}

/// A property that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub property: Property,
    /// What was seen.
    pub because: String,
}

impl Violation {
    /// A violation, with what was seen.
    pub fn of(property: Property, because: impl Into<String>) -> Self {
        Self {
            property,
            because: because.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} ({})",
            self.property,
            self.because,
            self.property.sentence()
        )
    }
}
