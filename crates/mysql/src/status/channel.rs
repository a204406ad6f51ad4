//! The one replication channel that MOCO uses, the one without a name.

use moco_model::GtidSet;
use moco_model::report::{ReplicationReport, ThreadState};

use crate::error::Error;
use crate::record::Record;
use crate::session::Session;

const ATTEMPTED: &str = "read the state of replication";

/// What a channel is configured to do and what it does.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) settings: Settings,
    /// As whom a running receiver logs in.
    pub(crate) user: String,
    pub(crate) receiver: ThreadState,
    pub(crate) applier: ThreadState,
    pub(crate) receiver_error: Option<(u16, String)>,
    applier_error: Option<(u16, String)>,
    pub(crate) received: GtidSet,
    clock: Clock,
    /// The receiver is in the middle of a transaction.
    coming_in: bool,
}

/// The settings that [`crate::replication::follow`] makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) receiver: ReceiverSettings,
    pub(crate) applier: ApplierSettings,
}

/// The settings that can be changed while the applier runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReceiverSettings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    pub(crate) verify: bool,
    pub(crate) ca: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) tls_version: String,
    pub(crate) heartbeat: String,
    pub(crate) retry_secs: u64,
    pub(crate) retry_count: u64,
}

/// The settings that can be changed only while both threads are stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApplierSettings {
    pub(crate) auto_position: bool,
    pub(crate) gtid_only: bool,
    pub(crate) row_format_only: bool,
}

/// Times of transactions in milliseconds since 1970, 0 for none.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    /// Now.
    now: i64,
    /// When the newest received transaction was committed at its origin.
    queued: i64,
    /// The same of the newest applied one.
    applied: i64,
    /// The same of the oldest one that is being applied.
    applying: i64,
    /// When the receiver last got a heartbeat, or began or ended to receive a transaction, or was
    /// started, if that is later. A re-point forgets heartbeats and not the old source's
    /// transactions, so without its start a receiver would be silent before it said a word.
    heard: i64,
}

impl Channel {
    /// Reads the channel, if one is configured.
    pub(crate) async fn read<S: Session>(server: &mut S) -> Result<Option<Self>, Error> {
        let mut rows = server.rows(ATTEMPTED, CHANNEL).await?;
        rows.pop().map(|row| Self::of(&row)).transpose()
    }

    fn of(row: &Record) -> Result<Self, Error> {
        let yes = |column| row.get::<String>(column).map(|value| value == "YES");
        let one = |column| row.get::<String>(column).map(|value| value == "1");
        Ok(Self {
            settings: Settings {
                receiver: ReceiverSettings {
                    host: row.get("HOST")?,
                    port: row.get("PORT")?,
                    tls: yes("SSL_ALLOWED")?,
                    verify: yes("SSL_VERIFY_SERVER_CERTIFICATE")?,
                    ca: row.get("SSL_CA_FILE")?,
                    certificate: row.get("SSL_CERTIFICATE")?,
                    key: row.get("SSL_KEY")?,
                    tls_version: row.get("TLS_VERSION")?,
                    heartbeat: row.get("HEARTBEAT_INTERVAL")?,
                    retry_secs: row.get("CONNECTION_RETRY_INTERVAL")?,
                    retry_count: row.get("CONNECTION_RETRY_COUNT")?,
                },
                applier: ApplierSettings {
                    auto_position: one("AUTO_POSITION")?,
                    gtid_only: one("GTID_ONLY")?,
                    row_format_only: yes("REQUIRE_ROW_FORMAT")?,
                },
            },
            user: row.get("USER")?,
            receiver: thread_state(row, "RECEIVER")?,
            applier: thread_state(row, "APPLIER")?,
            receiver_error: error(row, "RECEIVER_ERROR", "RECEIVER_MESSAGE")?,
            applier_error: match error(row, "WORKER_ERROR", "WORKER_MESSAGE")? {
                Some(error) => Some(error),
                None => error(row, "COORDINATOR_ERROR", "COORDINATOR_MESSAGE")?,
            },
            received: row.parse("RECEIVED")?,
            clock: Clock {
                now: row.get("NOW_MS")?,
                queued: row.get("QUEUED_MS")?,
                applied: row.get("APPLIED_MS")?,
                applying: row.get("APPLYING_MS")?,
                heard: heard(row)?,
            },
            coming_in: row.get("COMING_IN")?,
        })
    }

