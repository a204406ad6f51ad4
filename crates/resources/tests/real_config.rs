//! my.cnf as a real mysqld reads it.
//!
//! Runs when `MOCO_TEST_MYSQLD` is the path of a program that takes mysqld's arguments, the first of
//! which is `--defaults-file`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test, which the environment tells where mysqld is"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use moco_api::trusted::Size;
use moco_resources::config::{MyCnf, Place, TlsFiles, generate};

/// Options of users, alone and together, as ConfigMaps hold them.
const USER_OPTIONS: &[&[(&str, &str)]] = &[
    &[],
    &[
        ("max_connections", "10"),
        ("loose-innodb-numa-interleave", "ON"),
        ("mysqlx", "ON"),
    ],
    &[
        ("lower_case_table_names", "1"),
        ("require_secure_transport", "ON"),
        ("tls_version", "TLSv1.3"),
    ],
    // What manifests for MySQL 5.7 and 8.0 hold.
    &[
        ("slave_parallel_workers", "8"),
        ("slave-parallel-type", "LOGICAL_CLOCK"),
        ("slave_preserve_commit_order", "1"),
        ("slave_net_timeout", "60"),
        ("slave_max_allowed_packet", "1G"),
        ("slave_transaction_retries", "5"),
        ("slave_checkpoint_period", "300"),
        ("slave_compressed_protocol", "ON"),
        ("slave_load_tmpdir", "/tmp"),
        ("slave_rows_search_algorithms", "INDEX_SCAN"),
        ("slave_type_conversions", "ALL_LOSSY"),
        ("slave_sql_verify_checksum", "ON"),
        ("slave_allow_batching", "ON"),
        ("slave_exec_mode", "STRICT"),
        ("slave_max_allowed_packet", "1073741824"),
        ("slave_pending_jobs_size_max", "128M"),
        ("rpl_stop_slave_timeout", "30"),
        ("log_slow_slave_statements", "ON"),
        ("master_verify_checksum", "ON"),
        ("sync_master_info", "10000"),
        ("master_info_repository", "TABLE"),
        ("relay_log_info_repository", "TABLE"),
        ("log_slave_updates", "ON"),
        ("skip_slave_start", "ON"),
        ("show_slave_auth_info", "OFF"),
        ("rpl_semi_sync_master_wait_no_slave", "ON"),
        ("rpl_semi_sync_master_timeout", "1000"),
        ("rpl_semi_sync_master_trace_level", "32"),
        ("transaction_write_set_extraction", "XXHASH64"),
        ("binlog_transaction_dependency_tracking", "WRITESET"),
        ("binlog_format", "ROW"),
    ],
    &[
        ("innodb_log_file_size", "800M"),
        ("innodb_log_files_in_group", "2"),
        ("innodb_undo_tablespaces", "2"),
        ("temptable_use_mmap", "OFF"),
        ("expire_logs_days", "3"),
        ("log_warnings", "2"),
        ("skip_host_cache", ""),
        ("tx_isolation", "READ-COMMITTED"),
        ("query_cache_size", "0"),
        ("query_cache_type", "0"),
        ("default_authentication_plugin", "caching_sha2_password"),
        ("character_set_server", "utf8"),
        ("collation_server", "utf8mb3_general_ci"),
        ("mysql_native_password", "ON"),
        ("ssl", "ON"),
        ("have_ssl", "ON"),
        ("old", "ON"),
        ("new", "ON"),
        ("language", "english"),
        ("avoid_temporal_upgrade", "ON"),
        ("show_old_temporals", "ON"),
        ("log_bin_use_v1_row_events", "ON"),
        ("keyring_file_data", "/x"),
        ("myisam_repair_threads", "2"),
        ("skip_character_set_client_handshake", ""),
    ],
    &[
        ("authentication_policy", "caching_sha2_password"),
        ("plugin_load", "mysql_clone.so"),
    ],
    &[(
        "_include",
        "performance_schema_instrument='memory/%=ON'\nperformance-schema-instrument='stage/%=ON'\n# a comment\n[client]\nslave_parallel_workers=6\nskip_log_bin\n",
    )],
    &[
        ("innodb_flush_method", "fsync"),
        ("innodb_doublewrite", "OFF"),
        ("event_scheduler", "ON"),
    ],
];

struct Mysqld {
    program: String,
    folder: tempfile::TempDir,
}

impl Mysqld {
    /// None, and a word about it, where there is no mysqld.
    fn find() -> Option<Self> {
        let Ok(program) = std::env::var("MOCO_TEST_MYSQLD") else {
            println!("skipped: MOCO_TEST_MYSQLD is not set");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        Some(Self { program, folder })
    }

    fn place(&self) -> Place {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        Place {
            data_dir: file("data"),
            socket: file("mysqld.sock"),
            mysqlx_socket: file("mysqlx.sock"),
            pid_file: file("mysqld.pid"),
            tmp_dir: file("."),
            slow_log: file("slow"),
            tls: TlsFiles::in_folder(&file("tls")),
            ..Place::pod()
        }
    }

    /// What mysqld has against a file; nothing if it accepts it.
    fn refuses(&self, text: &str) -> Option<String> {
        let file = self.folder.path().join("my.cnf");
        fs::write(&file, text).unwrap();
        let mut command = Command::new(&self.program);
        command.arg(format!("--defaults-file={}", file.display()));
        command.args([
            "--validate-config",
            "--log-error-verbosity=2",
            "--server-id=1",
        ]);
        if is_root(self.folder.path()) {
            command.arg("--user=root");
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (!output.status.success() || said.contains("[ERROR]")).then_some(said)
    }
}

/// Whoever owns a folder that this process made.
fn is_root(own: &Path) -> bool {
    fs::metadata(own).unwrap().uid() == 0
}

fn with(place: &Place, options: &[(&str, &str)]) -> MyCnf {
    let user: BTreeMap<_, _> = options
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let size = Size {
        memory_bytes: Some(1 << 30),
        cpu_millis: Some(2000),
        data_bytes: Some(10 << 30),
    };
    generate(place, size, &user)
}

#[test]
fn mysqld_accepts_the_file_whatever_known_options_a_user_gives() {
    let Some(mysqld) = Mysqld::find() else { return };
    for options in USER_OPTIONS {
        let cnf = with(&mysqld.place(), options);
        assert_eq!(mysqld.refuses(&cnf.text), None, "{options:?}\n{}", cnf.text);
        for option in *options {
            let cnf = with(&mysqld.place(), &[*option]);
            // An old character set alone does not fit the default collation.
            if option.0 != "character_set_server" && option.0 != "collation_server" {
                assert_eq!(mysqld.refuses(&cnf.text), None, "{option:?}");
            }
        }
    }
}

#[test]
fn an_option_that_nobody_knows_is_refused_by_mysqld_itself() {
    let Some(mysqld) = Mysqld::find() else { return };
    let cnf = with(&mysqld.place(), &[("no_such_option", "1")]);
    let said = mysqld.refuses(&cnf.text).unwrap();
    assert!(said.contains("no_such_option"), "{said}");
}

#[test]
fn every_option_that_moco_sets_is_known_to_mysqld() {
    let Some(mysqld) = Mysqld::find() else { return };
    // `loose_` would hide a misspelt name.
    let text = with(&mysqld.place(), &[]).text;
    let (server, _) = text.split_once("[client]").unwrap();
    assert_eq!(mysqld.refuses(&server.replace("\nloose_", "\n")), None);
}
