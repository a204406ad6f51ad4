//! `SET`.

use super::tokens::Tokens;

/// Which value of a variable is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::mysqld) enum Scope {
    Global,
    Session,
}

/// One variable that is set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::mysqld) struct Assignment {
    pub(in crate::mysqld) scope: Scope,
    /// In lower case.
    pub(in crate::mysqld) name: String,
    pub(in crate::mysqld) value: String,
}

impl Assignment {
    /// The value as a switch.
    pub(in crate::mysqld) fn switch(&self) -> Option<bool> {
        match self.value.to_ascii_uppercase().as_str() {
            "ON" | "1" | "TRUE" => Some(true),
            "OFF" | "0" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// Whether it asks that nobody may write.
    pub(in crate::mysqld) fn closes(&self) -> bool {
        let named = matches!(self.name.as_str(), "read_only" | "super_read_only");
        named && self.scope == Scope::Global && self.switch() == Some(true)
    }
}

/// `[GLOBAL|SESSION] name = value, …`; a scope is in force until the next one.
pub(super) fn assignments(tokens: &mut Tokens) -> Option<Vec<Assignment>> {
    let mut scope = Scope::Session;
    let mut all = Vec::new();
    loop {
        if tokens.eat("GLOBAL") {
            scope = Scope::Global;
        } else if tokens.eat("SESSION") {
            scope = Scope::Session;
        }
        let name = tokens.name()?.to_ascii_lowercase();
        tokens.symbol('=').then_some(())?;
        let value = tokens.value()?;
        all.push(Assignment { scope, name, value });
        if !tokens.symbol(',') {
            return Some(all);
        }
    }
}
