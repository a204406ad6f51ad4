//! Following a source without ever losing what was received.
//!
//! A receiver's relay logs may hold the only copy of an acknowledged transaction. mysqld deletes
//! them when the channel is changed with both threads stopped, and keeps them when only the receiver
//! is stopped and the change leaves the applier's settings alone (docs/mysql-facts.md). So a channel
//! is changed under a running applier, or when everything received is executed.

use std::path::PathBuf;

use moco_model::command::Acknowledge;
use moco_model::report::ThreadState;
use moco_model::{GtidSet, Password};

use crate::error::Error;
use crate::literal::text;
use crate::semisync::{self, SemiSyncError};
use crate::session::Session;
use crate::status::{ApplierSettings, Channel, ReceiverSettings};

/// Whom to follow, and how to get in there. TLS with verification of the server's name, always.
#[derive(Clone, Debug)]
pub struct Source {
    /// Host name or address, as in the source's certificate.
    pub host: String,
    /// Port of its mysqld.
    pub port: u16,
    /// The replication account.
    pub user: String,
    /// Its password. It is given to the receiver when it starts and not stored in the server, where
    /// whoever may read the schema `mysql` could read it.
    pub password: Password,
    /// The files of TLS, as mysqld finds them.
    pub tls: TlsFiles,
}

/// PEM files for a connection from one mysqld to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of the authorities that are believed.
    pub ca: PathBuf,
    /// This server's own certificate, shown to the other side.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What [`follow`] had to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// Nothing: the server follows this source already.
    Already,
    /// The channel pointed there; what was stopped was started.
    Started,
    /// The channel was made or pointed somewhere else.
    Repointed,
}

/// Why a server could not be made to follow.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// A statement failed.
    #[error("the server could not be made to follow")]
    Statement(#[source] Error),
    /// Ordinary clients can write here; a primary follows nobody.
    #[error("the server takes writes and cannot follow")]
    Writable,
    /// This server's own commits wait for acknowledgements, or semi-sync could not be switched off.
    #[error("the server is still a semi-sync source")]
    SemiSync(#[source] SemiSyncError),
    /// The applier does not run and there is received work to keep.
    #[error(
        "the applier does not run, and {unapplied} received transactions would be lost by \
         pointing it elsewhere: {}", .error.as_deref().unwrap_or("it stopped without an error")
    )]
    ApplierStopped {
        /// How many received transactions are not executed.
        unapplied: u64,
        /// Why it stopped.
        error: Option<String>,
    },
    /// The channel has settings that can be changed only when everything received is executed. The
    /// receiver is stopped and the applier works on it: ask again.
    #[error("{unapplied} received transactions have to be applied first")]
    StillApplying {
        /// How many are left.
        unapplied: u64,
    },
    /// Received transactions are gone. This member no longer holds what it acknowledged.
    #[error("the received transactions {lost} are gone from the relay logs")]
    RelayLogsLost {
        /// Which.
        lost: GtidSet,
    },
}

impl From<Error> for FollowError {
    fn from(error: Error) -> Self {
        Self::Statement(error)
    }
}

/// Makes the server a replica of `source`, or leaves it alone if it is one already. It stays
/// read-only. Whether it acknowledges is settled before the receiver connects, and the receiver is
/// restarted when that changes.
///
/// It can be asked again at any time; a call that was cut off is finished by the next one.
pub async fn follow<S: Session>(
    server: &mut S,
    source: &Source,
    acknowledge: Acknowledge,
) -> Result<Followed, FollowError> {
    let open: bool = server
        .row(
            "read whether the server is closed",
            "SELECT NOT @@global.super_read_only AS open",
        )
        .await?
        .get("open")?;
    if open {
        return Err(FollowError::Writable);
    }
    // A source's semi-sync would make this replica's applier wait for acknowledgements for ever.
    semisync::disable_source(server)
        .await
        .map_err(FollowError::SemiSync)?;
    semisync::set_replica(server, acknowledge).await?;

    let Some(channel) = Channel::read(server).await? else {
        let sql = change(&source.settings(), &[APPLIER_SETTINGS]);
        server.run("make the replication channel", sql).await?;
        start_applier(server).await?;
        start_receiver(server, source).await?;
        return Ok(Followed::Repointed);
    };
    if channel.settings.applier != WANTED_OF_APPLIER {
        rebuild(server, source).await?;
        return Ok(Followed::Repointed);
    }
    if channel.settings.receiver != source.settings() {
        repoint(server, source, &channel).await?;
        return Ok(Followed::Repointed);
    }
    start_what_is_stopped(server, source, acknowledge, &channel).await
}

