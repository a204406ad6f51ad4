//! The replication channel: its settings, and the statements that change it.

use std::time::Duration;

use super::answer::{Answer, Failure, ok};
use super::disk::RelayLog;
use super::receiver::Thread;
use super::{Fleet, ServerId};

/// The stored settings of the channel without a name.
#[expect(clippy::struct_excessive_bools, reason = "MySQL has these switches")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Channel {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) ssl: bool,
    pub(super) verify: bool,
    pub(super) ca: String,
    pub(super) certificate: String,
    pub(super) key: String,
    pub(super) tls_version: String,
    /// Seconds with three places.
    pub(super) heartbeat: String,
    pub(super) retry_secs: u64,
    pub(super) retry_count: u64,
    pub(super) auto_position: bool,
    pub(super) gtid_only: bool,
    pub(super) row_format: bool,
}

/// Which threads a statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Threads {
    Receiver,
    Applier,
    Both,
}

impl Threads {
    pub(super) const fn receiver(self) -> bool {
        matches!(self, Self::Receiver | Self::Both)
    }

    pub(super) const fn applier(self) -> bool {
        matches!(self, Self::Applier | Self::Both)
    }
}

/// The server is no replica.
const NOT_CONFIGURED: u16 = 1200;
/// A thread must be stopped first: the receiver, the applier, or either.
const RECEIVER_MUST_STOP: u16 = 3021;
const APPLIER_MUST_STOP: u16 = 3085;
const CHANNEL_MUST_STOP: u16 = 3081;
/// `GTID_ONLY` needs the other two.
const GTID_ONLY_REFUSED: u16 = 4065;

impl Channel {
    fn new(net_timeout_secs: u64) -> Self {
        Self {
            host: String::new(),
            port: 3306,
            user: String::new(),
            ssl: false,
            verify: false,
            ca: String::new(),
            certificate: String::new(),
            key: String::new(),
            tls_version: String::new(),
            heartbeat: format!("{}.{}00", net_timeout_secs / 2, net_timeout_secs % 2 * 5),
            retry_secs: 60,
            retry_count: 10,
            auto_position: false,
            gtid_only: false,
            row_format: true,
        }
    }

    /// How long an idle source may be silent before it sends a heartbeat.
    pub(super) fn heartbeat_period(&self) -> Duration {
        let seconds: f64 = self.heartbeat.parse().unwrap_or(1.0);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(1))
    }

    /// Sets what a clause names. False for an unknown one.
    fn set(&mut self, name: &str, value: &str) -> bool {
        let number = value.parse::<u64>().ok();
        let yes = value == "1";
        match (name, number) {
            ("SOURCE_HOST", _) => value.clone_into(&mut self.host),
            ("SOURCE_PORT", Some(port)) => self.port = u16::try_from(port).unwrap_or(u16::MAX),
            ("SOURCE_USER", _) => value.clone_into(&mut self.user),
            ("SOURCE_SSL", _) => self.ssl = yes,
            ("SOURCE_SSL_VERIFY_SERVER_CERT", _) => self.verify = yes,
            ("SOURCE_SSL_CA", _) => value.clone_into(&mut self.ca),
            ("SOURCE_SSL_CERT", _) => value.clone_into(&mut self.certificate),
            ("SOURCE_SSL_KEY", _) => value.clone_into(&mut self.key),
            ("SOURCE_TLS_VERSION", _) => value.clone_into(&mut self.tls_version),
            ("SOURCE_HEARTBEAT_PERIOD", _) => match value.parse::<f64>() {
                Ok(seconds) => self.heartbeat = format!("{seconds:.3}"),
                Err(_) => return false,
            },
            ("SOURCE_CONNECT_RETRY", Some(seconds)) => self.retry_secs = seconds,
            ("SOURCE_RETRY_COUNT", Some(count)) => self.retry_count = count,
            ("SOURCE_AUTO_POSITION", _) => self.auto_position = yes,
            ("GTID_ONLY", _) => self.gtid_only = yes,
            ("REQUIRE_ROW_FORMAT", _) => self.row_format = yes,
            _ => return false,
        }
        true
    }
}

