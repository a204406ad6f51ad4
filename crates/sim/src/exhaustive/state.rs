//! A small world as plain numbers: cheap to copy, to compare and to hash.
//!
//! Members are numbers, sets of members and of writes are bits. Write 0 is the history from before;
//! the others are made by clients during the search.

use moco_model::Role;

pub use super::budget::Budget;
pub use super::controller::{Controller, Mark};

/// Members at most.
pub const MEMBERS: usize = 5;
/// Writes at most, the history from before included.
pub const WRITES: usize = 4;
/// A set of writes, one bit each.
pub type Writes = u8;
/// A set of members, one bit each.
pub type Ids = u8;

/// The bit of a member or a write.
pub const fn bit(number: u8) -> u8 {
    1 << number
}

/// Whether `set` holds all of `other`.
pub const fn holds(set: u8, other: u8) -> bool {
    other & !set == 0
}

/// The numbers in a set.
pub fn numbers(set: u8) -> impl Iterator<Item = u8> {
    (0..8).filter(move |number| set & bit(*number) != 0)
}

/// Who belongs to the cluster; see [`moco_model::Membership`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Membership {
    /// The members; while they change, the new ones.
    pub members: Ids,
    /// While they change, those before.
    pub old: Option<Ids>,
    /// Counts the changes.
    pub version: u8,
}

impl Membership {
    /// Members of either set.
    pub fn all(self) -> Ids {
        self.members | self.old.unwrap_or(0)
    }

    /// Acknowledgements that a commit waits for.
    pub fn acks(self) -> u8 {
        let half = |set: Ids| u8::try_from(set.count_ones() / 2).unwrap_or(u8::MAX);
        half(self.members).max(self.old.map_or(0, half))
    }
}

/// What the register says; see [`moco_model::Register`]. Revisions are left out: who wrote over whom
/// is known by [`Controller::behind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Register {
    /// The decision in force.
    pub epoch: u8,
    /// The primary of that decision.
    pub primary: u8,
    /// Who belongs to the cluster.
    pub membership: Membership,
    /// A primary was allowed to open.
    pub initialised: bool,
    /// What the primary must hold before it is opened.
    pub must_hold: Writes,
    /// The server UUID of the primary that took over with it; 0 where that is not known.
    pub writer: u8,
    /// Incarnations that count, by member; 0 for none.
    pub counted: [u8; MEMBERS],
    /// The target of the switchover under way.
    pub switchover: Option<u8>,
}

/// How far a data directory is; see [`moco_model::guard::DataState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Data {
    /// Nothing to keep.
    Initialising,
    /// An empty server.
    Empty,
    /// A clone was begun.
    Cloning,
    /// History.
    Holding,
}

/// What a member has promised; see [`moco_model::Guard`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Guard {
    /// The highest decision it was told.
    pub epoch: u8,
    /// The highest epoch it promised.
    pub promised: u8,
    /// The epoch in which it was opened.
    pub opened: Option<u8>,
    /// The role it was given.
    pub role: Option<Role>,
    /// The membership it was told.
    pub membership: Option<Membership>,
    /// Which life of the data this is, from 1.
    pub incarnation: u8,
    /// How far the data is.
    pub data: Data,
    /// The pod is another one than at the last start of mysqld.
    pub moved: bool,
}

/// What outlives mysqld.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    /// Writes in the binary log, the unacknowledged tail included.
    pub executed: Writes,
    /// Writes in the relay logs.
    pub received: Writes,
    /// Executed, and not in the binary logs.
    pub purged: Writes,
    /// The source that the channel names.
    pub source: Option<u8>,
    /// The server's uuid.
    pub uuid: u8,
    /// Executed when mysqld was last started: recovery has committed it, and it lies in an older file
    /// of the binary log. It cannot be cut off any more.
    pub recovered: Writes,
}

impl Disk {
    /// Received or executed.
    pub const fn held(&self) -> Writes {
        self.executed | self.received
    }
}

/// The thread that fetches writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Receiver {
    /// Stopped.
    #[default]
    Off,
    /// Tries to reach its source.
    Trying,
    /// Connected.
    On,
    /// Stopped with an error: the source cannot send what is missing.
    Failed,
}

/// A running mysqld.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the switches of a mysqld are independent of each other"
)]
pub struct Server {
    /// Clients can write.
    pub open: bool,
    /// Clients are put out.
    pub offline: bool,
    /// Acknowledgements that a commit waits for; 0 when semi-sync is off.
    pub wait_for: u8,
    /// It asks to acknowledge when its receiver connects.
    pub acknowledges: bool,
    /// Its receiver acknowledges now.
    pub active: bool,
    /// Its receiver.
    pub receiver: Receiver,
    /// Its applier runs.
    pub applier: bool,
    /// Commits that wait for acknowledgements.
    pub waiting: Writes,
    /// Who acknowledged each of them.
    pub acks: [Ids; WRITES],
    /// Whose acknowledgement of each is on its way.
    pub coming: [Ids; WRITES],
}

