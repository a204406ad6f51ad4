//! Options of MySQL 8.0 that 9.7 knows by another name, or not at all.
//!
//! Each line was tried on mysqld 9.7.4 with `--validate-config`.

use super::option::{Loose, Taken, normalised};
use super::{ConfigNote, NoteKind};

/// What became of an option since MySQL 8.0.
pub(super) enum Renamed {
    /// Nothing.
    Same,
    /// What it asks for is what mysqld does anyway.
    Implied,
    /// It has another name or value.
    To {
        name: String,
        value: String,
        because: String,
    },
    /// It is gone, and mysqld would not start with it.
    Gone { because: String },
}

/// Says what became of an option since MySQL 8.0.
pub(super) fn renamed(name: &str, value: &str) -> Renamed {
    if implied(name, value) {
        return Renamed::Implied;
    }
    if let Some(new) = new_name(name) {
        return to(&new, value, &format!("it is called {new}"));
    }
    if let Some(because) = gone(name) {
        return Renamed::Gone {
            because: because.to_owned(),
        };
    }
    let plain = value.trim_matches(['"', '\'']).to_ascii_lowercase();
    match name {
        "expire_logs_days" => match plain.parse::<u64>() {
            Ok(days) if days <= 49_710 => {
                let seconds = (days * 86_400).to_string();
                let because = "binlog_expire_logs_seconds says it in seconds";
                to("binlog_expire_logs_seconds", &seconds, because)
            }
            _ => Renamed::Gone {
                because: "its value is no number of days".to_owned(),
            },
        },
        "log_warnings" => {
            let verbosity = match plain.as_str() {
                "0" => "1",
                "1" => "2",
                _ => "3",
            };
            to(
                "log_error_verbosity",
                verbosity,
                "log_error_verbosity says it",
            )
        }
        "skip_host_cache" => to("host_cache_size", "0", "host_cache_size = 0 says it"),
        "plugin_load" => to(
            "plugin_load_add",
            value,
            "MOCO loads plugins of its own beside it",
        ),
        "character_set_server" if plain == "utf8" => to(
            name,
            "utf8mb3",
            "utf8 means utf8mb3, and mysqld wants that said",
        ),
        "default_authentication_plugin" if plain == "caching_sha2_password" => {
            let because = "authentication_policy says it";
            to("authentication_policy", "caching_sha2_password", because)
        }
        "default_authentication_plugin" => Renamed::Gone {
            because: "accounts use caching_sha2_password; authentication_policy allows others"
                .to_owned(),
        },
        _ => Renamed::Same,
    }
}

fn to(name: &str, value: &str, because: &str) -> Renamed {
    Renamed::To {
        name: name.to_owned(),
        value: value.to_owned(),
        because: because.to_owned(),
    }
}

/// Whether an option that is gone, or need not be written, asks for what mysqld does anyway. People
/// bring such lines along from older servers, and lose nothing.
fn implied(name: &str, value: &str) -> bool {
    let value = value.trim_matches(['"', '\'']).to_ascii_uppercase();
    let only = match name {
        "binlog_format" => ["ROW", "1"],
        "slave_parallel_type" | "replica_parallel_type" => ["LOGICAL_CLOCK", "1"],
        "binlog_transaction_dependency_tracking" => ["WRITESET", "1"],
        "transaction_write_set_extraction" => ["XXHASH64", "2"],
        "master_info_repository" | "relay_log_info_repository" => ["TABLE", "1"],
        "temptable_use_mmap" | "query_cache_type" => ["OFF", "0"],
        "query_cache_size" => ["0", "0"],
        _ => return false,
    };
    only.contains(&value.as_str())
}

/// The new name of an option that kept its meaning.
fn new_name(name: &str) -> Option<String> {
    let exact = match name {
        "log_slave_updates" => "log_replica_updates",
        "skip_slave_start" => "skip_replica_start",
        "init_slave" => "init_replica",
        "master_verify_checksum" => "source_verify_checksum",
        "sync_master_info" => "sync_source_info",
        "rpl_stop_slave_timeout" => "rpl_stop_replica_timeout",
        "log_slow_slave_statements" => "log_slow_replica_statements",
        "show_slave_auth_info" => "show_replica_auth_info",
        "tx_isolation" => "transaction_isolation",
        "tx_read_only" => "transaction_read_only",
        _ => "",
    };
    if !exact.is_empty() {
        return Some(exact.to_owned());
    }
    // Those that are gone under either name are told so by `gone`.
    if gone(name).is_some() {
        return None;
    }
    let prefixes = [
        ("rpl_semi_sync_master_", "rpl_semi_sync_source_"),
        ("rpl_semi_sync_slave_", "rpl_semi_sync_replica_"),
        ("slave_", "replica_"),
    ];
    prefixes.iter().find_map(|(old, new)| {
        let rest = name.strip_prefix(old)?;
        Some(format!(
            "{new}{}",
            rest.replace("_for_slave_count", "_for_replica_count")
                .replace("_no_slave", "_no_replica")
        ))
    })
}

