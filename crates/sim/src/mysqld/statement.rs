//! Statements as the fake understands them.
//!
//! What the crate `mysql` sends is understood, and what the clients of tests and worlds send. There
//! is no grammar of SQL here: each form is read as it is written there, and anything else is unknown.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::channel::Threads;
use super::clone::CloneFrom;
use super::content::Change;

mod define;
mod replication;
mod select;
mod set;
mod tokens;

pub(super) use select::{Expression, Item, Question, Select};
pub(super) use set::{Assignment, Scope};
use tokens::Tokens;

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Statement {
    /// A login, which is answered like a statement.
    LogIn {
        user: String,
        password: String,
    },
    Begin,
    Commit,
    Rollback,
    /// Changes of rows.
    Write(Write),
    /// One change of a schema, a table or an account. It is logged also when `unless_there` finds
    /// that there is nothing to do.
    Define {
        change: Change,
        unless_there: bool,
    },
    Set(Vec<Assignment>),
    Select(Select),
    LockTables(Vec<(String, LockKind)>),
    UnlockTables,
    ChangeSource(Vec<(String, String)>),
    StartReplica(Threads, Option<(String, String)>),
    StopReplica(Threads),
    ResetReplica {
        all: bool,
    },
    ResetBinlogs,
    FlushBinlogs,
    /// Up to the file with this number.
    PurgeBinlogs(u32),
    KillQuery(u64),
    KillConnection(u64),
    Clone(CloneFrom),
    Shutdown,
    Sleep(Duration),
    XaStart(String),
    XaEnd,
    XaPrepare(String),
    XaCommit(String),
    XaRollback(String),
}

/// A statement that changes rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Write {
    Insert {
        table: String,
        rows: Vec<(i64, String)>,
    },
    Update {
        table: String,
        key: i64,
        value: String,
    },
    Delete {
        table: String,
        key: i64,
    },
    /// MOCO's heartbeat of an epoch: inserts its row, or counts it up.
    Heartbeat {
        row: i64,
        epoch: u64,
    },
}

/// How a table is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum LockKind {
    Read,
    Write,
}

/// Statements that are remembered at most by a thread.
const REMEMBERED: usize = 512;

thread_local! {
    static KNOWN: RefCell<HashMap<String, Arc<Statement>>> = RefCell::default();
}

/// Reads a statement; none for one that is not known. Agents look at their servers with the same few
/// questions all the time, and what one means depends on nothing but its text.
pub(super) fn remembered(sql: &str) -> Option<Arc<Statement>> {
    if !sql.starts_with("SELECT ") && !sql.starts_with("SET SESSION ") {
        return parse(sql).map(Arc::new);
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(statement) = known.get(sql) {
            return Some(Arc::clone(statement));
        }
        let statement = Arc::new(parse(sql)?);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(sql.to_owned(), Arc::clone(&statement));
        Some(statement)
    })
}

/// Reads a statement; none for one that is not known.
pub(super) fn parse(sql: &str) -> Option<Statement> {
    let sql = sql.trim().trim_end_matches(';');
    if sql.starts_with("SELECT ") {
        return select::parse(sql).map(Statement::Select);
    }
    let mut tokens = Tokens::of(sql)?;
    let statement = one(&mut tokens)?;
    tokens.is_at_end().then_some(statement)
}

fn one(tokens: &mut Tokens) -> Option<Statement> {
    let first = tokens.word()?;
    Some(match first.as_str() {
        "BEGIN" => Statement::Begin,
        "COMMIT" => Statement::Commit,
        "ROLLBACK" => Statement::Rollback,
        "INSERT" => Statement::Write(insert(tokens)?),
        "UPDATE" => Statement::Write(update(tokens)?),
        "DELETE" => Statement::Write(delete(tokens)?),
        "SET" => Statement::Set(set::assignments(tokens)?),
        "DO" => Statement::Sleep(sleep(tokens)?),
        "SHUTDOWN" => Statement::Shutdown,
        "CREATE" => define::create(tokens)?,
        "DROP" => define::drop_something(tokens)?,
        "ALTER" => define::alter(tokens)?,
        "GRANT" => define::grant(tokens)?,
        "REVOKE" => define::revoke(tokens)?,
        "LOCK" => lock_tables(tokens)?,
        "UNLOCK" => tokens.eat("TABLES").then_some(Statement::UnlockTables)?,
        "START" if tokens.eat("TRANSACTION") => Statement::Begin,
        "START" => replication::start_replica(tokens)?,
        "STOP" => replication::stop_replica(tokens)?,
        "RESET" => replication::reset(tokens)?,
        "CHANGE" => replication::change_source(tokens)?,
        "FLUSH" => tokens
            .eat_all(&["BINARY", "LOGS"])
            .then_some(Statement::FlushBinlogs)?,
        "PURGE" => purge(tokens)?,
        "KILL" => kill(tokens)?,
        "CLONE" => clone(tokens)?,
        "XA" => xa(tokens)?,
        _ => return None,
    })
}

