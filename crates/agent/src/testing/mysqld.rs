//! A mysqld in memory, as far as the statements of `moco-mysql` look at it.

use std::time::Duration;

use moco_model::{GtidSet, Password};
use moco_mysql::{Error, Record, Session};

use super::Machine;

/// The state of a mysqld.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the switches of a mysqld")]
pub(crate) struct Mysqld {
    pub(crate) executed: GtidSet,
    pub(crate) super_read_only: bool,
    pub(crate) offline: bool,
    pub(crate) channel: Option<Channel>,
    pub(crate) source_enabled: bool,
    pub(crate) wait_for: u32,
    pub(crate) waiting: u32,
    pub(crate) unacknowledged: u64,
    /// Somebody holds tables locked.
    pub(crate) locked: bool,
    /// It does not answer.
    pub(crate) hangs: bool,
    /// Commits do not end.
    pub(crate) commits_hang: bool,
    pub(crate) full: bool,
    pub(crate) beats: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) host: String,
    pub(crate) receiver: &'static str,
    pub(crate) applier: &'static str,
    pub(crate) received: GtidSet,
    pub(crate) heard_ms_ago: i64,
}

impl Channel {
    pub(crate) fn to(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            receiver: "ON",
            applier: "ON",
            received: GtidSet::new(),
            heard_ms_ago: 0,
        }
    }
}

impl Default for Mysqld {
    fn default() -> Self {
        Self {
            executed: GtidSet::new(),
            super_read_only: true,
            offline: false,
            channel: None,
            source_enabled: false,
            wait_for: 1,
            waiting: 0,
            unacknowledged: 0,
            locked: false,
            hangs: false,
            commits_hang: false,
            full: false,
            beats: 0,
        }
    }
}

impl Mysqld {
    /// It starts closed, and does not replicate.
    pub(super) fn restart(&mut self) {
        self.super_read_only = true;
        self.offline = false;
        self.source_enabled = false;
        self.waiting = 0;
        if let Some(channel) = &mut self.channel {
            channel.receiver = "OFF";
            channel.applier = "OFF";
        }
    }

    /// An open primary.
    pub(crate) fn open(&mut self) {
        self.super_read_only = false;
        self.source_enabled = true;
    }

    fn run(&mut self, attempted: &'static str, sql: &str) -> Result<(), Error> {
        let has = |part: &str| sql.contains(part);
        if has("INSERT INTO moco.heartbeat") {
            return self.beat(attempted);
        }
        if has("super_read_only = ON") {
            self.super_read_only = true;
        }
        if has("super_read_only = OFF") {
            self.super_read_only = false;
        }
        if has("offline_mode") {
            self.offline = has("offline_mode = ON");
        }
        if has("source_enabled") {
            self.source_enabled = has("source_enabled = ON");
        }
        if let Some((_, rest)) = sql.split_once("wait_for_replica_count = ") {
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
            self.wait_for = digits.and_then(|digits| digits.parse().ok()).unwrap_or(0);
        }
        if has("CHANGE REPLICATION SOURCE") {
            let host = sql.split('\'').nth(1).unwrap_or_default();
            self.channel.get_or_insert_with(|| Channel::to(host)).host = host.to_owned();
        }
        if has("RESET REPLICA ALL") {
            self.channel = None;
        }
        if let Some(channel) = &mut self.channel {
            match () {
                () if has("STOP REPLICA IO_THREAD") => channel.receiver = "OFF",
                () if has("START REPLICA IO_THREAD") => channel.receiver = "ON",
                () if has("START REPLICA SQL_THREAD") => channel.applier = "ON",
                () => {}
            }
        }
        Ok(())
    }

    fn beat(&mut self, attempted: &'static str) -> Result<(), Error> {
        let (code, message) = match self {
            Self {
                super_read_only: true,
                ..
            } => (1290, "--super-read-only"),
            Self { full: true, .. } => (1114, "The table 'heartbeat' is full"),
            _ => {
                self.beats += 1;
                self.executed = self.executed.union(&heartbeats(self.beats));
                return Ok(());
            }
        };
        Err(Error::Server {
            attempted,
            code,
            message: message.to_owned(),
        })
    }