/// Stops the receiver, whatever its state, and lets the applier finish. From then on this server
/// acknowledges nothing more. Does nothing without a channel.
pub async fn stop_receiver<S: Session>(server: &mut S) -> Result<(), Error> {
    if stop_receiver_only(server).await? {
        start_applier(server).await?;
    }
    Ok(())
}

/// The same, and leaves the applier as it is. Tells whether there is a channel.
pub(crate) async fn stop_receiver_only<S: Session>(server: &mut S) -> Result<bool, Error> {
    if Channel::read(server).await?.is_none() {
        return Ok(false);
    }
    server
        .run("stop the receiver", "STOP REPLICA IO_THREAD FOR CHANNEL ''")
        .await?;
    Ok(true)
}

/// Stops the receiver, so that the received set stands still, and tells what of it is not executed;
/// none without a channel.
pub(crate) async fn stop_and_tell_unapplied<S: Session>(
    server: &mut S,
) -> Result<Option<GtidSet>, Error> {
    if !stop_receiver_only(server).await? {
        return Ok(None);
    }
    start_applier(server).await?;
    let (_, unapplied) = channel_and_unapplied(server).await?;
    Ok(Some(unapplied))
}

/// Drops the channel, of which [`stop_and_tell_unapplied`] has told that nothing is left to execute.
pub(crate) async fn drop_drained_channel<S: Session>(server: &mut S) -> Result<(), Error> {
    server
        .run("stop the channel", "STOP REPLICA FOR CHANNEL ''")
        .await?;
    server
        .run("drop the channel", "RESET REPLICA ALL FOR CHANNEL ''")
        .await
}

/// Drops the channel of a member whose data is a fresh clone: it is the donor's channel, copied,
/// and there are no relay logs to it.
pub async fn drop_cloned_channel<S: Session>(server: &mut S) -> Result<(), Error> {
    server
        .run("stop the cloned channel", "STOP REPLICA")
        .await?;
    server
        .run("drop the cloned channel", "RESET REPLICA ALL")
        .await
}

const CONNECT_RETRY_SECS: u64 = 1;
/// Attempts to reach the source: about thirty years of them. The agent decides, not the counter.
const RETRY_COUNT: u64 = 1_000_000_000;
const TLS_VERSIONS: &str = "TLSv1.2,TLSv1.3";
/// Seconds between heartbeats of an idle source, as mysqld shows them. A source that is silent for a
/// second has missed three, and many fit into `replica_net_timeout`.
const HEARTBEAT_SECS: &str = "0.250";

const APPLIER_SETTINGS: &str = "SOURCE_AUTO_POSITION = 1, GTID_ONLY = 1, REQUIRE_ROW_FORMAT = 1";
const WANTED_OF_APPLIER: ApplierSettings = ApplierSettings {
    auto_position: true,
    gtid_only: true,
    row_format_only: true,
};

impl Source {
    fn settings(&self) -> ReceiverSettings {
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        ReceiverSettings {
            host: self.host.clone(),
            port: self.port,
            tls: true,
            verify: true,
            ca: path(&self.tls.ca),
            certificate: path(&self.tls.certificate),
            key: path(&self.tls.key),
            tls_version: TLS_VERSIONS.to_owned(),
            heartbeat: HEARTBEAT_SECS.to_owned(),
            retry_secs: CONNECT_RETRY_SECS,
            retry_count: RETRY_COUNT,
        }
    }
}

/// `CHANGE REPLICATION SOURCE` with the receiver's settings and whatever else is given.
fn change(settings: &ReceiverSettings, more: &[&str]) -> String {
    let mut clauses = vec![
        format!("SOURCE_HOST = {}", text(&settings.host)),
        format!("SOURCE_PORT = {}", settings.port),
        format!("SOURCE_SSL = {}", u8::from(settings.tls)),
        format!(
            "SOURCE_SSL_VERIFY_SERVER_CERT = {}",
            u8::from(settings.verify)
        ),
        format!("SOURCE_SSL_CA = {}", text(&settings.ca)),
        format!("SOURCE_SSL_CERT = {}", text(&settings.certificate)),
        format!("SOURCE_SSL_KEY = {}", text(&settings.key)),
        format!("SOURCE_TLS_VERSION = {}", text(&settings.tls_version)),
        format!("SOURCE_HEARTBEAT_PERIOD = {}", settings.heartbeat),
        format!("SOURCE_CONNECT_RETRY = {}", settings.retry_secs),
        format!("SOURCE_RETRY_COUNT = {}", settings.retry_count),
    ];
    clauses.extend(more.iter().map(|clause| (*clause).to_owned()));
    format!(
        "CHANGE REPLICATION SOURCE TO {} FOR CHANNEL ''",
        clauses.join(", ")
    )
}

