//! What would hold up the closing of a primary, seen without touching anything.
//!
//! `super_read_only` waits for whoever holds the lock that every writing statement takes
//! (`GLOBAL`) or the one that every commit takes (`COMMIT`); `performance_schema.metadata_locks`
//! shows them (docs/mysql-facts.md). Statements that only read hold neither and hold nothing up.

use crate::error::Error;
use crate::record::Record;
use crate::session::Session;

/// Whole seconds after which a writing statement or a commit is no longer expected to end at once.
/// mysqld counts begun seconds, so it has run for more than one.
const LONG_SECS: u32 = 2;
/// Rows that an unfinished transaction may have changed. Clients are put out, so it is rolled back,
/// at 0.1 to 1 million rows a second; until then its row locks stop the applier of the member, which
/// is a replica by then.
const ROWS_MAX: u32 = 100_000;

/// The worst obstacle that is not going to be gone in a moment, as a sentence.
pub(super) async fn find<S: Session>(server: &mut S) -> Result<Option<String>, Error> {
    if let Some(by) = lock_held_for(server, LONG_SECS).await? {
        return Ok(Some(by));
    }
    large_transaction(server).await
}

/// Whoever held it up just now.
pub(super) async fn find_now<S: Session>(server: &mut S) -> Result<Option<String>, Error> {
    lock_held_for(server, 0).await
}

/// Table locks that a connection took explicitly (`LOCK TABLES … WRITE`) are an obstacle at any age:
/// they end when the client likes.
async fn lock_held_for<S: Session>(server: &mut S, seconds: u32) -> Result<Option<String>, Error> {
    let sql = format!(
        "SELECT t.PROCESSLIST_ID AS ID, COALESCE(t.PROCESSLIST_USER, '') AS USER, \
           GREATEST(COALESCE(t.PROCESSLIST_TIME, 0), 0) AS SECONDS, \
           t.PROCESSLIST_COMMAND = 'Sleep' OR l.OWNER_THREAD_ID IS NOT NULL AS TABLES_LOCKED, \
           m.OBJECT_TYPE = 'COMMIT' AS COMMITS \
         FROM performance_schema.metadata_locks m \
         JOIN performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID \
         LEFT JOIN performance_schema.metadata_locks l \
           ON l.OWNER_THREAD_ID = m.OWNER_THREAD_ID AND l.OBJECT_TYPE = 'TABLE' \
           AND l.LOCK_TYPE = 'SHARED_NO_READ_WRITE' AND l.LOCK_STATUS = 'GRANTED' \
         WHERE m.OBJECT_TYPE IN ('GLOBAL', 'COMMIT') AND m.LOCK_TYPE = 'INTENTION_EXCLUSIVE' \
           AND m.LOCK_STATUS = 'GRANTED' AND t.PROCESSLIST_ID <> CONNECTION_ID() \
         HAVING TABLES_LOCKED OR SECONDS >= {seconds} \
         ORDER BY TABLES_LOCKED DESC, SECONDS DESC, COMMITS DESC LIMIT 1"
    );
    let rows = server.rows("look what holds writes up", sql).await?;
    rows.first().map(locked_by).transpose()
}

fn locked_by(row: &Record) -> Result<String, Error> {
    let who = who(row)?;
    let seconds: u64 = row.get("SECONDS")?;
    Ok(if row.get("TABLES_LOCKED")? {
        format!("{who} holds tables locked (LOCK TABLES)")
    } else if row.get("COMMITS")? {
        format!("a commit of {who} has been under way for {seconds} s")
    } else {
        format!("a statement of {who} that writes has been running for {seconds} s")
    })
}

async fn large_transaction<S: Session>(server: &mut S) -> Result<Option<String>, Error> {
    let sql = format!(
        "SELECT x.trx_mysql_thread_id AS ID, COALESCE(t.PROCESSLIST_USER, '') AS USER, \
           x.trx_rows_modified AS CHANGED \
         FROM information_schema.innodb_trx x \
         LEFT JOIN performance_schema.threads t ON t.PROCESSLIST_ID = x.trx_mysql_thread_id \
         WHERE x.trx_rows_modified > {ROWS_MAX} ORDER BY x.trx_rows_modified DESC LIMIT 1"
    );
    let rows = server.rows("look for large transactions", sql).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let (who, changed) = (who(row)?, row.get::<u64>("CHANGED")?);
    Ok(Some(format!(
        "an unfinished transaction of {who} has changed {changed} rows, which would be rolled back"
    )))
}

fn who(row: &Record) -> Result<String, Error> {
    let (id, user) = (row.get::<u64>("ID")?, row.get::<String>("USER")?);
    Ok(format!("connection {id} (user {user:?})"))
}
