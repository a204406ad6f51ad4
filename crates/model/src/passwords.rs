//! Passwords of MOCO's MySQL accounts, and the accounts' names.

use std::collections::BTreeMap;
use std::fmt;

/// A password. It can be taken out by [`Password::reveal`] only; printing it shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps a password.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The password itself, for the one place that sends or stores it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(password)")
    }
}

/// MOCO's accounts in MySQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// Everything; over the local socket only, held by the agent.
    Admin,
    /// Reserved by MOCO's interface; over the local socket only.
    Agent,
    /// Replication, and the clone donor's reader.
    Replication,
    /// The donor's account of a clone.
    CloneDonor,
    /// The metrics exporter.
    Exporter,
    /// Backup.
    Backup,
    /// People and programs that read.
    Readonly,
    /// People and programs that write.
    Writable,
}

impl Account {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Admin,
        Self::Agent,
        Self::Replication,
        Self::CloneDonor,
        Self::Exporter,
        Self::Backup,
        Self::Readonly,
        Self::Writable,
    ];

    /// The user name in MySQL.
    pub const fn user(self) -> &'static str {
        match self {
            Self::Admin => "moco-admin",
            Self::Agent => "moco-agent",
            Self::Replication => "moco-repl",
            Self::CloneDonor => "moco-clone-donor",
            Self::Exporter => "moco-exporter",
            Self::Backup => "moco-backup",
            Self::Readonly => "moco-readonly",
            Self::Writable => "moco-writable",
        }
    }

    /// The key of its password in the cluster's Secret.
    pub const fn secret_key(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN_PASSWORD",
            Self::Agent => "AGENT_PASSWORD",
            Self::Replication => "REPLICATION_PASSWORD",
            Self::CloneDonor => "CLONE_DONOR_PASSWORD",
            Self::Exporter => "EXPORTER_PASSWORD",
            Self::Backup => "BACKUP_PASSWORD",
            Self::Readonly => "READONLY_PASSWORD",
            Self::Writable => "WRITABLE_PASSWORD",
        }
    }
}

/// The password of every account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passwords(BTreeMap<Account, Password>);

/// A password was missing or cannot be one of MOCO's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordsError {
    /// No value under the key.
    #[error("the key {0} is missing")]
    Missing(&'static str),
    /// Empty, longer than 128 characters, or with characters other than ASCII letters and digits.
    #[error("the value of {0} is not 1 to 128 ASCII letters and digits")]
    Malformed(&'static str),
}

impl Passwords {
    /// Collects all eight from `read`, which is given the key of each.
    pub fn collect(
        mut read: impl FnMut(&'static str) -> Option<String>,
    ) -> Result<Self, PasswordsError> {
        let mut all = BTreeMap::new();
        for account in Account::ALL {
            let key = account.secret_key();
            let text = read(key).ok_or(PasswordsError::Missing(key))?;
            if !(1..=128).contains(&text.len()) || !text.chars().all(|c| c.is_ascii_alphanumeric())
            {
                return Err(PasswordsError::Malformed(key));
            }
            all.insert(account, Password::new(text));
        }
        Ok(Self(all))
    }

    /// The password of an account.
    pub fn of(&self, account: Account) -> &Password {
        static NONE: Password = Password::new(String::new());
        // `collect` is the only maker and fills every account.
        self.0.get(&account).unwrap_or(&NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let all = Passwords::collect(|_| Some("hunter2".to_owned())).unwrap();
        assert!(!format!("{all:?}").contains("hunter2"));
        assert_eq!(all.of(Account::Backup).reveal(), "hunter2");
    }

    #[test]
    fn a_missing_or_malformed_key_is_named() {
        let lacks = |key: &'static str| (key != "BACKUP_PASSWORD").then(|| "x".to_owned());
        let error = Passwords::collect(lacks).unwrap_err();
        assert_eq!(error.to_string(), "the key BACKUP_PASSWORD is missing");
        assert!(Passwords::collect(|_| Some("a'b".to_owned())).is_err());
    }
}
