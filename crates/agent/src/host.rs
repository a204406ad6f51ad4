//! What the agent needs of the machine that it runs on: the seam between what it does and where.
//!
//! [`real::RealHost`] is a machine with a volume, a supervisor, a mysqld and a network. A simulated
//! one keeps all of it in memory and drives the same futures on an executor of its own. So nothing
//! above this seam reads a clock, starts a task, touches a file or draws a random number but through
//! it, and every choice between futures is made in a written order.

use std::future::Future;
use std::time::Duration;

use moco_model::report::{Evidence, Fault};
use moco_model::{GtidSet, Guard, MemberId, Millis, Passwords, ServerVersion};
use moco_mysql::Session;
use moco_mysql::clone::Donor;
pub use moco_supervisor::protocol::{Ended, Exit, MysqldSignal};
use moco_wire::{Beat, BeatAnswer, Notice};
use tokio::sync::watch;

use crate::sql::SqlError;

pub(crate) mod real;

/// The machine of a member. What an operation changes on the volume is durable when it returns.
pub trait Host: Send + Sync + 'static {
    /// A connection to the member's mysqld.
    type Session: Session + 'static;
    /// Where a binary log is to be cut, as [`Host::judge`] found it.
    type Cut: Send + 'static;

    /// The time since some beginning; it never goes back.
    fn now(&self) -> Duration;
    /// The machine's clock, for people only: it may be set.
    fn clock(&self) -> Millis;
    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;
    /// Runs a task beside the others.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);
    /// Draws a word that nobody ever drew.
    fn draw(&self) -> String;
    /// Which kernel, pod and volume this is.
    fn place(&self) -> Place;

    /// Looks whether this member may use the volume, and reads its guard file; none on a volume that
    /// was never used.
    fn inspect(&self) -> impl Future<Output = Result<Option<Guard>, Fault>> + Send;
    /// Replaces the guard file. Calls come one after the other.
    fn write_guard(&self, guard: Guard) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Whether there is a data directory that was made to its end.
    fn has_data(&self) -> impl Future<Output = bool> + Send;
    /// Bytes of all binary logs; 0 where there are none, or they cannot be read.
    fn log_bytes(&self) -> impl Future<Output = u64> + Send;
    /// Removes the data directory.
    fn wipe(&self) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Judges what the last binary log file holds beyond `history`. mysqld must not run.
    fn judge(
        &self,
        history: GtidSet,
    ) -> impl Future<Output = Result<Tail<Self::Cut>, Fault>> + Send;
    /// Keeps the bytes of a tail, then cuts it off; repeated after a crash it ends the same. `entry`
    /// is recorded before anything is cut, and afterwards names the bytes.
    fn cut(
        &self,
        cut: Self::Cut,
        entry: Evidence,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Keeps the newest binary logs beside the data directory, which stays as it is, and records
    /// `entry`, which then names them. `of` is the incarnation of the data. mysqld must not run.
    fn keep_logs(
        &self,
        of: String,
        entry: Evidence,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// The recorded entries, the oldest first.
    fn evidence(&self) -> impl Future<Output = Vec<Evidence>> + Send;
    /// Lets mysqld draw a new `server_uuid` at its next start.
    fn forget_server_uuid(&self) -> impl Future<Output = Result<(), Fault>> + Send;

    /// The version of the image's mysqld, if it is one that MOCO runs.
    fn image_version(&self) -> impl Future<Output = Result<ServerVersion, Fault>> + Send;
    /// What is known of mysqld's process; the receiver sees every change.
    fn process(&self) -> watch::Receiver<Process>;
    /// Makes an empty data directory by `mysqld --initialize-insecure`, which has ended afterwards.
    fn initialise(&self) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Starts mysqld as a server. It need not answer yet, and may have ended already.
    fn start(&self) -> impl Future<Output = Result<(), Fault>> + Send;
    /// What made mysqld end before it answered.
    fn early_end(&self, exit: Option<Exit>) -> impl Future<Output = Fault> + Send;
    /// Sends a signal to mysqld, if it runs.
    fn signal(&self, signal: MysqldSignal) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Set once the container was asked to end: how long from then until mysqld is killed.
    fn asked_to_leave(&self) -> watch::Receiver<Option<Duration>>;
    /// Lets the container end.
    fn leave(&self) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Opens a connection to mysqld, each of whose statements may take `limit`.
    fn connect(
        &self,
        who: As,
        limit: Duration,
    ) -> impl Future<Output = Result<Self::Session, SqlError>> + Send;
    /// The passwords of the Secret, as they are now.
    fn passwords(&self) -> Result<Passwords, SqlError>;
    /// Sets up the empty server that was just made and runs.
    fn prepare(&self) -> impl Future<Output = Result<(), SqlError>> + Send;
    /// Copies the donor's data into this server, which ends afterwards to be started again.
    fn copy_from(&self, donor: Donor) -> impl Future<Output = Result<(), SqlError>> + Send;

    /// Tells the controller. True once it took the notice.
    fn notify(&self, notice: Notice) -> impl Future<Output = bool> + Send;
    /// Asks the agent of `member`, at `host`, for a sign of life; it may take a second.
    fn beat(
        &self,
        member: MemberId,
        host: &str,
        beat: Beat,
    ) -> impl Future<Output = Result<BeatAnswer, Unheard>> + Send;
}

/// Where a member's data is: whatever differs makes it uncertain that all is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The kernel's boot id: page cache does not survive another.
    pub boot_id: String,
    /// The pod, or process group.
    pub pod_uid: String,
    /// The volume, as the kernel names its file system.
    pub volume_id: String,
}

/// What is known of mysqld's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Process {
    /// None runs, and how the last one ended if one ran.
    Absent(Option<Exit>),
    /// It runs, with this pid.
    Running(i32),
    /// It could not be started.
    StartFailed(String),
}

/// Who logs in to mysqld.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    /// MOCO's administrator, on a server that was set up.
    Administrator,
    /// root without a password, on a server that was just initialised.
    FreshRoot,
}

/// What the last binary log file of a killed server holds beyond the history of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail<C> {
    /// Nothing to cut, and why.
    Nothing(String),
    /// Transactions that nobody acknowledged.
    Unacknowledged {
        /// Which.
        transactions: GtidSet,
        /// How many bytes they take.
        bytes: u64,
        /// Where to cut.
        cut: C,
    },
    /// What must not be cut, and why.
    NotCuttable(String),
}

/// Why another agent was not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// It did not answer in time, or not sensibly.
    Silent,
    /// Its end of the connection is closed and nobody listens there.
    Refused,
}

/// The outcome of `work`, unless it takes longer than `time`; then it is dropped.
pub(crate) async fn within<H: Host, T>(
    host: &H,
    time: Duration,
    work: impl Future<Output = T> + Send,
) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = host.sleep(time) => None,
    }
}