    fn rows(&self, attempted: &'static str, sql: &str) -> Vec<Record> {
        let has = |part: &str| sql.contains(part);
        let one = |columns: &[(&str, String)]| vec![record(attempted, columns)];
        let executed = self.executed.to_string();
        if has("replication_connection_configuration") {
            return self
                .channel
                .iter()
                .map(|channel| channel.row(attempted))
                .collect();
        }
        if has("AS uuid") {
            return one(&[
                ("uuid", "00000000-0000-0000-0000-000000000001".to_owned()),
                ("version", "9.7.4".to_owned()),
                ("executed", executed),
                ("purged", String::new()),
                ("read_only", flag(self.super_read_only)),
                ("offline", flag(self.offline)),
            ]);
        }
        if has("AS sessions") {
            let waiting = self.waiting.to_string();
            return one(&[
                ("sessions", waiting.clone()),
                ("clients", waiting),
                ("appliers", "0".to_owned()),
            ]);
        }
        if has("metadata_locks") {
            let row = || {
                record(
                    attempted,
                    &[
                        ("ID", "7".to_owned()),
                        ("USER", "app".to_owned()),
                        ("SECONDS", "9".to_owned()),
                        ("TABLES_LOCKED", "1".to_owned()),
                        ("COMMITS", "0".to_owned()),
                    ],
                )
            };
            return self.locked.then(row).into_iter().collect();
        }
        if has("innodb_trx") {
            return Vec::new();
        }
        if has("performance_schema.global_") {
            return self.variables(attempted, has("global_variables"));
        }
        let received = self
            .channel
            .as_ref()
            .map(|channel| channel.received.to_string());
        one(&[
            ("open", flag(!self.super_read_only)),
            ("writable", flag(!self.super_read_only)),
            ("received", received.unwrap_or_default()),
            ("executed", executed),
        ])
    }
}

impl Mysqld {
    fn variables(&self, attempted: &'static str, settings: bool) -> Vec<Record> {
        let wait_for = self.wait_for.to_string();
        let unacknowledged = self.unacknowledged.to_string();
        if settings {
            let enabled = switch(self.source_enabled);
            let pair = ("rpl_semi_sync_source_enabled", enabled);
            let count = ("rpl_semi_sync_source_wait_for_replica_count", wait_for);
            return pairs(attempted, &[pair, count]);
        }
        let active = ("Rpl_semi_sync_source_status", switch(self.source_enabled));
        let count = ("Rpl_semi_sync_source_no_tx", unacknowledged);
        pairs(attempted, &[active, count])
    }
}

impl Channel {
    fn row(&self, attempted: &'static str) -> Record {
        let now = 1_000_000_i64;
        let text = |value: &str| value.to_owned();
        record(
            attempted,
            &[
                ("HOST", self.host.clone()),
                ("PORT", text("3306")),
                ("USER", text("moco-repl")),
                ("SSL_ALLOWED", text("YES")),
                ("SSL_VERIFY_SERVER_CERTIFICATE", text("YES")),
                ("SSL_CA_FILE", text("/tls/ca")),
                ("SSL_CERTIFICATE", text("/tls/crt")),
                ("SSL_KEY", text("/tls/key")),
                ("TLS_VERSION", text("TLSv1.2,TLSv1.3")),
                ("HEARTBEAT_INTERVAL", text("0.250")),
                ("CONNECTION_RETRY_INTERVAL", text("1")),
                ("CONNECTION_RETRY_COUNT", text("1000000000")),
                ("AUTO_POSITION", text("1")),
                ("GTID_ONLY", text("1")),
                ("REQUIRE_ROW_FORMAT", text("YES")),
                ("RECEIVER", text(self.receiver)),
                ("RECEIVER_ERROR", text("0")),
                ("RECEIVER_MESSAGE", String::new()),
                ("RECEIVED", self.received.to_string()),
                ("APPLIER", text(self.applier)),
                ("WORKER_ERROR", text("0")),
                ("WORKER_MESSAGE", String::new()),
                ("COORDINATOR_ERROR", text("0")),
                ("COORDINATOR_MESSAGE", String::new()),
                ("NOW_MS", now.to_string()),
                ("QUEUED_MS", text("0")),
                ("HEARD_MS", (now - self.heard_ms_ago).to_string()),
                ("COMING_IN", text("0")),
                ("RECEIVER_SECS", text("-1")),
                ("APPLIED_MS", text("0")),
                ("APPLYING_MS", text("0")),
            ],
        )
    }
}