/// Points the receiver elsewhere under the running applier, so that the relay logs stay.
async fn repoint<S: Session>(
    server: &mut S,
    source: &Source,
    before: &Channel,
) -> Result<(), FollowError> {
    stop_receiver(server).await?;
    let (channel, unapplied) = channel_and_unapplied(server).await?;
    // An applier that had failed was just started again and may be about to fail again. It has until
    // the next call to show that it can go on.
    let failed_before = before.applier == ThreadState::Off && before.applier_failed();
    if !unapplied.is_empty() && (failed_before || channel.applier != ThreadState::On) {
        return Err(FollowError::ApplierStopped {
            unapplied: unapplied.count(),
            error: channel.last_error().or_else(|| before.last_error()),
        });
    }
    let sql = change(&source.settings(), &[]);
    server.run("point the receiver elsewhere", sql).await?;

    // The applier may have failed between the look and the change.
    let held = match Channel::read(server).await? {
        Some(channel) => channel.received.union(&executed(server).await?),
        None => executed(server).await?,
    };
    let lost = unapplied.subtract(&held);
    if !lost.is_empty() {
        return Err(FollowError::RelayLogsLost { lost });
    }
    start_applier(server).await?;
    start_receiver(server, source).await?;
    Ok(())
}

/// Makes a channel anew that somebody else made with other settings, once nothing is lost by it.
async fn rebuild<S: Session>(server: &mut S, source: &Source) -> Result<(), FollowError> {
    stop_receiver(server).await?;
    let (channel, unapplied) = channel_and_unapplied(server).await?;
    if !unapplied.is_empty() {
        let unapplied = unapplied.count();
        return Err(match channel.applier {
            ThreadState::On => FollowError::StillApplying { unapplied },
            ThreadState::Connecting | ThreadState::Off => FollowError::ApplierStopped {
                unapplied,
                error: channel.last_error(),
            },
        });
    }
    server
        .run("stop the channel", "STOP REPLICA FOR CHANNEL ''")
        .await?;
    let sql = change(&source.settings(), &[APPLIER_SETTINGS]);
    server.run("make the replication channel anew", sql).await?;
    start_applier(server).await?;
    start_receiver(server, source).await?;
    Ok(())
}

async fn start_what_is_stopped<S: Session>(
    server: &mut S,
    source: &Source,
    acknowledge: Acknowledge,
    channel: &Channel,
) -> Result<Followed, FollowError> {
    let mut done = Followed::Already;
    if channel.applier != ThreadState::On {
        start_applier(server).await?;
        done = Followed::Started;
    }
    let receiver_as_wanted = match channel.receiver {
        ThreadState::Off => false,
        // It tries by itself, and nothing but another password helps it.
        ThreadState::Connecting => {
            let refused = channel.receiver_error.as_ref().map(|(code, _)| *code);
            channel.user == source.user && refused != Some(ACCESS_DENIED)
        }
        ThreadState::On => {
            let acknowledges = semisync::read(server).await?.replica_active;
            channel.user == source.user && acknowledges == (acknowledge == Acknowledge::Yes)
        }
    };
    if !receiver_as_wanted {
        stop_receiver(server).await?;
        start_receiver(server, source).await?;
        done = Followed::Started;
    }
    Ok(done)
}

/// The source refused the receiver's account or password.
const ACCESS_DENIED: u16 = 1045;

pub(crate) async fn start_applier<S: Session>(server: &mut S) -> Result<(), Error> {
    let sql = "START REPLICA SQL_THREAD FOR CHANNEL ''";
    server.run("start the applier", sql).await
}

/// Starts the receiver with its account, which mysqld keeps in memory until the receiver stops.
async fn start_receiver<S: Session>(server: &mut S, source: &Source) -> Result<(), Error> {
    let sql = format!(
        "START REPLICA IO_THREAD USER = {} PASSWORD = {} FOR CHANNEL ''",
        text(&source.user),
        text(source.password.reveal())
    );
    server
        .run_secret("start the receiver", sql, &[&source.password])
        .await
}

/// The channel, and what it received and did not execute.
async fn channel_and_unapplied<S: Session>(server: &mut S) -> Result<(Channel, GtidSet), Error> {
    let channel = Channel::read(server).await?.ok_or_else(|| {
        Error::malformed(
            "read the state of replication",
            "the channel is gone".to_owned(),
        )
    })?;
    let unapplied = channel.received.subtract(&executed(server).await?);
    Ok((channel, unapplied))
}

/// The executed set.
pub(crate) async fn executed<S: Session>(server: &mut S) -> Result<GtidSet, Error> {
    server
        .row(
            "read the GTID set",
            "SELECT @@global.gtid_executed AS executed",
        )
        .await?
        .parse("executed")
}
