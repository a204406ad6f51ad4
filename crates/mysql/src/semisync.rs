//! Semi-synchronous replication: who waits for acknowledgements, and who gives them.

use std::collections::BTreeMap;

use moco_model::command::Acknowledge;
use moco_model::report::SemiSyncReport;

use crate::error::Error;
use crate::literal::switch;
use crate::pinned::SEMI_SYNC_TIMEOUT_MS;
use crate::session::Session;

/// Why semi-sync could not be switched.
#[derive(Debug, thiserror::Error)]
pub enum SemiSyncError {
    /// A statement failed.
    #[error("semi-sync could not be switched")]
    Statement(#[source] Error),
    /// It is enabled and yet commits do not wait.
    #[error("semi-sync is enabled and not in force: commits would not wait for {acks} replicas")]
    NotInForce {
        /// What was asked for.
        acks: u32,
    },
    /// Switching it off would tell these commits' clients OK without acknowledgement.
    #[error("{waiting} commits wait for acknowledgements; they would be answered without them")]
    Waiting {
        /// How many commits wait.
        waiting: u32,
    },
    /// Ordinary clients can write, so commits may begin to wait at any time.
    #[error("the server takes writes")]
    Writable,
}

impl From<Error> for SemiSyncError {
    fn from(error: Error) -> Self {
        Self::Statement(error)
    }
}

/// Makes commits on this server wait, for ever if need be, for `acks` acknowledgements, and checks
/// that they do. 0 switches the waiting off: right only in a cluster of one, where nobody could
/// acknowledge, and therefore done even with commits waiting.
///
/// On a replica without replicas of its own the applier would wait for ever.
pub async fn set_source<S: Session>(server: &mut S, acks: u32) -> Result<(), SemiSyncError> {
    if acks == 0 {
        server
            .run(
                "stop waiting for acknowledgements",
                "SET GLOBAL rpl_semi_sync_source_enabled = OFF",
            )
            .await?;
        return Ok(());
    }
    // The conditions first: from the moment it is enabled they hold.
    let sql = format!(
        "SET GLOBAL rpl_semi_sync_source_wait_for_replica_count = {acks}, \
         rpl_semi_sync_source_timeout = {SEMI_SYNC_TIMEOUT_MS}, \
         rpl_semi_sync_source_wait_no_replica = ON, \
         rpl_semi_sync_source_wait_point = AFTER_SYNC, \
         rpl_semi_sync_source_enabled = ON"
    );
    server.run("wait for acknowledgements", sql).await?;
    let now = read(server).await?;
    if now.source_enabled && now.source_active && now.wait_for == acks {
        Ok(())
    } else {
        Err(SemiSyncError::NotInForce { acks })
    }
}

/// Makes commits on this server not wait: what a replica needs, whose applier would wait for ever.
///
/// # Errors
///
/// Refused while the server takes writes or while commits of clients wait: those would be answered
/// OK without an acknowledgement. Such a server is killed and its tail is judged.
pub async fn disable_source<S: Session>(server: &mut S) -> Result<(), SemiSyncError> {
    let now = read(server).await?;
    if !now.source_enabled {
        return Ok(());
    }
    let writable: bool = server
        .row(
            "read whether the server is closed",
            "SELECT NOT @@global.super_read_only AS writable",
        )
        .await?
        .get("writable")?;
    if writable {
        return Err(SemiSyncError::Writable);
    }
    let waiting = Waiters::read(server).await?.of_clients();
    if waiting > 0 {
        return Err(SemiSyncError::Waiting { waiting });
    }
    server
        .run(
            "stop waiting for acknowledgements",
            "SET GLOBAL rpl_semi_sync_source_enabled = OFF",
        )
        .await?;
    Ok(())
}

/// Sets whether the receiver asks to acknowledge when it connects next. A receiver that is
/// connected goes on as it is (docs/mysql-facts.md).
pub(crate) async fn set_replica<S: Session>(
    server: &mut S,
    acknowledge: Acknowledge,
) -> Result<(), Error> {
    let sql = format!(
        "SET GLOBAL rpl_semi_sync_replica_enabled = {}",
        switch(acknowledge == Acknowledge::Yes)
    );
    server.run("set whether to acknowledge", sql).await
}

/// The state of semi-sync. Where the plugins are missing, everything is off and 0.
pub async fn read<S: Session>(server: &mut S) -> Result<SemiSyncReport, Error> {
    let attempted = "read the state of semi-sync";
    let values = name_value_pairs(
        server,
        attempted,
        "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.global_variables \
         WHERE VARIABLE_NAME LIKE 'rpl\\_semi\\_sync\\_%'",
    )
    .await?;
    let counters = name_value_pairs(server, attempted, COUNTERS).await?;
    report(attempted, &values, &counters)
}

/// How many commits wait for acknowledgements.
///
/// Of the commits that are written together only the first one waits in the eyes of semi-sync; the
/// others wait for it in their handler. Both are counted, so this may be more than really wait and
/// is 0 only when none does.
pub async fn waiters<S: Session>(server: &mut S) -> Result<u32, Error> {
    let now = Waiters::read(server).await?;
    Ok(now.sessions.max(now.clients.saturating_add(now.appliers)))
}

/// Who waits for acknowledgements.
struct Waiters {
    /// Semi-sync's own count.
    sessions: u32,
    /// Threads of clients.
    clients: u32,
    /// Threads of the applier. What they commit was acknowledged to its client elsewhere.
    appliers: u32,
}

impl Waiters {
    /// Background threads are left out: one of InnoDB's always shows a state of a waiting commit.
    async fn read<S: Session>(server: &mut S) -> Result<Self, Error> {
        let row = server
            .row(
                "count the commits that wait",
                "SELECT \
                   COALESCE((SELECT CAST(VARIABLE_VALUE AS UNSIGNED) \
                     FROM performance_schema.global_status \
                     WHERE VARIABLE_NAME = 'Rpl_semi_sync_source_wait_sessions'), 0) AS sessions, \
                   CAST(COALESCE(SUM(NAME NOT LIKE 'thread/sql/replica%'), 0) AS UNSIGNED) \
                     AS clients, \
                   CAST(COALESCE(SUM(NAME LIKE 'thread/sql/replica%'), 0) AS UNSIGNED) \
                     AS appliers \
                 FROM performance_schema.threads WHERE TYPE = 'FOREGROUND' \
                   AND (PROCESSLIST_STATE LIKE 'Waiting for semi-sync ACK%' \
                     OR PROCESSLIST_STATE = 'waiting for handler commit')",
            )
            .await?;
        Ok(Self {
            sessions: row.get("sessions")?,
            clients: row.get("clients")?,
            appliers: row.get("appliers")?,
        })
    }

