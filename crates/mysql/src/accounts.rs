//! MOCO's accounts: where each may log in from, and what it may do.
//!
//! The two local accounts are reached over the unix socket only. Accounts of MOCO's own programs
//! hold `SYSTEM_USER`, so that an application that may create users cannot change, drop or kill
//! them (MySQL Reference Manual, "Account Categories").

use moco_model::{Account, Passwords};

use crate::error::Error;
use crate::heartbeat;
use crate::literal::text;
use crate::session::Session;

/// What an account is given.
struct Rights {
    /// Where it may log in from.
    host: &'static str,
    /// What it must do to be let in.
    require: &'static str,
    /// Its privileges on `*.*`.
    privileges: &'static str,
    /// Whether it may pass them on.
    grant_option: bool,
    /// Privileges taken back on a schema, which the second names.
    revoked: &'static [(&'static str, &'static str)],
}

impl Rights {
    const fn new(host: &'static str, require: &'static str, privileges: &'static str) -> Self {
        Self {
            host,
            require,
            privileges,
            grant_option: false,
            revoked: &[],
        }
    }
}

const LOCAL: &str = "localhost";
const ANYWHERE: &str = "%";
const NO_TLS: &str = "NONE";
const TLS: &str = "SSL";

fn rights(account: Account) -> Rights {
    match account {
        Account::Admin => Rights {
            grant_option: true,
            ..Rights::new(LOCAL, NO_TLS, "ALL")
        },
        Account::Agent => Rights::new(
            LOCAL,
            NO_TLS,
            "BINLOG_ADMIN, CLONE_ADMIN, RELOAD, REPLICATION CLIENT, SELECT, \
             SERVICE_CONNECTION_ADMIN, SYSTEM_USER, SYSTEM_VARIABLES_ADMIN",
        ),
        // CONNECTION_ADMIN lets replicas through `offline_mode`.
        Account::Replication => Rights::new(
            ANYWHERE,
            TLS,
            "CONNECTION_ADMIN, REPLICATION CLIENT, REPLICATION SLAVE, SYSTEM_USER",
        ),
        Account::CloneDonor => Rights::new(
            ANYWHERE,
            TLS,
            "BACKUP_ADMIN, SERVICE_CONNECTION_ADMIN, SYSTEM_USER",
        ),
        Account::Exporter => Rights::new(
            ANYWHERE,
            NO_TLS,
            "PROCESS, REPLICATION CLIENT, SELECT, SYSTEM_USER",
        ),
        Account::Backup => Rights::new(
            ANYWHERE,
            NO_TLS,
            "BACKUP_ADMIN, EVENT, RELOAD, REPLICATION CLIENT, REPLICATION SLAVE, SELECT, \
             SERVICE_CONNECTION_ADMIN, SHOW VIEW, SYSTEM_USER, TRIGGER",
        ),
        Account::Readonly => Rights {
            revoked: &[("SELECT, SHOW VIEW", heartbeat::SCHEMA)],
            ..Rights::new(
                ANYWHERE,
                NO_TLS,
                "PROCESS, REPLICATION CLIENT, REPLICATION SLAVE, SELECT, SHOW DATABASES, \
                 SHOW VIEW",
            )
        },
        Account::Writable => Rights {
            grant_option: true,
            revoked: &[
                (
                    "ALTER, ALTER ROUTINE, CREATE, CREATE ROUTINE, CREATE TEMPORARY TABLES, \
                     CREATE VIEW, DELETE, DROP, EVENT, EXECUTE, INDEX, INSERT, LOCK TABLES, \
                     REFERENCES, TRIGGER, UPDATE",
                    "mysql",
                ),
                (
                    "ALTER, ALTER ROUTINE, CREATE, CREATE ROUTINE, CREATE TEMPORARY TABLES, \
                     CREATE VIEW, DELETE, DROP, EVENT, EXECUTE, INDEX, INSERT, LOCK TABLES, \
                     REFERENCES, SELECT, SHOW VIEW, TRIGGER, UPDATE",
                    heartbeat::SCHEMA,
                ),
            ],
            ..Rights::new(
                ANYWHERE,
                NO_TLS,
                "ALTER, ALTER ROUTINE, CREATE, CREATE ROLE, CREATE ROUTINE, \
                 CREATE TEMPORARY TABLES, CREATE USER, CREATE VIEW, DELETE, DROP, DROP ROLE, \
                 EVENT, EXECUTE, INDEX, INSERT, LOCK TABLES, PROCESS, REFERENCES, \
                 REPLICATION CLIENT, REPLICATION SLAVE, SELECT, SHOW DATABASES, SHOW VIEW, \
                 TRIGGER, UPDATE",
            )
        },
    }
}

