//! Accounts: as much of them as decides who is let in and who passes read-only and offline modes.

use std::collections::BTreeMap;

use moco_model::{Account, Passwords};

/// Accounts by user name. Hosts are not told apart: MOCO has one account for each name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Accounts(BTreeMap<String, Rights>);

/// What an account may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Rights {
    password: String,
    /// Passes `read_only`, `offline_mode` and the limit of connections.
    pub(super) connection_admin: bool,
}

/// What an account statement does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountChange {
    /// The user it is about.
    pub user: String,
    /// What it does.
    pub does: AccountVerb,
}

/// What is done to an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AccountVerb {
    /// `CREATE USER IF NOT EXISTS`, with a password.
    Create(String),
    /// `ALTER USER`: a new password.
    Password(String),
    /// `GRANT`, and whether `CONNECTION_ADMIN` is among it.
    Grant(bool),
    /// `REVOKE` of rights that decide nothing here, or `GRANT PROXY`.
    Nothing,
    /// `DROP USER IF EXISTS`.
    Drop,
}

impl Accounts {
    /// `root` without a password, as `mysqld --initialize-insecure` leaves it.
    pub(super) fn fresh() -> Self {
        let root = Rights {
            password: String::new(),
            connection_admin: true,
        };
        Self(BTreeMap::from([("root".to_owned(), root)]))
    }

    /// MOCO's accounts, and no `root`.
    pub(super) fn set_up(passwords: &Passwords) -> Self {
        let with_rights = |account: Account| {
            let rights = Rights {
                password: passwords.of(account).reveal().to_owned(),
                connection_admin: matches!(account, Account::Admin | Account::Replication),
            };
            (account.user().to_owned(), rights)
        };
        Self(Account::ALL.into_iter().map(with_rights).collect())
    }

    /// The rights of a user who knows the password.
    pub(super) fn log_in(&self, user: &str, password: &str) -> Option<&Rights> {
        self.0
            .get(user)
            .filter(|rights| rights.password == password)
    }

    pub(super) fn make(&mut self, change: &AccountChange) {
        match &change.does {
            AccountVerb::Create(password) => {
                self.0.entry(change.user.clone()).or_insert_with(|| Rights {
                    password: password.clone(),
                    connection_admin: false,
                });
            }
            AccountVerb::Password(password) => {
                if let Some(rights) = self.0.get_mut(&change.user) {
                    rights.password.clone_from(password);
                }
            }
            AccountVerb::Grant(connection_admin) => {
                if let Some(rights) = self.0.get_mut(&change.user) {
                    rights.connection_admin |= connection_admin;
                }
            }
            AccountVerb::Nothing => {}
            AccountVerb::Drop => {
                self.0.remove(&change.user);
            }
        }
    }
}
