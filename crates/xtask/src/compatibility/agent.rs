//! What runs beside mysqld.

use super::{Row, SERVER, better, differs, not_yet, same};

const START: &str = "crates/agent/src/work/start/tests.rs";
const PROBES: &str = "crates/agent/src/probes.rs";

pub(super) const ROWS: &[Row] = &[
    better(
        137,
        "A data directory is made once, and made anew if its making was cut",
        "and never where a volume was lost that other members still know",
        &[
            (
                START,
                "a_given_up_or_half_made_data_directory_is_made_anew_or_said_to_be_missing",
            ),
            (
                "crates/agent/src/host/real/volume.rs",
                "an_unused_volume_is_fine_and_an_unknown_data_directory_is_not",
            ),
            (SERVER, "time_zones_are_those_of_the_world"),
        ],
    ),
    differs(
        138,
        "Server id and address are written to a file at each start",
        "they are on mysqld's command line",
        &[(
            super::OBJECTS,
            "a_pods_host_in_the_command_is_the_one_that_others_use",
        )],
    ),
    differs(
        139,
        "The flags of moco-init",
        "there is no such program; what they said is in the agent's arguments",
        &[(
            super::OBJECTS,
            "the_objects_of_a_plain_cluster_change_only_on_purpose",
        )],
    ),
    better(
        140,
        "The agent ends when mysqld is not there within a minute, and is started again",
        "it waits as long as the start takes, and knows at once when mysqld ends",
        &[
            (
                "crates/supervisor/tests/supervise/agent_restarts.rs",
                "a_killed_agent_is_replaced_and_mysqld_goes_on",
            ),
            (
                "crates/agent/src/watch/tests.rs",
                "the_death_of_mysqld_is_told_at_once",
            ),
        ],
    ),
    same(
        141,
        "A new server gets accounts and plugins, loses root, and ends closed and without a transaction",
        &[(
            SERVER,
            "an_empty_server_is_set_up_closed_and_without_a_transaction",
        )],
    ),
    differs(
        142,
        "gRPC with one call, Clone",
        "a protocol of orders, each with the number of the decision that it belongs to, so that one that is late does no harm",
        &[(
            "crates/agent/src/orders/tests.rs",
            "a_lower_promise_or_epoch_is_refused_and_says_what_is_held",
        )],
    ),
    better(
        143,
        "A clone: one at a time, only into an empty server, accounts set afterwards",
        "bounded, can be given up, goes on while others fail, and its donor need not be the primary",
        &[
            (
                "crates/mysql/tests/real_mysqld/clone.rs",
                "a_clone_is_complete_after_a_restart_and_follows_its_donor",
            ),
            (
                "crates/mysql/tests/real_mysqld/clone.rs",
                "a_clone_with_a_wrong_password_fails_by_name_and_can_be_killed_when_it_hangs",
            ),
        ],
    ),
    differs(
        144,
        "`/healthz` asks mysqld",
        "it asks the agent only; a mysqld that hangs is the controller's affair",
        &[(
            PROBES,
            "a_closed_member_without_a_source_is_not_ready_and_an_open_one_is",
        )],
    ),
    same(
        145,
        "`/readyz`: a replica that replicates without much lag, or a primary that is open",
        &[
            (
                PROBES,
                "a_replica_is_ready_only_while_it_replicates_without_much_lag",
            ),
            (
                PROBES,
                "a_closed_member_without_a_source_is_not_ready_and_an_open_one_is",
            ),
        ],
    ),
    not_yet(
        146,
        "The slow query log is rotated by time and size",
        "it is not rotated",
        &[],
    ),
    differs(
        147,
        "The flags of moco-agent",
        "others; no password is among them or in the environment",
        &[(super::OBJECTS, "no_secret_is_in_what_everybody_may_read")],
    ),
    better(
        148,
        "Mutual TLS, one idle connection to MySQL",
        "only the controller is obeyed, and only members of the same cluster are heard",
        &[
            (
                "crates/wire/src/tests/identities.rs",
                "an_agent_obeys_the_controller_only",
            ),
            (
                "crates/wire/src/tests/beats.rs",
                "only_members_of_the_same_cluster_are_heard",
            ),
        ],
    ),
];
