//! Contract with a real mysqld: the first set-up, the status, accounts, time zones, errors.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use moco_model::{Account, Password};
use moco_mysql::close::{CloseError, close};
use moco_mysql::passwords::settle;
use moco_mysql::plugins::PluginsError;
use moco_mysql::prepare::{PrepareError, prepare};
use moco_mysql::{
    Error, ErrorClass, Login, Server, Session as _, open, pinned, plugins, shutdown, status,
};

use crate::support::{LIMIT, lab, passwords, passwords_with, run, until};

/// The server runs read-only.
const READ_ONLY: u16 = 1290;
/// The account lacks a privilege on a table.
const DENIED_TABLE: u16 = 1142;
/// The account lacks a global privilege.
const DENIED: u16 = 1227;

#[test]
fn an_empty_server_is_set_up_closed_and_without_a_transaction() {
    let Some(lab) = lab() else { return };
    let mysqld = lab.blank(&[]);
    run(async {
        prepare(&mysqld.socket(), &passwords(), LIMIT)
            .await
            .unwrap();
        let report = status::read(&mut mysqld.admin().await).await.unwrap();
        assert!(report.executed.is_empty() && report.purged.is_empty());
        assert!(!report.writable && report.replication.is_none());
        assert_eq!(
            report.version.support(),
            moco_model::version::Support::Tested
        );

        for unknown in std::iter::once("root".to_owned()).chain((0..20).map(|n| format!("u{n}"))) {
            let login = Login {
                user: unknown,
                ..Login::root(mysqld.socket())
            };
            let refused = Server::open(&login, LIMIT).await.unwrap_err();
            assert_eq!(refused.class(), ErrorClass::AccessDenied, "{refused}");
        }
        let mut sql = mysqld.sql(Account::Admin).await;
        let ours = "SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'moco-%'";
        assert_eq!(sql.value::<u32>(ours).await, 8);
        let others = "SELECT COUNT(*) FROM mysql.user \
                      WHERE user NOT LIKE 'moco-%' AND user NOT LIKE 'mysql.%'";
        assert_eq!(sql.value::<u32>(others).await, 0);
        assert!(sql.value::<bool>("SELECT @@global.super_read_only").await);
    });
}

#[test]
fn the_tenants_account_can_touch_neither_the_grant_tables_nor_our_accounts() {
    let Some(lab) = lab() else { return };
    let [mysqld] = lab.prepared();
    run(async {
        open::open(&mut mysqld.admin().await, 0).await.unwrap();
        let mut tenant = mysqld.sql(Account::Writable).await;
        tenant.run("CREATE DATABASE app").await;
        tenant.run("CREATE TABLE app.t (id INT PRIMARY KEY)").await;
        tenant.run("CREATE USER app IDENTIFIED BY 'x'").await;
        tenant.run("GRANT SELECT, INSERT ON app.* TO app").await;
        let grab = "UPDATE mysql.user SET Super_priv = 'Y' WHERE user = 'app'";
        assert_eq!(tenant.refused(grab).await, DENIED_TABLE);
        for sql in [
            "ALTER USER 'moco-repl'@'%' IDENTIFIED BY 'x'",
            "ALTER USER 'moco-admin'@'localhost' IDENTIFIED BY 'x'",
            "DROP USER 'moco-backup'@'%'",
            "SET GLOBAL super_read_only = ON",
            "SET SESSION sql_log_bin = OFF",
        ] {
            assert_eq!(tenant.refused(sql).await, DENIED, "{sql}");
        }
        // The partial revoke is what keeps it so, after a restart and after a clone, too.
        let mut sql = mysqld.sql(Account::Admin).await;
        assert!(sql.value::<bool>("SELECT @@global.partial_revokes").await);
    });
}

#[test]
fn a_server_with_our_settings_has_no_drift_and_a_changed_one_is_named() {
    let Some(lab) = lab() else { return };
    let [mysqld] = lab.prepared();
    run(async {
        let mut server = mysqld.admin().await;
        let report = status::read(&mut server).await.unwrap();
        assert_eq!(report.drift, Vec::<String>::new());
        let mut sql = mysqld.sql(Account::Admin).await;
        sql.run("SET GLOBAL sync_binlog = 100").await;
        sql.run("SET GLOBAL rpl_semi_sync_source_timeout = 10000")
            .await;
        let report = status::read(&mut server).await.unwrap();
        assert_eq!(
            report.drift,
            ["rpl_semi_sync_source_timeout=10000", "sync_binlog=100"]
        );
        for pin in pinned::PINNED {
            let known = format!("SELECT @@global.{} IS NOT NULL", pin.variable);
            assert!(sql.value::<bool>(&known).await, "{}", pin.variable);
        }
    });
}

