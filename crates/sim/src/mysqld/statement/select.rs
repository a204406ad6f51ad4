//! `SELECT`: a few forms, and the questions about the server that the crate `mysql` asks.

use super::tokens::Tokens;

/// A question with rows for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::mysqld) enum Select {
    /// Variables and constants, without a table.
    Items(Vec<Item>),
    /// `COUNT(*)` of a table.
    Count { table: String, name: String },
    /// The value of one row.
    Value {
        table: String,
        key: i64,
        name: String,
    },
    /// The keys of a table, rising, separated by commas.
    Keys { table: String, name: String },
    /// A question about the server.
    Known(Question),
}

/// A column without a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::mysqld) struct Item {
    pub(in crate::mysqld) expression: Expression,
    pub(in crate::mysqld) negated: bool,
    /// The name of the column.
    pub(in crate::mysqld) name: String,
}

/// What a column shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::mysqld) enum Expression {
    /// A global variable.
    Global(String),
    ConnectionId,
    Constant(String),
}

/// A question about the server, as the crate `mysql` asks it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::mysqld) enum Question {
    Channel,
    Held,
    Waiters,
    /// Global variables: those of semi-sync if `semi_sync`, and these.
    Variables {
        semi_sync: bool,
        names: Vec<String>,
    },
    Counters,
    /// What holds up the closing for at least so many seconds.
    Locks {
        seconds: u64,
    },
    LargeTransactions,
    CloneProgress,
    CloneStatus,
    Plugins,
}

pub(super) fn parse(sql: &str) -> Option<Select> {
    if let Some(question) = question(sql) {
        return Some(Select::Known(question));
    }
    let mut tokens = Tokens::of(sql)?;
    tokens.eat("SELECT").then_some(())?;
    let select = if sql.contains(" FROM ") {
        table(&mut tokens)?
    } else {
        items(&mut tokens)?
    };
    tokens.is_at_end().then_some(select)
}

/// Known by what no other question holds; the columns are named by whoever answers.
fn question(sql: &str) -> Option<Question> {
    let holds = |parts: &[&str]| parts.iter().all(|part| sql.contains(part));
    if holds(&[
        "FROM performance_schema.replication_connection_configuration c",
        "WHERE c.CHANNEL_NAME = '' LIMIT 1",
    ]) {
        Some(Question::Channel)
    } else if holds(&[
        "performance_schema.replication_connection_status WHERE CHANNEL_NAME = ''",
        "AS received, @@global.gtid_executed AS executed",
    ]) {
        Some(Question::Held)
    } else if holds(&[
        "Rpl_semi_sync_source_wait_sessions",
        "Waiting for semi-sync ACK%",
        "waiting for handler commit",
    ]) {
        Some(Question::Waiters)
    } else if holds(&[
        "FROM performance_schema.metadata_locks m",
        "TABLES_LOCKED DESC",
    ]) {
        let seconds = sql.split("SECONDS >= ").nth(1)?.split(' ').next()?;
        Some(Question::Locks {
            seconds: seconds.parse().ok()?,
        })
    } else if holds(&[
        "FROM information_schema.innodb_trx x",
        "trx_rows_modified >",
    ]) {
        Some(Question::LargeTransactions)
    } else if holds(&["FROM performance_schema.clone_progress ORDER BY ID"]) {
        Some(Question::CloneProgress)
    } else if holds(&["FROM performance_schema.clone_status"]) {
        Some(Question::CloneStatus)
    } else if holds(&["SELECT PLUGIN_NAME FROM information_schema.PLUGINS"]) {
        Some(Question::Plugins)
    } else {
        names_and_values(sql)
    }
}

fn names_and_values(sql: &str) -> Option<Question> {
    let asked =
        sql.strip_prefix("SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.")?;
    let mut tokens = Tokens::of(asked)?;
    match tokens.name()?.as_str() {
        "global_status" => {
            let pattern = like(&mut tokens)?;
            (pattern == r"Rpl\_semi\_sync\_%").then_some(Question::Counters)
        }
        "global_variables" => {
            let pattern = like(&mut tokens)?;
            (pattern == r"rpl\_semi\_sync\_%").then_some(())?;
            let mut names = Vec::new();
            if tokens.eat_all(&["OR", "VARIABLE_NAME", "IN"]) {
                tokens.symbol('(').then_some(())?;
                loop {
                    names.push(tokens.text()?);
                    if !tokens.symbol(',') {
                        break;
                    }
                }
            }
            Some(Question::Variables {
                semi_sync: true,
                names,
            })
        }
        _ => None,
    }
}

fn like(tokens: &mut Tokens) -> Option<String> {
    tokens
        .eat_all(&["WHERE", "VARIABLE_NAME", "LIKE"])
        .then_some(())?;
    tokens.text()
}

fn items(tokens: &mut Tokens) -> Option<Select> {
    let mut items = Vec::new();
    loop {
        let negated = tokens.eat("NOT");
        let (expression, shown) = expression(tokens)?;
        let name = alias(tokens, &shown)?;
        items.push(Item {
            expression,
            negated,
            name,
        });
        if !tokens.symbol(',') {
            return Some(Select::Items(items));
        }
    }
}

fn expression(tokens: &mut Tokens) -> Option<(Expression, String)> {
    let word = tokens.name()?;
    if let Some(variable) = word.strip_prefix("@@global.") {
        return Some((Expression::Global(variable.to_owned()), word));
    }
    if word.eq_ignore_ascii_case("CONNECTION_ID") {
        (tokens.symbol('(') && tokens.symbol(')')).then_some(())?;
        return Some((Expression::ConnectionId, "CONNECTION_ID()".to_owned()));
    }
    word.parse::<i64>().ok()?;
    Some((Expression::Constant(word.clone()), word))
}

/// `AS name`, or what mysqld shows without it.
fn alias(tokens: &mut Tokens, shown: &str) -> Option<String> {
    if tokens.eat("AS") {
        tokens.name()
    } else {
        Some(shown.to_owned())
    }
}

fn table(tokens: &mut Tokens) -> Option<Select> {
    let what = tokens.word()?;
    match what.as_str() {
        "COUNT" => {
            (tokens.symbol('(') && tokens.eat("*") && tokens.symbol(')')).then_some(())?;
            let name = alias(tokens, "COUNT(*)")?;
            tokens.eat("FROM").then_some(())?;
            let table = tokens.name()?;
            Some(Select::Count { table, name })
        }
        "GROUP_CONCAT" => {
            tokens.skip_past(')')?;
            let name = alias(tokens, "GROUP_CONCAT(id ORDER BY id)")?;
            tokens.eat("FROM").then_some(())?;
            let table = tokens.name()?;
            Some(Select::Keys { table, name })
        }
        column => {
            let name = alias(tokens, &column.to_ascii_lowercase())?;
            tokens.eat("FROM").then_some(())?;
            let table = tokens.name()?;
            let key = super::where_id(tokens)?;
            Some(Select::Value { table, key, name })
        }
    }
}
