//! Options that safety, or MOCO's own programs, depend on.

use super::Place;

/// An option that MOCO sets whatever the user says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Its name.
    pub name: &'static str,
    /// Its name as it is written, perhaps with `loose_`.
    pub written_name: &'static str,
    /// Its value.
    pub value: String,
    /// Why; for people whose own value is not used.
    pub because: &'static str,
}

/// Plugins that every member needs. They are loaded here because mysqld refuses options of plugins
/// that are not.
pub(super) const PLUGINS: [&str; 3] = [
    "semisync_source.so",
    "semisync_replica.so",
    "mysql_clone.so",
];

/// Every option that MOCO sets whatever the user says.
pub fn fixed(place: &Place) -> Vec<Fixed> {
    let mut all = Vec::new();
    let mut add = |because, options: &[(&'static str, &str)]| {
        for (written_name, value) in options {
            all.push(Fixed {
                name: written_name.strip_prefix("loose_").unwrap_or(written_name),
                written_name,
                value: (*value).to_owned(),
                because,
            });
        }
    };
    places(place, &mut add);
    closed_at_start(&mut add);
    history(&mut add);
    durability(&mut add);
    semi_sync(&mut add);
    replication(&mut add);
    accounts(&mut add);
    all
}

type Add<'a> = dyn FnMut(&'static str, &[(&'static str, &str)]) + 'a;

fn places(place: &Place, add: &mut Add<'_>) {
    let (port, admin_port, mysqlx_port) = (
        place.port.to_string(),
        place.admin_port.to_string(),
        place.mysqlx_port.to_string(),
    );
    add(
        "MOCO's programs, Services and probes look there",
        &[
            ("port", &port),
            ("admin_port", &admin_port),
            ("admin_address", &place.admin_address),
            ("create_admin_listener_thread", "ON"),
            ("mysqlx_port", &mysqlx_port),
            ("bind_address", place.bind_address.as_deref().unwrap_or("*")),
            ("socket", &place.socket),
            ("mysqlx_socket", &place.mysqlx_socket),
            ("pid_file", &place.pid_file),
            ("datadir", &place.data_dir),
            ("slow_query_log_file", &place.slow_log),
        ],
    );
    add(
        "members know each other by MOCO's certificates",
        &[
            ("ssl_ca", &place.tls.ca),
            ("ssl_cert", &place.tls.cert),
            ("ssl_key", &place.tls.key),
        ],
    );
    add(
        "SQL must not read or write files of the server",
        &[("secure_file_priv", "NULL")],
    );
    add(
        "a server must not ask its clients for their files",
        &[("local_infile", "OFF")],
    );
}

fn closed_at_start(add: &mut Add<'_>) {
    add(
        "a member that starts stays closed until MOCO opens it",
        &[
            ("read_only", "ON"),
            ("super_read_only", "ON"),
            ("skip_replica_start", "ON"),
        ],
    );
    add(
        "settings that were persisted inside a server must not open it, or change what MOCO depends on, at its next start",
        &[("persisted_globals_load", "OFF")],
    );
    add(
        "events run on the primary only; MOCO turns them on there",
        &[("event_scheduler", "OFF")],
    );
}

fn history(add: &mut Add<'_>) {
    add(
        "every member must be able to serve the whole history of transactions, by GTID",
        &[
            ("gtid_mode", "ON"),
            ("enforce_gtid_consistency", "ON"),
            ("log_bin", "binlog"),
            ("log_replica_updates", "ON"),
            ("relay_log", "relay"),
            ("binlog_checksum", "CRC32"),
            ("source_verify_checksum", "ON"),
            ("replica_sql_verify_checksum", "ON"),
            ("binlog_error_action", "ABORT_SERVER"),
        ],
    );
    add(
        "without it sync_relay_log costs a disk write for every event of a transaction",
        &[("binlog_transaction_compression", "ON")],
    );
    add(
        "only InnoDB tables are the same on every member after a crash",
        &[(
            "disabled_storage_engines",
            "MyISAM,MRG_MyISAM,MEMORY,CSV,ARCHIVE,BLACKHOLE,FEDERATED,EXAMPLE",
        )],
    );
}

fn durability(add: &mut Add<'_>) {
    add(
        "an acknowledged transaction must survive a power cut, on replicas too",
        &[
            ("sync_binlog", "1"),
            ("sync_relay_log", "1"),
            ("innodb_flush_log_at_trx_commit", "1"),
            ("innodb_doublewrite", "ON"),
        ],
    );
    add(
        "ON throws away transactions that this member has acknowledged and not yet applied",
        &[("relay_log_recovery", "OFF")],
    );
}

/// `loose_`, because `mysqld --initialize` reads the file without loading plugins.
fn semi_sync(add: &mut Add<'_>) {
    add(
        "a commit is answered only when enough members hold it; MOCO turns this on when it opens a primary",
        &[
            ("loose_rpl_semi_sync_source_enabled", "OFF"),
            ("loose_rpl_semi_sync_replica_enabled", "OFF"),
            ("loose_rpl_semi_sync_source_wait_point", "AFTER_SYNC"),
            ("loose_rpl_semi_sync_source_wait_no_replica", "ON"),
            // Milliseconds; any smaller value ends in commits that nobody else holds.
            ("loose_rpl_semi_sync_source_timeout", "1000000000000000000"),
            // With it ON, a replica that crashed cannot resume.
            ("loose_replication_sender_observe_commit_only", "OFF"),
            ("loose_replication_optimize_for_static_plugin_config", "ON"),
        ],
    );
}

fn replication(add: &mut Add<'_>) {
    add(
        "executed transactions must have no gaps, or members cannot be compared",
        &[("replica_preserve_commit_order", "ON")],
    );
    add(
        "a replica must notice a silent source within seconds",
        &[("replica_net_timeout", "4")],
    );
    add(
        "a transaction that fits one member must fit all",
        &[("replica_max_allowed_packet", "1073741824")],
    );
    add(
        "an error that is passed over makes a member differ from the others",
        &[
            ("replica_exec_mode", "STRICT"),
            ("replica_skip_errors", "OFF"),
        ],
    );
    add(
        "logins must not wait for a name server",
        &[("skip_name_resolve", "ON")],
    );
}

fn accounts(add: &mut Add<'_>) {
    add(
        "accounts of users must not change MySQL's own tables",
        &[("partial_revokes", "ON")],
    );
}