#[test]
fn a_missing_plugin_is_named_and_the_status_can_be_read_without_it() {
    let Some(lab) = lab() else { return };
    let no_plugins = ["plugin-load ="];
    let mysqld = lab.blank(&no_plugins);
    run(async {
        let mut root = Server::open(&Login::root(mysqld.socket()), LIMIT)
            .await
            .unwrap();
        let Err(PluginsError::Missing(missing)) = plugins::check(&mut root).await else {
            panic!("nothing is missing");
        };
        assert_eq!(missing, plugins::NEEDED);
        let report = status::read(&mut root).await.unwrap();
        assert!(!report.semi_sync.source_enabled);
        let shown = "rpl_semi_sync_source_timeout=(missing)".to_owned();
        assert!(report.drift.contains(&shown), "{:?}", report.drift);
        let refused = prepare(&mysqld.socket(), &passwords(), LIMIT).await;
        assert!(matches!(refused, Err(PrepareError::Plugins(_))));
    });
}

/// Zones, and times in UTC and on the wall, as the laws and the IANA database have them.
const WALL_CLOCKS: &[(&str, &str, &str)] = &[
    (
        "Europe/Berlin",
        "2026-07-01 12:00:00",
        "2026-07-01 14:00:00",
    ),
    (
        "Europe/Berlin",
        "2026-03-29 00:59:59",
        "2026-03-29 01:59:59",
    ),
    (
        "Europe/Berlin",
        "2026-03-29 01:00:00",
        "2026-03-29 03:00:00",
    ),
    (
        "America/New_York",
        "1974-01-06 07:00:00",
        "1974-01-06 03:00:00",
    ),
    (
        "America/New_York",
        "2060-07-01 12:00:00",
        "2060-07-01 08:00:00",
    ),
    ("Asia/Tokyo", "1985-06-01 00:00:00", "1985-06-01 09:00:00"),
    (
        "Asia/Kathmandu",
        "2026-01-01 00:00:00",
        "2026-01-01 05:45:00",
    ),
    (
        "Australia/Lord_Howe",
        "2026-01-01 00:00:00",
        "2026-01-01 11:00:00",
    ),
    (
        "Australia/Lord_Howe",
        "2026-07-01 00:00:00",
        "2026-07-01 10:30:00",
    ),
    (
        "Europe/Dublin",
        "1970-06-01 12:00:00",
        "1970-06-01 13:00:00",
    ),
    (
        "Europe/Dublin",
        "2026-01-01 12:00:00",
        "2026-01-01 12:00:00",
    ),
    (
        "America/Santiago",
        "1970-01-02 12:00:00",
        "1970-01-02 09:00:00",
    ),
    ("Pacific/Apia", "2011-12-30 09:59:59", "2011-12-29 23:59:59"),
    ("Pacific/Apia", "2011-12-30 10:00:00", "2011-12-31 00:00:00"),
    ("US/Pacific", "2000-01-01 00:00:00", "1999-12-31 16:00:00"),
    ("UTC", "2026-01-01 00:00:00", "2026-01-01 00:00:00"),
];

#[test]
fn time_zones_are_those_of_the_world() {
    let Some(lab) = lab() else { return };
    let [mysqld] = lab.prepared();
    run(async {
        let mut sql = mysqld.sql(Account::Readonly).await;
        for &(zone, utc, wall) in WALL_CLOCKS {
            let there = format!("SELECT CAST(CONVERT_TZ('{utc}', 'UTC', '{zone}') AS CHAR)");
            assert_eq!(
                sql.value::<Option<String>>(&there).await.as_deref(),
                Some(wall),
                "{zone} {utc}"
            );
            let back = format!("SELECT CAST(CONVERT_TZ('{wall}', '{zone}', 'UTC') AS CHAR)");
            assert_eq!(
                sql.value::<Option<String>>(&back).await.as_deref(),
                Some(utc),
                "{zone} {wall}"
            );
        }
        sql.run("SET SESSION time_zone = 'Europe/Paris'").await;
        let all = "SELECT COUNT(*) FROM mysql.time_zone_name";
        assert!(sql.value::<u32>(all).await > 590);
        let refused = "SELECT COALESCE(GROUP_CONCAT(Name), '') FROM mysql.time_zone_name \
                       WHERE CONVERT_TZ('2026-01-01 00:00:00', 'UTC', Name) IS NULL";
        assert_eq!(sql.value::<String>(refused).await, "");
    });
}