    /// The last error of either thread, the applier's first: it needs somebody, while a receiver
    /// mostly helps itself.
    pub(crate) fn last_error(&self) -> Option<String> {
        let (code, message) = self
            .applier_error
            .as_ref()
            .or(self.receiver_error.as_ref())?;
        Some(format!("{} (error {code})", without_statement(message)))
    }

    /// Whether the applier stopped by an error of its own.
    pub(crate) const fn applier_failed(&self) -> bool {
        self.applier_error.is_some()
    }

    /// Nothing is counted while a transaction comes in, since no heartbeats are sent meanwhile. A
    /// source that stops in the middle of one is given up after `replica_net_timeout`, which ends
    /// that.
    fn silent_ms(&self) -> u64 {
        if self.coming_in && self.receiver == ThreadState::On {
            return 0;
        }
        self.clock.silent_ms()
    }

    pub(crate) fn report(self, executed: &GtidSet) -> ReplicationReport {
        ReplicationReport {
            lag_ms: if executed.contains(&self.received) {
                0
            } else {
                self.clock.lag_ms()
            },
            silent_ms: self.silent_ms(),
            last_error: self.last_error(),
            source_host: self.settings.receiver.host,
            source_port: self.settings.receiver.port,
            receiver: self.receiver,
            applier: self.applier,
            received: self.received,
        }
    }
}

impl Clock {
    /// Time since the source was last heard; without an end where no receiver ever ran.
    fn silent_ms(self) -> u64 {
        if self.heard == 0 {
            return u64::MAX;
        }
        u64::try_from(self.now - self.heard).unwrap_or(0)
    }

    /// Age of the oldest received transaction that is not applied. While nothing is being applied
    /// (the applier is stopped), how much newer the newest received one is than the newest applied.
    /// At least 1, since there is such a transaction.
    fn lag_ms(self) -> u64 {
        let age = if self.applying > 0 {
            self.now - self.applying
        } else if self.applied > 0 {
            self.queued - self.applied
        } else {
            self.now - self.queued
        };
        u64::try_from(age).unwrap_or(0).max(1)
    }
}

fn heard(row: &Record) -> Result<i64, Error> {
    let heard: i64 = row.get("HEARD_MS")?;
    let runs_for_secs: Option<i64> = match row.get("RECEIVER_SECS")? {
        -1 => None,
        seconds => Some(seconds),
    };
    let now: i64 = row.get("NOW_MS")?;
    let started = runs_for_secs.map_or(0, |seconds| {
        now.saturating_sub(seconds.saturating_mul(1000))
    });
    Ok(heard.max(started))
}

fn thread_state(row: &Record, column: &str) -> Result<ThreadState, Error> {
    match row.get::<String>(column)?.as_str() {
        "ON" => Ok(ThreadState::On),
        "CONNECTING" => Ok(ThreadState::Connecting),
        "OFF" => Ok(ThreadState::Off),
        other => Err(Error::malformed(
            ATTEMPTED,
            format!("{column} is {other:?}"),
        )),
    }
}

fn error(row: &Record, code: &str, message: &str) -> Result<Option<(u16, String)>, Error> {
    let code: u16 = row.get(code)?;
    let message: String = row.get(message)?;
    Ok((code != 0).then_some((code, message)))
}

/// An applier's message may end in the statement that failed, and an account statement holds the
/// hash of a password.
fn without_statement(message: &str) -> &str {
    let before = message.split_once(" Query: '").map(|(before, _)| before);
    before.unwrap_or(message).trim_end_matches('.')
}