fn insert(tokens: &mut Tokens) -> Option<Write> {
    tokens.eat("INTO").then_some(())?;
    let table = tokens.name()?;
    if table == super::disk::HEARTBEAT {
        return heartbeat(tokens);
    }
    if tokens.symbol('(') {
        tokens.skip_past(')')?;
    }
    tokens.eat("VALUES").then_some(())?;
    let mut rows = Vec::new();
    loop {
        tokens.symbol('(').then_some(())?;
        let key = tokens.number()?;
        let value = if tokens.symbol(',') {
            tokens.value()?
        } else {
            String::new()
        };
        tokens.symbol(')').then_some(())?;
        rows.push((key, value));
        if !tokens.symbol(',') {
            return Some(Write::Insert { table, rows });
        }
    }
}

/// The rest of the one statement that writes MOCO's own table.
fn heartbeat(tokens: &mut Tokens) -> Option<Write> {
    tokens.symbol('(').then_some(())?;
    tokens.skip_past(')')?;
    tokens.eat("VALUES").then_some(())?;
    tokens.symbol('(').then_some(())?;
    let row = tokens.number()?;
    tokens.symbol(',').then_some(())?;
    let epoch = u64::try_from(tokens.number()?).ok()?;
    tokens.skip_past(')')?;
    tokens
        .eat_all(&["AS", "NEW", "ON", "DUPLICATE", "KEY", "UPDATE"])
        .then_some(())?;
    tokens.skip_rest();
    Some(Write::Heartbeat { row, epoch })
}

fn update(tokens: &mut Tokens) -> Option<Write> {
    let table = tokens.name()?;
    tokens.eat("SET").then_some(())?;
    tokens.name()?;
    tokens.symbol('=').then_some(())?;
    let value = tokens.value()?;
    let key = where_id(tokens)?;
    Some(Write::Update { table, key, value })
}

fn delete(tokens: &mut Tokens) -> Option<Write> {
    tokens.eat("FROM").then_some(())?;
    let table = tokens.name()?;
    let key = where_id(tokens)?;
    Some(Write::Delete { table, key })
}

fn where_id(tokens: &mut Tokens) -> Option<i64> {
    tokens.eat_all(&["WHERE", "ID"]).then_some(())?;
    tokens.symbol('=').then_some(())?;
    tokens.number()
}

/// `SLEEP(n / m)` or `SLEEP(n)`, seconds.
fn sleep(tokens: &mut Tokens) -> Option<Duration> {
    tokens.eat("SLEEP").then_some(())?;
    tokens.symbol('(').then_some(())?;
    let above = u64::try_from(tokens.number()?).ok()?;
    let below = if tokens.symbol('/') {
        u64::try_from(tokens.number()?).ok()?
    } else {
        1
    };
    tokens.symbol(')').then_some(())?;
    let ms = above.checked_mul(1000)?.checked_div(below)?;
    Some(Duration::from_millis(ms))
}

fn lock_tables(tokens: &mut Tokens) -> Option<Statement> {
    tokens.eat("TABLES").then_some(())?;
    let mut locks = Vec::new();
    loop {
        let table = tokens.name()?;
        let kind = match tokens.word()?.as_str() {
            "READ" => LockKind::Read,
            "WRITE" => LockKind::Write,
            _ => return None,
        };
        locks.push((table, kind));
        if !tokens.symbol(',') {
            return Some(Statement::LockTables(locks));
        }
    }
}

fn purge(tokens: &mut Tokens) -> Option<Statement> {
    tokens.eat_all(&["BINARY", "LOGS", "TO"]).then_some(())?;
    let name = tokens.text()?;
    let number = name.strip_prefix("binlog.")?.parse().ok()?;
    Some(Statement::PurgeBinlogs(number))
}

fn kill(tokens: &mut Tokens) -> Option<Statement> {
    let query = tokens.eat("QUERY");
    let _ = tokens.eat("CONNECTION");
    let id = u64::try_from(tokens.number()?).ok()?;
    Some(if query {
        Statement::KillQuery(id)
    } else {
        Statement::KillConnection(id)
    })
}

/// `INSTANCE FROM 'user'@'host':port IDENTIFIED BY 'password' REQUIRE SSL`.
fn clone(tokens: &mut Tokens) -> Option<Statement> {
    tokens.eat_all(&["INSTANCE", "FROM"]).then_some(())?;
    let user = tokens.text()?;
    tokens.eat("@").then_some(())?;
    let host = tokens.text()?;
    tokens.symbol(':').then_some(())?;
    let port = u16::try_from(tokens.number()?).ok()?;
    tokens.eat_all(&["IDENTIFIED", "BY"]).then_some(())?;
    let password = tokens.text()?;
    tokens.eat_all(&["REQUIRE", "SSL"]).then_some(())?;
    Some(Statement::Clone(CloneFrom {
        user,
        password,
        host,
        port,
    }))
}

fn xa(tokens: &mut Tokens) -> Option<Statement> {
    let verb = tokens.word()?;
    let xid = tokens.text()?;
    Some(match verb.as_str() {
        "START" | "BEGIN" => Statement::XaStart(xid),
        "END" => Statement::XaEnd,
        "PREPARE" => Statement::XaPrepare(xid),
        "COMMIT" => Statement::XaCommit(xid),
        "ROLLBACK" => Statement::XaRollback(xid),
        _ => return None,
    })
}