#[test]
fn settling_passwords_leaves_no_transaction_and_a_closed_server() {
    let Some(lab) = lab() else { return };
    let [mysqld] = lab.prepared();
    run(async {
        // Why settling has to unlock at all.
        let mut sql = mysqld.sql(Account::Admin).await;
        sql.run("SET SESSION sql_log_bin = OFF").await;
        let alter = "ALTER USER 'moco-repl'@'%' IDENTIFIED BY 'x'";
        assert_eq!(sql.refused(alter).await, READ_ONLY);

        let mut server = mysqld.admin().await;
        settle(&mut server, &passwords_with("new")).await.unwrap();
        let report = status::read(&mut server).await.unwrap();
        assert!(report.executed.is_empty() && !report.writable);
        assert!(sql.value::<bool>("SELECT @@global.super_read_only").await);
        for account in Account::ALL {
            let open = async |all: &moco_model::Passwords| {
                mysqld
                    .sql_as(account.user(), all.of(account).reveal())
                    .await
            };
            // These two are let in with TLS only, and this is a socket.
            if !matches!(account, Account::Replication | Account::CloneDonor) {
                assert!(open(&passwords_with("new")).await.is_ok(), "{account:?}");
            }
            assert!(open(&passwords()).await.is_err(), "{account:?}");
        }
        settle(&mut server, &passwords_with("new")).await.unwrap();
    });
}

#[test]
fn a_refused_login_and_an_absent_server_are_told_apart_without_a_password() {
    let Some(lab) = lab() else { return };
    let [mysqld] = lab.prepared();
    run(async {
        let secret = Password::new("Hunter2Hunter2".to_owned());
        let login = Login::admin(mysqld.socket(), secret.clone());
        let refused = Server::open(&login, LIMIT).await.unwrap_err();
        assert_eq!(
            (refused.class(), refused.code()),
            (ErrorClass::AccessDenied, Some(1045))
        );
        assert!(!format!("{refused:?} {refused} {login:?}").contains("Hunter2"));
        let nowhere = Login::admin(PathBuf::from("/nowhere/mysqld.sock"), secret);
        let absent = Server::open(&nowhere, LIMIT).await.unwrap_err();
        assert_eq!(absent.class(), ErrorClass::Unreachable);
        mysqld.admin().await.ping().await.unwrap();
    });
}

#[test]
fn closing_is_bounded_and_a_connection_that_timed_out_is_never_used_again() {
    let Some(lab) = lab() else { return };
    let [mysqld] = lab.prepared();
    run(async {
        let mut server = mysqld.admin().await;
        open::open(&mut server, 0).await.unwrap();
        let mut tenant = mysqld.sql(Account::Writable).await;
        tenant.run("CREATE DATABASE app").await;
        tenant.run("CREATE TABLE app.t (id INT PRIMARY KEY)").await;
        tenant.run("LOCK TABLES app.t WRITE").await;

        let held = close(&mut server, Duration::from_secs(1)).await;
        assert!(matches!(held, Err(CloseError::HeldUp { .. })), "{held:?}");
        assert!(status::read(&mut server).await.unwrap().writable);

        let mut hasty = mysqld.admin_within(Duration::from_millis(300)).await;
        let id = hasty.id();
        let late = close(&mut hasty, Duration::from_secs(10)).await;
        assert!(
            matches!(late, Err(CloseError::Statement(Error::Timeout { .. }))),
            "{late:?}"
        );
        assert!(!hasty.is_usable());
        assert!(matches!(hasty.ping().await, Err(Error::GivenUp { .. })));
        // The statement may still run in the server; whoever needs it gone kills it.
        server.kill(id).await.unwrap();
        let gone =
            format!("SELECT COUNT(*) FROM performance_schema.threads WHERE PROCESSLIST_ID = {id}");
        let mut sql = mysqld.sql(Account::Admin).await;
        until("the killed connection is gone", async || {
            sql.value::<u32>(&gone).await == 0
        })
        .await;
        server.kill(id).await.unwrap();

        tenant.run("UNLOCK TABLES").await;
        close(&mut server, Duration::from_secs(5)).await.unwrap();
        assert!(!status::read(&mut server).await.unwrap().writable);
        assert_eq!(
            tenant.refused("INSERT INTO app.t VALUES (1)").await,
            READ_ONLY
        );
        assert_eq!(
            sql.value::<String>("SELECT @@global.event_scheduler").await,
            "OFF"
        );
    });
}