/// One row when a channel is configured. `performance_schema` shows the same as
/// `SHOW REPLICA STATUS`, with times, and in one statement.
const CHANNEL: &str = "\
SELECT c.HOST, c.PORT, c.USER, c.SSL_ALLOWED, c.SSL_VERIFY_SERVER_CERTIFICATE, c.SSL_CA_FILE, \
  c.SSL_CERTIFICATE, c.SSL_KEY, c.TLS_VERSION, \
  CAST(c.HEARTBEAT_INTERVAL AS CHAR) AS HEARTBEAT_INTERVAL, \
  c.CONNECTION_RETRY_INTERVAL, c.CONNECTION_RETRY_COUNT, c.AUTO_POSITION, c.GTID_ONLY, \
  ac.REQUIRE_ROW_FORMAT, \
  s.SERVICE_STATE AS RECEIVER, s.LAST_ERROR_NUMBER AS RECEIVER_ERROR, \
  s.LAST_ERROR_MESSAGE AS RECEIVER_MESSAGE, s.RECEIVED_TRANSACTION_SET AS RECEIVED, \
  a.SERVICE_STATE AS APPLIER, \
  COALESCE(w.LAST_ERROR_NUMBER, 0) AS WORKER_ERROR, \
  COALESCE(w.LAST_ERROR_MESSAGE, '') AS WORKER_MESSAGE, \
  COALESCE(k.LAST_ERROR_NUMBER, 0) AS COORDINATOR_ERROR, \
  COALESCE(k.LAST_ERROR_MESSAGE, '') AS COORDINATOR_MESSAGE, \
  CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) AS NOW_MS, \
  CAST(UNIX_TIMESTAMP(s.LAST_QUEUED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP) * 1000 AS SIGNED) \
    AS QUEUED_MS, \
  CAST(UNIX_TIMESTAMP(GREATEST(s.LAST_HEARTBEAT_TIMESTAMP, \
    s.LAST_QUEUED_TRANSACTION_END_QUEUE_TIMESTAMP, \
    s.QUEUEING_TRANSACTION_START_QUEUE_TIMESTAMP)) * 1000 AS SIGNED) AS HEARD_MS, \
  s.QUEUEING_TRANSACTION <> '' AS COMING_IN, \
  COALESCE((SELECT MIN(PROCESSLIST_TIME) FROM performance_schema.threads \
    WHERE NAME = 'thread/sql/replica_io'), -1) AS RECEIVER_SECS, \
  COALESCE(t.APPLIED_MS, 0) AS APPLIED_MS, COALESCE(t.APPLYING_MS, 0) AS APPLYING_MS \
FROM performance_schema.replication_connection_configuration c \
JOIN performance_schema.replication_connection_status s USING (CHANNEL_NAME) \
JOIN performance_schema.replication_applier_configuration ac USING (CHANNEL_NAME) \
JOIN performance_schema.replication_applier_status a USING (CHANNEL_NAME) \
LEFT JOIN performance_schema.replication_applier_status_by_coordinator k USING (CHANNEL_NAME) \
LEFT JOIN performance_schema.replication_applier_status_by_worker w \
  ON w.CHANNEL_NAME = c.CHANNEL_NAME AND w.LAST_ERROR_NUMBER <> 0 \
LEFT JOIN (SELECT CHANNEL_NAME, \
    MAX(CAST(UNIX_TIMESTAMP(LAST_APPLIED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP) * 1000 AS SIGNED)) \
      AS APPLIED_MS, \
    MIN(NULLIF(CAST(UNIX_TIMESTAMP(APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP) * 1000 \
      AS SIGNED), 0)) AS APPLYING_MS \
  FROM performance_schema.replication_applier_status_by_worker GROUP BY CHANNEL_NAME) t \
  ON t.CHANNEL_NAME = c.CHANNEL_NAME \
WHERE c.CHANNEL_NAME = '' LIMIT 1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_in_an_error_is_left_out() {
        let message = "Error 'x' on query. Default database: 'a'. Query: 'CREATE USER u \
                       IDENTIFIED BY PASSWORD 'hash''";
        assert_eq!(
            without_statement(message),
            "Error 'x' on query. Default database: 'a'"
        );
        assert_eq!(without_statement("Worker 1 failed"), "Worker 1 failed");
    }

    #[test]
    fn lag_is_the_age_of_what_is_being_applied() {
        let clock = Clock {
            now: 10_000,
            queued: 9_000,
            applied: 1_000,
            applying: 7_000,
            heard: 0,
        };
        assert_eq!(clock.lag_ms(), 3_000);
        let stopped = Clock {
            applying: 0,
            ..clock
        };
        assert_eq!(stopped.lag_ms(), 8_000);
        let ahead = Clock {
            applying: 10_500,
            ..clock
        };
        assert_eq!(ahead.lag_ms(), 1, "clocks differ between servers");
    }

    #[test]
    fn silence_is_counted_from_what_was_heard_last() {
        let clock = Clock {
            now: 10_000,
            heard: 9_400,
            ..Clock::default()
        };
        assert_eq!(clock.silent_ms(), 600);
        let set_back = Clock {
            now: 9_000,
            ..clock
        };
        assert_eq!(set_back.silent_ms(), 0);
        let never = Clock { heard: 0, ..clock };
        assert_eq!(never.silent_ms(), u64::MAX);
    }
}