/// `'user'@'host'`, as account statements name it.
fn name(account: Account, rights: &Rights) -> String {
    format!("{}@{}", text(account.user()), text(rights.host))
}

/// Makes every account exist with its password and privileges. The caller has switched off the
/// session's binary log and `super_read_only`.
///
/// Each account is made before its password is set, so the function can run again over accounts
/// that exist.
pub(crate) async fn ensure<S: Session>(server: &mut S, passwords: &Passwords) -> Result<(), Error> {
    for account in Account::ALL {
        let rights = rights(account);
        let name = name(account, &rights);
        let password = passwords.of(account);
        let identified = format!(
            "IDENTIFIED WITH caching_sha2_password BY {}",
            text(password.reveal())
        );
        // A lifetime for passwords in the user's my.cnf must not lock MOCO out.
        let conditions = format!(
            "REQUIRE {} PASSWORD EXPIRE NEVER ACCOUNT UNLOCK",
            rights.require
        );
        let create = format!("CREATE USER IF NOT EXISTS {name} {identified} {conditions}");
        server
            .run_secret("create an account", create, &[password])
            .await?;
        let alter = format!("ALTER USER {name} {identified} {conditions}");
        server
            .run_secret("set the password of an account", alter, &[password])
            .await?;
        grant(server, &name, &rights).await?;
        if account == Account::Admin {
            let proxy = format!("GRANT PROXY ON ''@'' TO {name} WITH GRANT OPTION");
            server
                .run("grant the administrator's proxy right", proxy)
                .await?;
        }
    }
    Ok(())
}

async fn grant<S: Session>(server: &mut S, name: &str, rights: &Rights) -> Result<(), Error> {
    let option = if rights.grant_option {
        " WITH GRANT OPTION"
    } else {
        ""
    };
    let grant = format!("GRANT {} ON *.* TO {name}{option}", rights.privileges);
    server.run("grant an account's privileges", grant).await?;
    for (revoked, schema) in rights.revoked {
        let revoke = format!("REVOKE IF EXISTS {revoked} ON {schema}.* FROM {name}");
        server.run("keep an account off a schema", revoke).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_local_accounts_can_administer() {
        for account in Account::ALL {
            let rights = rights(account);
            let local = matches!(account, Account::Admin | Account::Agent);
            assert_eq!(rights.host == LOCAL, local, "{account:?}");
            let dangerous = [
                "ALL",
                "SUPER",
                "SYSTEM_VARIABLES_ADMIN",
                "REPLICATION_SLAVE_ADMIN",
                "BINLOG_ADMIN",
                "SESSION_VARIABLES_ADMIN",
                "CLONE_ADMIN",
            ];
            let held: Vec<_> = rights.privileges.split(", ").map(str::trim).collect();
            let holds = dangerous.iter().any(|one| held.contains(one));
            assert_eq!(holds, local, "{account:?}");
        }
    }

    #[test]
    fn people_can_be_disconnected_and_programs_cannot_be_changed_by_them() {
        for account in Account::ALL {
            let held = rights(account).privileges;
            let people = matches!(account, Account::Readonly | Account::Writable);
            let protected = held.contains("SYSTEM_USER") || held == "ALL";
            assert_eq!(protected, !people, "{account:?}");
            let passes_offline_mode = held.contains("CONNECTION_ADMIN");
            assert!(!(people && passes_offline_mode), "{account:?}");
        }
    }
}