#[test]
fn clients_are_put_out_and_the_administrator_stays() {
    let Some(lab) = lab() else { return };
    let [mysqld] = lab.prepared();
    run(async {
        let mut server = mysqld.admin().await;
        open::open(&mut server, 0).await.unwrap();
        let mut tenant = mysqld.sql(Account::Writable).await;
        shutdown::put_clients_out(&mut server).await.unwrap();
        until("the client's session ends", async || {
            tenant.attempt("DO 1").await.is_err()
        })
        .await;
        let Err(mysql_async::Error::Server(refused)) = mysqld
            .sql_as("moco-writable", passwords().of(Account::Writable).reveal())
            .await
        else {
            panic!("a client got in");
        };
        assert_eq!(refused.code, 3032);
        assert!(status::read(&mut server).await.unwrap().offline);
        shutdown::let_clients_in(&mut server).await.unwrap();
        mysqld.sql(Account::Writable).await.run("DO 1").await;
        assert_eq!(shutdown::waiters(&mut server).await.unwrap(), 0);
    });
}

#[test]
fn a_server_that_is_full_of_clients_still_lets_the_administrator_in() {
    let Some(lab) = lab() else { return };
    let mysqld = lab.prepared_with(&["max-connections = 4"]);
    run(async {
        let mut kept = mysqld.admin().await;
        open::open(&mut kept, 0).await.unwrap();
        let password = passwords().of(Account::Writable).reveal().to_owned();
        let mut clients = Vec::new();
        let refused = loop {
            match mysqld.sql_as("moco-writable", &password).await {
                Ok(client) => clients.push(client),
                Err(refused) => break refused,
            }
            assert!(clients.len() < 5, "there is no bound");
        };
        let mysql_async::Error::Server(refused) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(refused.code, 1040);
        assert!(status::read(&mut kept).await.unwrap().writable);
        let mut another = mysqld.admin().await;
        shutdown::put_clients_out(&mut another).await.unwrap();
        until("the clients are out", async || {
            clients[0].attempt("DO 1").await.is_err()
        })
        .await;
    });
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_password_is_logged_here_even_at_the_finest_level_nor_kept_by_mysqld() {
    let Some(lab) = lab() else { return };
    let [mysqld] = lab.prepared();
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .finish();
    // One thread, so that the subscriber sees everything.
    let _guard = tracing::subscriber::set_default(subscriber);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tracing::info!("the log is read");
        let mut server = mysqld.admin().await;
        settle(&mut server, &passwords_with("Hunter2"))
            .await
            .unwrap();
        let mut source = mysqld.source();
        source.password = Password::new("Hunter2Repl".to_owned());
        source.port = 1;
        moco_mysql::replication::follow(
            &mut server,
            &source,
            moco_model::command::Acknowledge::Yes,
        )
        .await
        .unwrap();
        let donor = mysqld.donor(Password::new("Hunter2Donor".to_owned()));
        let failed = moco_mysql::clone::clone_from(&mut server, &donor).await;
        let failed = failed.unwrap_err();
        assert!(!format!("{failed:?} {failed}").contains("Hunter2"));

        let admin = passwords_with("Hunter2")
            .of(Account::Admin)
            .reveal()
            .to_owned();
        let mut sql = mysqld.sql_as("moco-admin", &admin).await.unwrap();
        for (table, column) in [
            ("mysql.slave_master_info", "User_password"),
            ("performance_schema.events_statements_history", "SQL_TEXT"),
            (
                "performance_schema.events_statements_history_long",
                "SQL_TEXT",
            ),
        ] {
            // Put together in the server, or the question would find itself.
            let count =
                format!("SELECT COUNT(*) FROM {table} WHERE {column} LIKE CONCAT('%Hunter', '2%')");
            assert_eq!(sql.value::<u32>(&count).await, 0, "{table}");
        }
    });
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("the log is read"));
    assert!(!logged.contains("Hunter2"), "{logged}");
    assert!(!mysqld.log().contains("Hunter2"));
}
