//! Rows of `performance_schema` that take some putting together.

use std::time::Duration;

use super::answer::{Row, row};
use super::commit::{Commit, Owner};
use super::receiver::Thread;
use super::statement::Statement;
use super::{Fleet, ServerId, SessionId};

/// What the clock of every server shows at the beginning of time, milliseconds since 1970.
const BEGINNING_MS: u64 = 1_764_000_000_000;

/// The clock of every server.
pub(super) fn wall_ms(now: Duration) -> u64 {
    BEGINNING_MS.saturating_add(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

impl Fleet {
    /// The one channel with its state; none when none is configured.
    pub(super) fn channel_row(&self, server: ServerId, now: Duration) -> Option<Row> {
        let (disk, process) = self.running(server)?;
        let channel = disk.channel.as_ref()?;
        let receiver = &process.receiver;
        let yes = |on: bool| if on { "YES" } else { "NO" }.to_owned();
        let one = |on: bool| u8::from(on).to_string();
        let user = receiver
            .login
            .as_ref()
            .map_or(&channel.user, |(user, _)| user);
        let mut all = row([
            ("HOST", channel.host.clone()),
            ("PORT", channel.port.to_string()),
            ("USER", user.clone()),
            ("SSL_ALLOWED", yes(channel.ssl)),
            ("SSL_VERIFY_SERVER_CERTIFICATE", yes(channel.verify)),
            ("SSL_CA_FILE", channel.ca.clone()),
            ("SSL_CERTIFICATE", channel.certificate.clone()),
            ("SSL_KEY", channel.key.clone()),
            ("TLS_VERSION", channel.tls_version.clone()),
            ("HEARTBEAT_INTERVAL", channel.heartbeat.clone()),
            ("CONNECTION_RETRY_INTERVAL", channel.retry_secs.to_string()),
            ("CONNECTION_RETRY_COUNT", channel.retry_count.to_string()),
            ("AUTO_POSITION", one(channel.auto_position)),
            ("GTID_ONLY", one(channel.gtid_only)),
            ("REQUIRE_ROW_FORMAT", yes(channel.row_format)),
        ]);
        all.extend(self.thread_columns(server)?);
        all.extend(self.time_columns(server, now)?);
        Some(all)
    }

    fn thread_columns(&self, server: ServerId) -> Option<Row> {
        let (disk, process) = self.running(server)?;
        let (receiver, applier) = (&process.receiver, &process.applier);
        let state = match receiver.thread {
            Thread::Off => "OFF",
            Thread::Connecting { .. } => "CONNECTING",
            Thread::On(_) => "ON",
        };
        let (code, words) = receiver.error.clone().unwrap_or_default();
        let (failed, why) = applier.error.clone().unwrap_or_default();
        Some(row([
            ("RECEIVER", state.to_owned()),
            ("RECEIVER_ERROR", code.to_string()),
            ("RECEIVER_MESSAGE", words),
            ("RECEIVED", disk.relay.received.to_string()),
            (
                "APPLIER",
                if applier.runs() { "ON" } else { "OFF" }.to_owned(),
            ),
            ("WORKER_ERROR", failed.to_string()),
            ("WORKER_MESSAGE", why),
            ("COORDINATOR_ERROR", "0".to_owned()),
            ("COORDINATOR_MESSAGE", String::new()),
        ]))
    }

    fn time_columns(&self, server: ServerId, now: Duration) -> Option<Row> {
        let (_, process) = self.running(server)?;
        let receiver = &process.receiver;
        let queued = receiver.queued.map_or(0, |(_, origin)| origin);
        let last = receiver.queued.map(|(at, _)| at);
        let heard = receiver.heartbeat.max(last).map_or(0, wall_ms);
        let runs_for = match receiver.thread {
            Thread::Off => "-1".to_owned(),
            Thread::Connecting { .. } | Thread::On(_) => now
                .as_secs()
                .saturating_sub(receiver.started.as_secs())
                .to_string(),
        };
        let applying = process
            .queue
            .commits()
            .filter(|commit| commit.owner == Owner::Applier)
            .map(|commit| commit.transaction.origin_ms)
            .min();
        Some(row([
            ("NOW_MS", wall_ms(now).to_string()),
            ("QUEUED_MS", queued.to_string()),
            ("HEARD_MS", heard.to_string()),
            ("COMING_IN", "0".to_owned()),
            ("RECEIVER_SECS", runs_for),
            ("APPLIED_MS", process.applier.applied_ms.to_string()),
            ("APPLYING_MS", applying.unwrap_or(0).to_string()),
        ]))
    }

    /// Who holds the locks that a closing waits for, the worst first.
    pub(super) fn lock_rows(
        &self,
        server: ServerId,
        asks: SessionId,
        seconds: u64,
        now: Duration,
    ) -> Vec<Row> {
        let mut held: Vec<(bool, u64, bool, SessionId)> = Vec::new();
        let begun = |since: Duration| now.as_secs().saturating_sub(since.as_secs());
        for (id, session) in self.sessions_of(server).filter(|(id, _)| *id != asks) {
            let work = session.work.as_ref();
            let since = work.map_or(0, |work| begun(work.since));
            let commits = self.commit_of(server, id).is_some();
            if session.locks_for_writing() {
                held.push((true, since, commits, id));
            } else if commits || session.writes() {
                let is_login = work
                    .is_some_and(|work| matches!(work.statement.as_ref(), Statement::LogIn { .. }));
                if !is_login && since >= seconds {
                    held.push((false, since, commits, id));
                }
            }
        }
        held.sort_unstable_by(|a, b| b.cmp(a));
        let shown = |(locked, since, commits, id): (bool, u64, bool, SessionId)| {
            let user = self.sessions.get(&id).map(|session| session.user.clone());
            row([
                ("ID", id.0.to_string()),
                ("USER", user.unwrap_or_default()),
                ("SECONDS", since.to_string()),
                ("TABLES_LOCKED", u8::from(locked).to_string()),
                ("COMMITS", u8::from(commits).to_string()),
            ])
        };
        held.into_iter().map(shown).collect()
    }

    /// The commit of a session that is under way.
    fn commit_of(&self, server: ServerId, id: SessionId) -> Option<&Commit> {
        let owned = |commit: &&Commit| commit.owner == Owner::Session(id);
        self.process(server)?.queue.commits().find(owned)
    }
}