/// Which threads must be stopped before a clause may change.
fn needs_stopped(clause: &str) -> Threads {
    match clause {
        "SOURCE_AUTO_POSITION" => Threads::Both,
        "GTID_ONLY" | "REQUIRE_ROW_FORMAT" => Threads::Applier,
        _ => Threads::Receiver,
    }
}

impl Fleet {
    /// `CHANGE REPLICATION SOURCE TO`. With both threads stopped what was received goes.
    pub(super) fn change_source(&mut self, id: ServerId, clauses: &[(String, String)]) -> Answer {
        let Some((disk, process)) = self.running_mut(id) else {
            return Err(Failure::Lost);
        };
        let receiver = process.receiver.thread != Thread::Off;
        let applier = process.applier.runs();
        let needs = |wanted: Threads| {
            clauses
                .iter()
                .any(|(name, _)| needs_stopped(name) == wanted)
        };
        let both_run = receiver && applier;
        if needs(Threads::Both) && (receiver || applier) || needs(Threads::Applier) && both_run {
            return Err(must_stop(CHANNEL_MUST_STOP, "STOP REPLICA"));
        }
        if needs(Threads::Receiver) && receiver {
            return Err(must_stop(RECEIVER_MUST_STOP, "STOP REPLICA IO_THREAD"));
        }
        if needs(Threads::Applier) && applier {
            return Err(must_stop(APPLIER_MUST_STOP, "STOP REPLICA SQL_THREAD"));
        }
        let net_timeout = process.variables.settings.net_timeout_secs;
        let mut channel = disk
            .channel
            .clone()
            .unwrap_or_else(|| Channel::new(net_timeout));
        for (name, value) in clauses {
            if !channel.set(name, value) {
                return Err(Failure::Unknown(format!("{name} = {value}")));
            }
        }
        if channel.gtid_only && !(channel.auto_position && channel.row_format) {
            let words = "GTID_ONLY needs SOURCE_AUTO_POSITION and REQUIRE_ROW_FORMAT";
            return Err(Failure::server(GTID_ONLY_REFUSED, words));
        }
        disk.channel = Some(channel);
        process.receiver.forget_source();
        if !receiver && !applier {
            disk.relay = RelayLog::default();
        }
        ok()
    }

    /// `START REPLICA`. What runs already goes on.
    pub(super) fn start_replica(
        &mut self,
        id: ServerId,
        threads: Threads,
        login: Option<&(String, String)>,
        now: Duration,
    ) -> Answer {
        let Some((disk, process)) = self.running_mut(id) else {
            return Err(Failure::Lost);
        };
        let Some(channel) = &disk.channel else {
            // An applier without a channel starts, and has nothing to do.
            if threads.receiver() {
                return Err(not_configured());
            }
            process.applier.start();
            return ok();
        };
        if threads.applier() {
            process.applier.start();
        }
        if threads.receiver() && process.receiver.thread == Thread::Off {
            let stored = || (channel.user.clone(), String::new());
            let login = login.cloned().unwrap_or_else(stored);
            let acknowledges = process.variables.replica_enabled;
            process.receiver.start(login, acknowledges, now);
        }
        ok()
    }

    /// `STOP REPLICA IO_THREAD`, whatever the receiver does.
    pub(super) fn stop_receiver(&mut self, id: ServerId) {
        let Some(process) = self.process_mut(id) else {
            return;
        };
        let connection = process.receiver.stop();
        if let Some(connection) = connection {
            self.close_replica_end(connection);
        }
    }

    /// `RESET REPLICA`, which drops what was received, and with `ALL` the channel.
    pub(super) fn reset_replica(&mut self, id: ServerId, all: bool) -> Answer {
        let Some((disk, process)) = self.running_mut(id) else {
            return Err(Failure::Lost);
        };
        if process.receiver.thread != Thread::Off || process.applier.runs() {
            return Err(must_stop(CHANNEL_MUST_STOP, "STOP REPLICA"));
        }
        disk.relay = RelayLog::default();
        process.receiver.reset();
        process.applier = super::applier::Applier::default();
        if all {
            disk.channel = None;
        }
        ok()
    }
}

fn must_stop(code: u16, statement: &str) -> Failure {
    let words =
        format!("This operation cannot be performed with a running replica; run {statement}");
    Failure::server(code, words)
}

fn not_configured() -> Failure {
    Failure::server(NOT_CONFIGURED, "The server is not configured as replica")
}
