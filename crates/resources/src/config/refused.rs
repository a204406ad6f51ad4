//! Options that are never passed on, and values that are not.

use super::option::without_modifier;

/// Why an option is never passed on.
pub(super) fn refused(name: &str) -> Option<&'static str> {
    by_name(name)
        .or_else(|| by_name(without_modifier(name)))
        .or_else(|| by_prefix(name))
}

fn by_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "log_error" => "the error log goes to the container's output",
        "log_bin_index"
        | "relay_log_index"
        | "relay_log_info_file"
        | "relay_log_basename"
        | "log_bin_basename" => {
            "MOCO's programs find binary logs and relay logs by their usual names"
        }
        "server_id" | "server_uuid" | "report_host" | "report_port" => {
            "every member has its own, which MOCO gives to it"
        }
        "offline_mode" | "networking" | "grant_tables" => {
            "MOCO must be able to reach the server, and nobody must reach it without an account"
        }
        "binlog_format" => "ROW is the only format in which members stay the same",
        "init_file" | "init_replica" => {
            "statements at every start write transactions that other members do not have"
        }
        "binlog_do_db" | "binlog_ignore_db" => {
            "transactions that are left out of the binary log exist on one member only"
        }
        "initialize"
        | "initialize_insecure"
        | "upgrade"
        | "daemonize"
        | "validate_config"
        | "help"
        | "verbose"
        | "version"
        | "chroot"
        | "user"
        | "defaults_file"
        | "defaults_extra_file"
        | "print_defaults"
        | "no_defaults" => "MOCO starts and upgrades the server",
        "innodb_force_recovery" => {
            "it would change every member at once; it is for one damaged copy, outside the cluster"
        }
        "innodb_read_only" | "transaction_read_only" => "MOCO decides which member takes writes",
        "innodb_data_home_dir"
        | "innodb_log_group_home_dir"
        | "innodb_undo_directory"
        | "innodb_doublewrite_dir"
        | "innodb_temp_tablespaces_dir" => {
            "all data must lie in the data directory, which MOCO guards, clones and wipes as a whole"
        }
        _ => return None,
    })
}

fn by_prefix(name: &str) -> Option<&'static str> {
    if name.starts_with("replicate_") {
        return Some("a filter makes members differ");
    }
    if name.starts_with("rpl_semi_sync_") {
        return Some("MOCO decides how many members a commit waits for");
    }
    None
}

/// Why a value of an option is not passed on; other values are.
pub(super) fn refused_value(name: &str, value: &str) -> Option<&'static str> {
    let value = value.trim_matches(['"', '\'']).to_ascii_lowercase();
    match name {
        "innodb_flush_method" => {
            // By name or number ("innodb_flush_method" in the manual).
            let safe = ["fsync", "o_dsync", "o_direct", "0", "1", "4"];
            (!safe.contains(&value.as_str()))
                .then_some("with this method a power cut can lose acknowledged transactions; use O_DIRECT or fsync")
        }
        "innodb_checksum_algorithm" => {
            (!value.contains("crc32")).then_some("damaged pages must be noticed; use crc32")
        }
        "authentication_policy" => value
            .contains("mysql_native_password")
            .then_some("MySQL 9 has no mysql_native_password; accounts use caching_sha2_password"),
        _ => None,
    }
}
