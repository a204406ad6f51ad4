//! Statements about the replication channel.

use super::Statement;
use super::tokens::Tokens;
use crate::mysqld::channel::Threads;

fn threads(tokens: &mut Tokens) -> Threads {
    if tokens.eat("IO_THREAD") {
        Threads::Receiver
    } else if tokens.eat("SQL_THREAD") {
        Threads::Applier
    } else {
        Threads::Both
    }
}

/// `FOR CHANNEL ''`, or nothing.
fn for_channel(tokens: &mut Tokens) -> Option<()> {
    if !tokens.eat("FOR") {
        return Some(());
    }
    tokens.eat("CHANNEL").then_some(())?;
    tokens.text().filter(String::is_empty).map(|_| ())
}

pub(super) fn start_replica(tokens: &mut Tokens) -> Option<Statement> {
    tokens.eat("REPLICA").then_some(())?;
    let which = threads(tokens);
    let mut login = None;
    if tokens.eat("USER") {
        tokens.symbol('=').then_some(())?;
        let user = tokens.text()?;
        tokens.eat("PASSWORD").then_some(())?;
        tokens.symbol('=').then_some(())?;
        login = Some((user, tokens.text()?));
    }
    for_channel(tokens)?;
    Some(Statement::StartReplica(which, login))
}

pub(super) fn stop_replica(tokens: &mut Tokens) -> Option<Statement> {
    tokens.eat("REPLICA").then_some(())?;
    let which = threads(tokens);
    for_channel(tokens)?;
    Some(Statement::StopReplica(which))
}

pub(super) fn reset(tokens: &mut Tokens) -> Option<Statement> {
    if tokens.eat_all(&["BINARY", "LOGS", "AND", "GTIDS"]) {
        return Some(Statement::ResetBinlogs);
    }
    tokens.eat("REPLICA").then_some(())?;
    let all = tokens.eat("ALL");
    for_channel(tokens)?;
    Some(Statement::ResetReplica { all })
}

pub(super) fn change_source(tokens: &mut Tokens) -> Option<Statement> {
    tokens
        .eat_all(&["REPLICATION", "SOURCE", "TO"])
        .then_some(())?;
    let mut clauses = Vec::new();
    loop {
        let name = tokens.word()?;
        tokens.symbol('=').then_some(())?;
        clauses.push((name, tokens.value()?));
        if !tokens.symbol(',') {
            break;
        }
    }
    for_channel(tokens)?;
    Some(Statement::ChangeSource(clauses))
}
