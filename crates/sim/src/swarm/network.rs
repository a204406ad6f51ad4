//! Who reaches whom, per direction.

use std::collections::BTreeSet;
use std::fmt;

/// Who sends or receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A member: its agent and its mysqld.
    Member(u32),
    /// A controller.
    Controller(u32),
    /// The API server.
    Api,
}

/// What a cut concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wire {
    /// Everything.
    All,
    /// What mysqlds say to each other.
    Sql,
    /// What agents and controllers say.
    Calls,
}

/// A direction in which nothing passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cut {
    /// From whom.
    pub from: Node,
    /// To whom.
    pub to: Node,
    /// What.
    pub wire: Wire,
}

/// The network.
#[derive(Clone, Debug, Default)]
pub struct Network {
    cuts: BTreeSet<Cut>,
    /// Of so many calls one is lost; 0 for none.
    pub lost_one_of: u64,
    /// Calls take up to this many microseconds each way.
    pub slow_us: u64,
}

impl Network {
    /// Whether something of `wire` passes.
    pub fn passes(&self, from: Node, to: Node, wire: Wire) -> bool {
        let cut = |wire| self.cuts.contains(&Cut { from, to, wire });
        !cut(Wire::All) && !cut(wire)
    }

    /// Nothing is cut.
    pub fn is_whole(&self) -> bool {
        self.cuts.is_empty()
    }

    /// Cuts a direction.
    pub fn cut(&mut self, cut: Cut) {
        self.cuts.insert(cut);
    }

    /// Mends a direction.
    pub fn mend(&mut self, cut: Cut) {
        self.cuts.remove(&cut);
    }

    /// Mends everything.
    pub fn mend_all(&mut self) {
        self.cuts.clear();
        self.lost_one_of = 0;
        self.slow_us = 0;
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(id) => write!(f, "{id}"),
            Self::Controller(id) => write!(f, "controller{id}"),
            Self::Api => f.write_str("api"),
        }
    }
}

impl Wire {
    /// The word in stories.
    pub const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Sql => "sql",
            Self::Calls => "calls",
        }
    }
}