/// Why mysqld 9.7 does not know an option.
fn gone(name: &str) -> Option<&'static str> {
    Some(match name {
        "slave_parallel_type" | "replica_parallel_type" => "replicas always work by logical clock",
        "binlog_transaction_dependency_tracking" | "transaction_write_set_extraction" => {
            "write sets are always used"
        }
        "master_info_repository" | "relay_log_info_repository" => {
            "positions are always kept in tables"
        }
        "slave_rows_search_algorithms" => "rows are always found by index or hash",
        "innodb_undo_tablespaces" => "undo tablespaces are made by SQL",
        "temptable_use_mmap" => {
            "temporary tables no longer use memory-mapped files; use temptable_max_mmap"
        }
        "query_cache_size"
        | "query_cache_type"
        | "query_cache_limit"
        | "query_cache_min_res_unit"
        | "query_cache_wlock_invalidate" => "MySQL has no query cache",
        "ssl" | "skip_ssl" | "have_ssl" => "TLS is always offered",
        "mysql_native_password" | "mysql_native_password_proxy_users" => {
            "MySQL 9 has no mysql_native_password; accounts use caching_sha2_password"
        }
        "keyring_file_data" | "keyring_encrypted_file_data" => "keyrings are components now",
        "log_bin_use_v1_row_events" => "old binary log events are no longer written",
        "skip_character_set_client_handshake"
        | "character_set_client_handshake"
        | "old"
        | "new"
        | "language"
        | "avoid_temporal_upgrade"
        | "show_old_temporals"
        | "myisam_repair_threads"
        | "have_openssl" => "MySQL 9 does not have it",
        _ => return None,
    })
}

/// `innodb_log_file_size` times `innodb_log_files_in_group` is `innodb_redo_log_capacity`.
#[derive(Default)]
pub(super) struct RedoLog {
    file_bytes: Option<u64>,
    files: Option<u64>,
}

impl RedoLog {
    /// MySQL 8.0's defaults.
    const FILE_BYTES: u64 = 48 << 20;
    const FILES: u64 = 2;
    /// The smallest and largest capacity that 9.7 accepts.
    const CAPACITY_MIN: u64 = 8 << 20;
    const CAPACITY_MAX: u64 = 512 << 30;

    /// Takes one of the two old options; false for any other.
    pub(super) fn take(&mut self, key: &str, value: &str, notes: &mut Vec<ConfigNote>) -> bool {
        let (name, _) = normalised(key);
        let number = option_bytes(value);
        let part = match name.as_str() {
            "innodb_log_file_size" => &mut self.file_bytes,
            "innodb_log_files_in_group" => &mut self.files,
            _ => return false,
        };
        *part = number;
        let (kind, sentence) = match number {
            Some(_) => (
                NoteKind::Translated,
                "is passed on in the words of MySQL 9.7: innodb_redo_log_capacity says size and number of the files in one",
            ),
            None => (
                NoteKind::Refused,
                "is not passed on to mysqld: its value is no number; innodb_redo_log_capacity says it now",
            ),
        };
        notes.push(ConfigNote {
            key: key.to_owned(),
            kind,
            sentence: format!("{key} {sentence}"),
        });
        true
    }

    /// What the old options amount to, if any was given.
    pub(super) fn finish(self) -> Option<Taken> {
        if self.file_bytes.is_none() && self.files.is_none() {
            return None;
        }
        let files = self.files.unwrap_or(Self::FILES);
        let bytes = self
            .file_bytes
            .unwrap_or(Self::FILE_BYTES)
            .saturating_mul(files);
        Some(Taken {
            name: "innodb_redo_log_capacity".to_owned(),
            loose: Loose::No,
            value: bytes
                .clamp(Self::CAPACITY_MIN, Self::CAPACITY_MAX)
                .to_string(),
        })
    }
}

/// A number as mysqld reads it: digits with at most one of K, M, G, T, P, E.
fn option_bytes(value: &str) -> Option<u64> {
    let value = value.trim();
    let end = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (digits, suffix) = value.split_at_checked(end)?;
    let shift = match suffix.to_ascii_uppercase().as_str() {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        "P" => 50,
        "E" => 60,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}
