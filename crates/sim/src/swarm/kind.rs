//! The kinds of faults, for drawing and for counting.

use std::fmt;

use super::fault::Fault;

macro_rules! kinds {
    ($($name:ident: $word:literal,)+) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(#[doc = $word] $name,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// In words.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

kinds! {
    KillMysqld: "kill mysqld",
    KillAgent: "kill agent",
    KillPod: "kill pod",
    PowerCut: "power cut",
    LoseVolume: "lose volume",
    FreezeMysqld: "freeze mysqld",
    FreezeAgent: "freeze agent",
    FreezeController: "freeze controller",
    KillController: "kill controller",
    Overlap: "two controllers",
    Cut: "cut",
    Isolate: "isolate",
    LoseCalls: "lose calls",
    SlowCalls: "slow calls",
    Api: "API fails",
    SlowApplier: "slow applier",
    HungDisk: "hung disk",
    FullDisk: "full disk",
    Lead: "ask to lead",
    Evict: "evict",
    Want: "want members",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl From<Fault> for Kind {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::KillMysqld(_) => Self::KillMysqld,
            Fault::KillAgent(_) => Self::KillAgent,
            Fault::KillPod(_) => Self::KillPod,
            Fault::PowerCut(_) => Self::PowerCut,
            Fault::LoseVolume(_) => Self::LoseVolume,
            Fault::FreezeMysqld(..) => Self::FreezeMysqld,
            Fault::FreezeAgent(..) => Self::FreezeAgent,
            Fault::FreezeController(..) => Self::FreezeController,
            Fault::KillController => Self::KillController,
            Fault::Overlap(_) => Self::Overlap,
            Fault::Cut(..) => Self::Cut,
            Fault::Isolate(..) => Self::Isolate,
            Fault::LoseCalls(..) => Self::LoseCalls,
            Fault::SlowCalls(..) => Self::SlowCalls,
            Fault::Api(..) => Self::Api,
            Fault::SlowApplier(..) => Self::SlowApplier,
            Fault::HungDisk(..) => Self::HungDisk,
            Fault::FullDisk(..) => Self::FullDisk,
            Fault::Lead(_) => Self::Lead,
            Fault::Evict(_) => Self::Evict,
            Fault::Want(_) => Self::Want,
        }
    }
}
