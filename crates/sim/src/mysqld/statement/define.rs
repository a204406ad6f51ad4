//! Statements about schemas, tables and accounts.

use super::Statement;
use super::tokens::Tokens;
use crate::mysqld::accounts::{AccountChange, AccountVerb};
use crate::mysqld::content::Change;

pub(super) fn create(tokens: &mut Tokens) -> Option<Statement> {
    let what = tokens.word()?;
    let unless_there = tokens.eat_all(&["IF", "NOT", "EXISTS"]);
    let change = match what.as_str() {
        "DATABASE" => Change::CreateSchema(tokens.name()?),
        "TABLE" => {
            let name = tokens.name()?;
            tokens.skip_rest();
            Change::CreateTable(name)
        }
        "USER" => {
            let user = tokens.account()?;
            let password = identified(tokens)?;
            tokens.skip_rest();
            account(user, AccountVerb::Create(password))
        }
        _ => return None,
    };
    Some(Statement::Define {
        change,
        unless_there,
    })
}

pub(super) fn drop_something(tokens: &mut Tokens) -> Option<Statement> {
    let what = tokens.word()?;
    let unless_there = tokens.eat_all(&["IF", "EXISTS"]);
    let change = match what.as_str() {
        "DATABASE" => Change::DropSchema(tokens.name()?),
        "TABLE" => Change::DropTable(tokens.name()?),
        "USER" => account(tokens.account()?, AccountVerb::Drop),
        _ => return None,
    };
    Some(Statement::Define {
        change,
        unless_there,
    })
}

pub(super) fn alter(tokens: &mut Tokens) -> Option<Statement> {
    tokens.eat("USER").then_some(())?;
    let user = tokens.account()?;
    let password = identified(tokens)?;
    tokens.skip_rest();
    Some(define(account(user, AccountVerb::Password(password))))
}

pub(super) fn grant(tokens: &mut Tokens) -> Option<Statement> {
    let privileges = tokens.words_until("ON")?;
    let among = |one: &str| privileges.iter().any(|word| word == one);
    let passes = among("ALL") || among("CONNECTION_ADMIN");
    tokens.skip_past_word("TO")?;
    let user = tokens.account()?;
    tokens.skip_rest();
    let verb = if among("PROXY") {
        AccountVerb::Nothing
    } else {
        AccountVerb::Grant(passes)
    };
    Some(define(account(user, verb)))
}

pub(super) fn revoke(tokens: &mut Tokens) -> Option<Statement> {
    tokens.skip_past_word("FROM")?;
    Some(define(account(tokens.account()?, AccountVerb::Nothing)))
}

const fn account(user: String, does: AccountVerb) -> Change {
    Change::Account(AccountChange { user, does })
}

const fn define(change: Change) -> Statement {
    Statement::Define {
        change,
        unless_there: false,
    }
}

/// `IDENTIFIED [WITH plugin] BY 'password'`.
fn identified(tokens: &mut Tokens) -> Option<String> {
    tokens.eat("IDENTIFIED").then_some(())?;
    if tokens.eat("WITH") {
        tokens.word()?;
    }
    tokens.eat("BY").then_some(())?;
    tokens.text()
}
