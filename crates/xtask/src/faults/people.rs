//! Certificates, secrets, and people who change them or ask for something.

use super::{Lacks, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        number: 111,
        fault: "A certificate ends, or a clock makes it look so",
        does: "Each is renewed in its last third without a restart, and an authority a year before its end. Connections \
               that are open go on; a new one with an expired certificate is refused with the reason.",
        tests: &[
            "crates/controller/src/authority/state/tests.rs::a_leaf_is_renewed_in_its_last_third_and_gets_a_new_bundle_at_once",
            "crates/controller/src/authority/state/tests.rs::an_authority_is_replaced_long_before_it_ends",
            "crates/wire/src/tests/renewal.rs::a_running_server_shows_a_renewed_certificate",
            "crates/wire/src/tests/renewal.rs::a_broken_renewal_leaves_a_running_server_as_it_was",
            "crates/pki/src/tls/tests.rs::an_expired_leaf_is_refused_and_so_is_one_not_good_yet",
        ],
        lacks: Lacks::Part(
            "a failover with expired certificates; no condition warns of one that ends.",
        ),
    },
    Row {
        number: 112,
        fault: "A password was changed at some members only",
        does: "A receiver that is refused says so, and one with the right password follows. MOCO does not change \
               passwords by itself.",
        tests: &[
            "crates/mysql/tests/real_mysqld/replication.rs::a_changed_replication_password_reaches_the_receiver",
            "crates/mysql/tests/real_mysqld/server.rs::settling_passwords_leaves_no_transaction_and_a_closed_server",
        ],
        lacks: Lacks::Part("a rotation that was left in the middle, because there is none."),
    },
    Row {
        number: 113,
        fault: "A user changes or drops MOCO's own accounts",
        does: "The tenant's account cannot. Accounts are made and set on a member that was just cloned, without a \
               transaction.",
        tests: &[
            "crates/mysql/tests/real_mysqld/server.rs::the_tenants_account_can_touch_neither_the_grant_tables_nor_our_accounts",
            "crates/mysql/tests/real_mysqld/server.rs::settling_passwords_leaves_no_transaction_and_a_closed_server",
        ],
        lacks: Lacks::Part(
            "accounts that an administrator dropped: they are not made again by themselves.",
        ),
    },
    Row {
        number: 114,
        fault: "A Secret is deleted in the middle of a failover",
        does: "It is made again from its other copy, or from what the controller holds; agents go on with the files \
               that they have.",
        tests: &[
            "crates/controller/src/reconcile/passwords.rs::a_lost_or_damaged_copy_is_restored_from_the_users",
            "crates/controller/src/authority/tests.rs::a_deleted_leaf_is_issued_anew_and_a_damaged_authority_is_left_to_a_person",
            "crates/wire/src/tls/source/tests.rs::files_that_cannot_be_used_leave_the_old_credentials_and_are_told_until_mended",
        ],
        lacks: Lacks::Part("both at the same time."),
    },
    Row {
        number: 115,
        fault: "Several people ask for different things at once",
        does: "One procedure at a time, in the order of the problems. A switchover that is under way is joined, or the \
               wish is refused with what is under way.",
        tests: &[
            "crates/planner/src/tests/faults.rs::two_who_ask_for_different_primaries_and_a_third_who_shrinks_the_cluster_are_served_in_turn",
            "crates/plugin/src/switchover/tests.rs::a_switchover_under_way_is_joined_when_it_fits",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 116,
        fault: "Force is used where it costs data",
        does: "It needs the epoch that was shown, and says before whose transactions will be lost. The register keeps \
               a record that says that nothing is proven.",
        tests: &[
            "crates/planner/src/tests/failover.rs::without_enough_promises_the_primary_stays_and_the_missing_are_named",
            "crates/planner/src/tests/failover.rs::a_demand_of_another_epoch_forces_nothing",
            "crates/plugin/src/force/tests.rs::what_will_be_lost_is_named_before_anything_is_done",
            "crates/plugin/src/force/tests.rs::the_epoch_must_be_the_one_that_was_shown",
            "crates/plugin/src/force/tests.rs::nothing_is_forced_where_it_makes_no_sense",
        ],
        lacks: Lacks::Nothing,
    },
];
