//! MOCO's accounts in MySQL, and its plugins.

use super::{Row, SERVER, better, differs, same};

const FRESH: (&str, &str) = (
    SERVER,
    "an_empty_server_is_set_up_closed_and_without_a_transaction",
);
const LOCAL: (&str, &str) = (
    "crates/mysql/src/accounts.rs",
    "only_the_local_accounts_can_administer",
);
const PEOPLE: (&str, &str) = (
    "crates/mysql/src/accounts.rs",
    "people_can_be_disconnected_and_programs_cannot_be_changed_by_them",
);
const TENANT: (&str, &str) = (
    SERVER,
    "the_tenants_account_can_touch_neither_the_grant_tables_nor_our_accounts",
);
const REPLICATION: &str = "crates/mysql/tests/real_mysqld/replication.rs";

pub(super) const ROWS: &[Row] = &[
    differs(
        126,
        "`moco-admin` may do everything, from anywhere",
        "only over a local socket that no other container reaches, so that a password that leaks administers nothing",
        &[LOCAL, FRESH],
    ),
    differs(
        127,
        "`moco-agent`, from anywhere",
        "only over the same socket",
        &[LOCAL, FRESH],
    ),
    better(
        128,
        "`moco-repl` replicates",
        "over TLS only",
        &[(
            REPLICATION,
            "a_replica_follows_over_verified_tls_acknowledges_and_passes_offline_mode",
        )],
    ),
    better(
        129,
        "`moco-clone-donor` clones",
        "over TLS only",
        &[(
            "crates/mysql/tests/real_mysqld/clone.rs",
            "a_clone_is_complete_after_a_restart_and_follows_its_donor",
        )],
    ),
    same(130, "`moco-exporter` and its rights", &[FRESH]),
    same(131, "`moco-backup` and its rights", &[FRESH]),
    same(132, "`moco-readonly` and its rights", &[FRESH, PEOPLE]),
    better(
        133,
        "`moco-writable` may do what applications need, and not touch MySQL's own tables",
        "nor MOCO's accounts",
        &[TENANT],
    ),
    differs(
        134,
        "The plugins of semi-sync by their old names, and clone",
        "by their new names: 9.7 has no others",
        &[(
            SERVER,
            "a_missing_plugin_is_named_and_the_status_can_be_read_without_it",
        )],
    ),
    same(
        135,
        "`partial_revokes` is on",
        &[(super::CONFIG, "the_file_changes_only_on_purpose"), TENANT],
    ),
    better(
        136,
        "Connections of MOCO's own programs are never killed; people's are",
        "nor can people kill them",
        &[
            PEOPLE,
            (SERVER, "clients_are_put_out_and_the_administrator_stays"),
        ],
    ),
];