    fn of_clients(&self) -> u32 {
        self.clients
            .max(self.sessions.saturating_sub(self.appliers))
    }
}

/// The counters of semi-sync.
pub(crate) const COUNTERS: &str = "SELECT VARIABLE_NAME, VARIABLE_VALUE \
     FROM performance_schema.global_status WHERE VARIABLE_NAME LIKE 'Rpl\\_semi\\_sync\\_%'";

/// Puts a report together from system variables and counters.
pub(crate) fn report(
    attempted: &'static str,
    values: &BTreeMap<String, String>,
    counters: &BTreeMap<String, String>,
) -> Result<SemiSyncReport, Error> {
    let on = |of: &BTreeMap<String, String>, name| of.get(name).is_some_and(|value| value == "ON");
    let number = |of: &BTreeMap<String, String>, name: &str| match of.get(name) {
        None => Ok(0),
        Some(value) => value
            .parse::<u64>()
            .map_err(|_| Error::malformed(attempted, format!("{name} is {value:?}"))),
    };
    let small = |of, name| number(of, name).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    Ok(SemiSyncReport {
        source_enabled: on(values, "rpl_semi_sync_source_enabled"),
        source_active: on(counters, "rpl_semi_sync_source_status"),
        wait_for: small(values, "rpl_semi_sync_source_wait_for_replica_count")?,
        clients: small(counters, "rpl_semi_sync_source_clients")?,
        waiting: small(counters, "rpl_semi_sync_source_wait_sessions")?,
        unacknowledged: number(counters, "rpl_semi_sync_source_no_tx")?,
        switched_off: number(counters, "rpl_semi_sync_source_no_times")?,
        replica_enabled: on(values, "rpl_semi_sync_replica_enabled"),
        replica_active: on(counters, "rpl_semi_sync_replica_status"),
    })
}

/// Reads variables or counters, by their names in lower case.
pub(crate) async fn name_value_pairs<S: Session>(
    server: &mut S,
    attempted: &'static str,
    sql: impl Into<String> + Send,
) -> Result<BTreeMap<String, String>, Error> {
    let mut pairs = BTreeMap::new();
    for row in server.rows(attempted, sql).await? {
        let name: String = row.get("VARIABLE_NAME")?;
        pairs.insert(name.to_ascii_lowercase(), row.get("VARIABLE_VALUE")?);
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_plugins_everything_is_off() {
        let empty = BTreeMap::new();
        let off = report("read", &empty, &empty).unwrap();
        assert_eq!(off, SemiSyncReport::default());
    }

    #[test]
    fn a_counter_that_is_no_number_is_an_error() {
        let counters = BTreeMap::from([(
            "rpl_semi_sync_source_wait_sessions".to_owned(),
            "many".to_owned(),
        )]);
        let error = report("read", &BTreeMap::new(), &counters).unwrap_err();
        assert!(error.to_string().contains("wait_sessions"), "{error}");
    }
}
