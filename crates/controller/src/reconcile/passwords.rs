//! Where a cluster's passwords come from.
//!
//! There are two copies: the one that counts in the controllers' namespace, and the one for users
//! and agents in the cluster's. Either restores the other. New ones are made for a new cluster only:
//! a server that exists would not know them.

use std::collections::BTreeMap;

use moco_api::constants::annotations;
use moco_model::{Account, Passwords};
use rand::TryRngCore as _;
use rand::rngs::OsRng;

use crate::secrets::SecretTexts;

/// Random bytes of a password; it has twice as many hexadecimal digits.
const PASSWORD_BYTES: usize = 16;

/// What to do about the copy that counts.
#[derive(Debug, PartialEq)]
pub(super) enum Decided {
    /// It is good.
    Keep(Passwords),
    /// It is missing or damaged: write it from the users' copy.
    Restore(Passwords),
    /// The cluster is new: make them.
    Generate,
}

/// Whether a server may know the passwords already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Servers {
    /// There may be some.
    MayExist,
    /// The cluster is new.
    None,
}

/// Why a cluster has no passwords.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordsError {
    /// The layout is of another version.
    #[error(
        "the Secret {name} in the controllers' namespace has the version {version:?} of its layout, this version of MOCO knows 1"
    )]
    Version {
        /// Name of the Secret.
        name: String,
        /// What it says.
        version: String,
    },
    /// Both copies are gone, and a server may know them.
    #[error(
        "the passwords of the cluster are lost: neither the Secret {master} in the controllers' namespace nor {user} in the cluster's has all of them ({because}); restore one of them from a backup"
    )]
    Lost {
        /// Name of the copy that counts.
        master: String,
        /// Name of the users' copy.
        user: String,
        /// What is wrong with the copy that counts.
        because: String,
    },
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers for passwords")]
    Random(#[source] rand::rand_core::OsError),
    /// The generated passwords are not usable; a defect.
    #[error("cannot use the generated passwords")]
    Generated(#[source] moco_model::passwords::PasswordsError),
}

/// Decides from both copies; the users' is looked at only when the other is not good.
pub(super) fn decide(
    names: (&str, &str),
    master: Option<&SecretTexts>,
    user: Option<&SecretTexts>,
    servers: Servers,
) -> Result<Decided, PasswordsError> {
    let because = match master {
        Some(master) => {
            check_version(names.0, master)?;
            match collect(master) {
                Ok(passwords) => return Ok(Decided::Keep(passwords)),
                Err(error) => error.to_string(),
            }
        }
        None => "the first is missing".to_owned(),
    };
    if let Some(Ok(passwords)) = user.map(collect) {
        return Ok(Decided::Restore(passwords));
    }
    if master.is_none() && servers == Servers::None {
        return Ok(Decided::Generate);
    }
    Err(PasswordsError::Lost {
        master: names.0.to_owned(),
        user: names.1.to_owned(),
        because,
    })
}

fn collect(secret: &SecretTexts) -> Result<Passwords, moco_model::passwords::PasswordsError> {
    Passwords::collect(|key| secret.texts.get(key).cloned())
}

/// A Secret without the annotation was edited by hand; one with another value is not ours to read.
fn check_version(name: &str, secret: &SecretTexts) -> Result<(), PasswordsError> {
    let found = secret.metadata.annotations.as_ref();
    match found.and_then(|all| all.get(annotations::SECRET_VERSION)) {
        Some(version) if version != annotations::SECRET_VERSION_1 => Err(PasswordsError::Version {
            name: name.to_owned(),
            version: version.chars().take(32).collect(),
        }),
        _ => Ok(()),
    }
}

/// New passwords from the operating system's generator.
pub(super) fn generate() -> Result<Passwords, PasswordsError> {
    let mut texts = BTreeMap::new();
    for account in Account::ALL {
        let mut bytes = [0_u8; PASSWORD_BYTES];
        OsRng
            .try_fill_bytes(&mut bytes)
            .map_err(PasswordsError::Random)?;
        let text = bytes
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        texts.insert(account.secret_key(), text);
    }
    Passwords::collect(|key| texts.remove(key)).map_err(PasswordsError::Generated)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: (&str, &str) = ("mysql-app.db", "moco-db");

    fn secret(mark: char, without: Option<&str>) -> SecretTexts {
        let mut secret = SecretTexts::named("x", BTreeMap::new());
        for account in Account::ALL {
            secret
                .texts
                .insert(account.secret_key().to_owned(), mark.to_string());
        }
        if let Some(key) = without {
            secret.texts.remove(key);
        }
        secret
    }

    fn passwords(mark: char) -> Passwords {
        collect(&secret(mark, None)).unwrap()
    }

    #[test]
    fn the_copy_that_counts_counts() {
        let (master, user) = (secret('m', None), secret('u', None));
        let decided = decide(NAMES, Some(&master), Some(&user), Servers::MayExist).unwrap();
        assert_eq!(decided, Decided::Keep(passwords('m')));
    }

    #[test]
    fn a_lost_or_damaged_copy_is_restored_from_the_users() {
        let user = secret('u', None);
        for servers in [Servers::MayExist, Servers::None] {
            for master in [None, Some(secret('m', Some("BACKUP_PASSWORD")))] {
                let decided = decide(NAMES, master.as_ref(), Some(&user), servers).unwrap();
                assert_eq!(decided, Decided::Restore(passwords('u')));
            }
        }
    }

    #[test]
    fn passwords_are_made_for_a_new_cluster_only() {
        let broken = secret('u', Some("ADMIN_PASSWORD"));
        for user in [None, Some(&broken)] {
            assert_eq!(
                decide(NAMES, None, user, Servers::None).unwrap(),
                Decided::Generate
            );
            let error = decide(NAMES, None, user, Servers::MayExist)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("mysql-app.db") && error.contains("moco-db"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_damaged_copy_is_never_overwritten_by_new_passwords() {
        let broken = secret('m', Some("ADMIN_PASSWORD"));
        let error = decide(NAMES, Some(&broken), None, Servers::None)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("the key ADMIN_PASSWORD is missing"),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_layout_is_left_alone() {
        let mut master = secret('m', None);
        let version = (annotations::SECRET_VERSION.to_owned(), "2".to_owned());
        master.metadata.annotations = Some([version].into());
        let error = decide(NAMES, Some(&master), None, Servers::None).unwrap_err();
        assert!(matches!(error, PasswordsError::Version { .. }));
    }

    #[test]
    fn new_passwords_are_long_and_different() {
        let all = generate().unwrap();
        let texts: std::collections::BTreeSet<_> = Account::ALL
            .iter()
            .map(|account| all.of(*account).reveal().to_owned())
            .collect();
        assert_eq!(texts.len(), 8);
        assert!(texts.iter().all(|text| text.len() == 32));
    }
}
