//! Passwords and certificates.

use super::{OBJECTS, RECONCILE, Row, better, differs, same};

const SECRETS: (&str, &str) = (
    OBJECTS,
    "the_secrets_of_a_plain_cluster_change_only_on_purpose",
);
const PASSWORDS: &str = "crates/controller/src/reconcile/passwords.rs";
const DUE: &str = "crates/pki/src/due/tests.rs";

pub(super) const ROWS: &[Row] = &[
    same(
        106,
        "Eight passwords, made once, under the same keys",
        &[(PASSWORDS, "new_passwords_are_long_and_different"), SECRETS],
    ),
    better(
        107,
        "The copy in the operator's namespace counts, and the others are kept like it",
        "a lost copy is restored from the user's instead of being made anew",
        &[
            (
                RECONCILE,
                "a_lost_master_copy_is_restored_and_never_made_anew",
            ),
            (
                PASSWORDS,
                "a_damaged_copy_is_never_overwritten_by_new_passwords",
            ),
        ],
    ),
    differs(
        108,
        "A Secret with option files for clients; the exporter's names the socket",
        "the exporter's names host and port, because only MOCO's programs reach the socket",
        &[SECRETS],
    ),
    same(
        109,
        "A Secret of another layout is left alone, and told",
        &[(PASSWORDS, "an_unknown_layout_is_left_alone")],
    ),
    better(
        110,
        "Operator and agents know each other by certificates of cert-manager, which are not renewed for a cluster",
        "by certificates of MOCO's own authority, which are renewed in time, and the authority too",
        &[
            (
                "crates/wire/src/tests/identities.rs",
                "an_agent_obeys_the_controller_only",
            ),
            (
                DUE,
                "nobody_is_ever_cut_off_while_confirmations_are_waited_for_and_every_rotation_ends",
            ),
        ],
    ),
    better(
        111,
        "The certificate is copied to the cluster's namespace, and files are read again every hour",
        "within seconds, without a restart",
        &[
            (
                "crates/wire/src/tests/renewal.rs",
                "a_running_server_shows_a_renewed_certificate",
            ),
            (
                "crates/wire/src/tls/source/tests.rs",
                "a_mounted_secret_is_followed_when_its_link_moves",
            ),
        ],
    ),
    better(
        112,
        "MySQL itself has no TLS",
        "replication and clones are encrypted, and a source is believed only under its own name; clients may use it",
        &[(
            "crates/mysql/tests/real_mysqld/replication.rs",
            "a_replica_follows_over_verified_tls_acknowledges_and_passes_offline_mode",
        )],
    ),
    same(
        113,
        "Passwords are never changed",
        &[(
            RECONCILE,
            "a_lost_master_copy_is_restored_and_never_made_anew",
        )],
    ),
];