/// The GTIDs of heartbeats: a tag of their own.
fn heartbeats(count: u64) -> GtidSet {
    format!("00000000-0000-0000-0000-000000000001:moco_heartbeat:1-{count}")
        .parse()
        .unwrap()
}

fn flag(on: bool) -> String {
    u8::from(on).to_string()
}

fn switch(on: bool) -> String {
    if on { "ON" } else { "OFF" }.to_owned()
}

fn record(attempted: &'static str, columns: &[(&str, String)]) -> Record {
    let columns = columns
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Some(value.clone())));
    Record::of(attempted, columns.collect())
}

fn pairs(attempted: &'static str, pairs: &[(&str, String)]) -> Vec<Record> {
    let pair = |(name, value): &(&str, String)| {
        record(
            attempted,
            &[
                ("VARIABLE_NAME", (*name).to_owned()),
                ("VARIABLE_VALUE", value.clone()),
            ],
        )
    };
    pairs.iter().map(pair).collect()
}

/// A connection to the mysqld of a machine.
pub(crate) struct Talk {
    machine: Machine,
    limit: Duration,
    usable: bool,
}

impl Talk {
    pub(super) fn new(machine: Machine, limit: Duration) -> Self {
        machine.world().connections += 1;
        Self {
            machine,
            limit,
            usable: true,
        }
    }

    /// Waits as long as the statement takes. Until it is answered the connection is of no use.
    async fn begin(&mut self, attempted: &'static str, commits: bool) -> Result<(), Error> {
        self.usable = false;
        let waiting = async {
            while self
                .machine
                .mysqld(|mysqld| mysqld.hangs || (commits && mysqld.commits_hang))
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let limit = self.limit;
        tokio::time::timeout(limit, waiting)
            .await
            .map_err(|_| Error::Timeout { attempted, limit })?;
        self.usable = true;
        Ok(())
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.machine.world().connections -= 1;
    }
}

impl Session for Talk {
    async fn run(
        &mut self,
        attempted: &'static str,
        sql: impl Into<String> + Send,
    ) -> Result<(), Error> {
        let sql = sql.into();
        self.begin(attempted, sql.contains("INSERT")).await?;
        self.machine
            .act(format!("sql: {attempted}"))
            .map_err(|fault| Error::malformed(attempted, fault.sentence))?;
        self.machine.mysqld(|mysqld| mysqld.run(attempted, &sql))
    }

    async fn run_secret(
        &mut self,
        attempted: &'static str,
        sql: String,
        _: &[&Password],
    ) -> Result<(), Error> {
        self.run(attempted, sql).await
    }

    async fn rows(
        &mut self,
        attempted: &'static str,
        sql: impl Into<String> + Send,
    ) -> Result<Vec<Record>, Error> {
        let sql = sql.into();
        self.begin(attempted, false).await?;
        Ok(self.machine.mysqld(|mysqld| mysqld.rows(attempted, &sql)))
    }

    fn is_usable(&self) -> bool {
        self.usable
    }

    fn limit(&self) -> Duration {
        self.limit
    }
}