/// One member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Member {
    /// Its guard file.
    pub guard: Option<Guard>,
    /// Its data.
    pub disk: Disk,
    /// Its mysqld, while it runs.
    pub server: Option<Server>,
    /// Incarnations and uuids that were drawn.
    pub drawn: u8,
}

impl Member {
    /// What `@@gtid_executed` says: commits that wait are not in it.
    pub fn visible(&self) -> Writes {
        self.disk.executed & !self.server.map_or(0, |server| server.waiting)
    }
}

/// Who wrote a write, and its number there: its GTID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gtid {
    /// The server's uuid; members draw their own.
    pub uuid: u8,
    /// The number, from 1; 0 for a write that was not made yet.
    pub number: u8,
}

/// What a member is told; see [`moco_model::Command`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Start mysqld closed.
    Start {
        /// Make an empty server on an empty volume.
        initialise: bool,
        /// What the present primary holds.
        history: Option<Writes>,
    },
    /// Copy a donor.
    Clone {
        /// Whom.
        donor: u8,
    },
    /// Be a replica.
    Follow {
        /// Of whom.
        source: u8,
        /// Acknowledge.
        acknowledge: bool,
    },
    /// Promise.
    Fence,
    /// Become the closed primary.
    Promote {
        /// Acknowledgements.
        acks: u8,
        /// What it must have executed.
        must_hold: Writes,
    },
    /// End mysqld.
    Retire,
    /// Give the data up.
    Discard,
    /// Take writes.
    Open {
        /// Acknowledgements.
        acks: u8,
    },
    /// Wait for another number of acknowledgements.
    SetAcks {
        /// Acknowledgements.
        acks: u8,
    },
}

/// A command with its fences; see [`moco_model::command::Order`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// Whom it is for.
    pub member: u8,
    /// The decision in force.
    pub epoch: u8,
    /// What is promised by taking it.
    pub promise: u8,
    /// The member's role.
    pub role: Role,
    /// Who belongs to the cluster.
    pub membership: Membership,
    /// What to do.
    pub command: Command,
}

/// A step of a plan; see [`moco_planner::Step`]. Labels are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Write the register.
    Record(Register),
    /// Tell a member.
    Send(Order),
    /// Drop what was asked.
    Settle,
}

/// What was asked of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// To be primary.
    Lead(u8),
    /// Not to be primary.
    Leave(u8),
}

/// A broken link. All of them are cut in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cut {
    /// A member from everybody.
    Member(u8),
    /// A member from every controller.
    Controllers(u8),
    /// Two members from each other.
    Pair(u8, u8),
}

/// The world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The register.
    pub register: Option<Register>,
    /// Pods that exist: members 0 to this.
    pub pods: u8,
    /// Members that are wanted.
    pub wanted: u8,
    /// What was asked.
    pub ask: Option<Ask>,
    /// The members.
    pub members: [Member; MEMBERS],
    /// The controllers.
    pub controllers: [Controller; 2],
    /// The GTID of each write.
    pub gtids: [Gtid; WRITES],
    /// Writes that clients were told OK.
    pub acked: Writes,
    /// Writes that a reader of the open primary may have seen.
    pub seen: Writes,
    /// The highest epoch in which a client was told OK.
    pub ok_epoch: u8,
    /// The broken link.
    pub cut: Option<Cut>,
    /// What may still happen.
    pub budget: Budget,
}

impl State {
    /// A member.
    pub fn member(&self, id: u8) -> &Member {
        &self.members[usize::from(id)]
    }

    /// A member, to be changed.
    pub fn member_mut(&mut self, id: u8) -> &mut Member {
        &mut self.members[usize::from(id)]
    }

    /// Members whose pods exist.
    pub fn ids(&self) -> impl Iterator<Item = u8> + use<> {
        0..self.pods
    }

    /// Whether two members reach each other.
    pub fn linked(&self, one: u8, other: u8) -> bool {
        match self.cut {
            Some(Cut::Member(cut)) => cut != one && cut != other,
            Some(Cut::Pair(a, b)) => (a, b) != (one, other) && (b, a) != (one, other),
            Some(Cut::Controllers(_)) | None => true,
        }
    }

    /// Whether controllers reach a member.
    pub fn reached(&self, id: u8) -> bool {
        !matches!(self.cut, Some(Cut::Member(cut) | Cut::Controllers(cut)) if cut == id)
    }

    /// The GTIDs of a set of writes, to be compared: writes with the same GTID are the same here.
    pub fn same_gtid(&self, one: u8, other: u8) -> bool {
        let gtid = |write: u8| self.gtids[usize::from(write)];
        one == other || (gtid(one) == gtid(other) && gtid(one).number > 0)
    }

    /// All writes whose GTIDs are in `set`.
    pub fn alike(&self, set: Writes) -> Writes {
        let known = |write: u8| numbers(set).any(|other| self.same_gtid(write, other));
        (0..4).filter(|write| known(*write)).map(bit).sum()
    }
}
