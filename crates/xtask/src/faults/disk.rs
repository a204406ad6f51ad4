//! Volumes that are full, slow, damaged, old, lost or somebody else's.

use super::{Lacks, Row};

/// Why damage below the file system is not played.
const NO_DEVICE: &str = "reads or writes that fail need a device of their own below the volume.";

pub(super) const ROWS: &[Row] = &[
    Row {
        number: 43,
        fault: "The primary's volume is full",
        does: "Commits hang without an error. The agent's own commit shows it, and when that lasts another member takes \
               over; clients can still be put out.",
        tests: &[
            "crates/mysql/tests/real_mysqld/heartbeat.rs::without_room_for_the_binary_log_commits_hang_and_clients_can_still_be_put_out",
            "crates/agent/src/commits/tests.rs::a_full_volume_is_named_until_there_is_room",
            "crates/planner/src/tests/faults.rs::a_primary_whose_volume_is_full_is_replaced_when_that_lasts",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 44,
        fault: "A replica's volume is full",
        does: "It receives and acknowledges nothing more; commits go on as long as enough others acknowledge.",
        tests: &[],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 45,
        fault: "All volumes are full at once",
        does: "Commits hang and nothing is lost; the verdict says whose volume is full. No binary log is purged by MOCO.",
        tests: &[],
        lacks: Lacks::All(
            "nobody is the better primary then, and nothing shows that the cluster comes back by itself when there is room.",
        ),
    },
    Row {
        number: 46,
        fault: "A write to disk takes long, or never ends",
        does: "One that never ends is seen at the agent's own commit, and the primary is replaced.",
        tests: &[
            "crates/agent/src/commits/tests.rs::a_stuck_commit_shows_its_age_and_a_second_one_is_sent_and_no_third",
            "crates/planner/src/tests/failover.rs::a_stuck_primary_is_replaced_when_it_lasts_and_ended_afterwards",
        ],
        lacks: Lacks::Part("a disk that is only slow; MOCO gives no advice about it."),
    },
    Row {
        number: 47,
        fault: "Reads or writes of the volume fail",
        does: "mysqld ends itself, which is a failover. The member starts again as it is.",
        tests: &[],
        lacks: Lacks::All(NO_DEVICE),
    },
    Row {
        number: 48,
        fault: "The file system becomes read-only",
        does: "mysqld ends; the agent says that it cannot write to the volume, and goes on when it can.",
        tests: &["crates/agent/src/host/real/volume.rs::a_missing_volume_is_told_as_not_writable"],
        lacks: Lacks::Part("a file system that becomes read-only under a running mysqld."),
    },
    Row {
        number: 49,
        fault: "A bit of a page of InnoDB is wrong",
        does: "InnoDB's checksum finds it and mysqld ends, which is a failover. The member is not rebuilt by itself.",
        tests: &[],
        lacks: Lacks::All("when the page is read is up to InnoDB; nobody wrote a test for it yet."),
    },
    Row {
        number: 50,
        fault: "A bit of the primary's binary log is wrong",
        does: "Checksums are on at every place that reads it, and nothing is skipped. A tail is cut only where all \
               before it is proven whole.",
        tests: &[
            "crates/mysql/src/binlog/tests.rs::one_wrong_byte_never_costs_a_transaction_of_the_history",
            "crates/mysql/src/binlog/tests.rs::damage_in_the_last_transaction_belongs_to_the_tail_and_damage_before_it_does_not",
            "crates/mysql/tests/real_mysqld/server.rs::a_server_with_our_settings_has_no_drift_and_a_changed_one_is_named",
        ],
        lacks: Lacks::Part(
            "a source that sends the damaged event; its replicas are not cloned from another member.",
        ),
    },
    Row {
        number: 51,
        fault: "A bit of a relay log is wrong",
        does: "The applier stops with an error, which the verdict shows; nothing is skipped, and the member is not \
               pointed elsewhere over what it has received.",
        tests: &[
            "crates/mysql/tests/real_mysqld/relay.rs::a_damaged_relay_log_stops_the_applier_and_nothing_is_skipped",
        ],
        lacks: Lacks::Part(
            "a restart that leaves damage at the end out, of a member that had acknowledged it: it counts as long as its guard does not know better.",
        ),
    },
    Row {
        number: 52,
        fault: "The end of a relay log is torn",
        does: "mysqld leaves it out when it starts, and it is received again. What is torn was not synced, so nobody \
               acknowledged it.",
        tests: &[
            "crates/mysql/tests/real_mysqld/relay.rs::what_is_torn_or_damaged_at_the_end_of_a_relay_log_is_received_again_after_a_restart",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 53,
        fault: "A volume goes back to an older state of itself",
        does: "The guard knows what the data once held: what went backwards is another incarnation, which neither \
               promises nor wins.",
        tests: &[
            "crates/agent/src/work/start/tests.rs::data_that_went_backwards_is_another_incarnation_even_for_an_agent_that_comes_later",
            "crates/agent/src/report/tests.rs::a_report_never_shows_an_old_incarnation_beside_a_server_that_lost_something",
            "crates/planner/src/tests/failover.rs::the_promise_of_a_member_that_does_not_count_is_not_enough",
        ],
        lacks: Lacks::Part(
            "a guard that went back together with the data: then only the register knows more.",
        ),
    },
    Row {
        number: 54,
        fault: "A volume is lost, or replaced by an empty one",
        does: "A replica is cloned. A primary is replaced; where nobody can prove to hold everything it stays a loss \
               that is shown. No second history is ever begun.",
        tests: &[
            "crates/planner/src/tests.rs::a_replica_whose_volume_was_lost_is_cloned_anew",
            "crates/planner/src/tests.rs::a_primary_whose_volume_was_lost_is_never_initialised_again",
            "crates/planner/src/tests/members.rs::a_primary_without_its_volume_is_replaced_and_cloned",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 55,
        fault: "The volumes of two members, or of two clusters, are exchanged",
        does: "The guard says whose volume it is: it is not used, and the sentence names the owner.",
        tests: &[
            "crates/agent/src/host/real/volume.rs::the_volume_of_another_member_or_cluster_is_refused_and_its_owner_named",
            "crates/planner/src/tests/tables.rs::foreign_volumes_stop_a_new_cluster_and_only_one_member_of_a_recorded_one",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 56,
        fault: "A server loses its UUID, or has that of another one",
        does: "Without its file mysqld takes a new UUID; its old transactions stay what they are.",
        tests: &[
            "crates/mysql/tests/real_mysqld/tail.rs::a_tail_that_was_cut_is_rolled_back_and_one_that_was_not_is_committed",
        ],
        lacks: Lacks::Part("two servers with one UUID: MOCO does not look for them."),
    },
    Row {
        number: 57,
        fault: "The guard file is lost or damaged",
        does: "A damaged one is an error and never an unused volume. Data without a guard is not MOCO's, and is left \
               alone until a person decides.",
        tests: &[
            "crates/agent/src/host/real/guard_file.rs::a_damaged_file_is_an_error_and_never_an_unused_volume",
            "crates/agent/src/host/real/guard_file.rs::a_write_that_was_cut_leaves_the_old_promise",
            "crates/agent/src/host/real/volume.rs::an_unused_volume_is_fine_and_an_unknown_data_directory_is_not",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 58,
        fault: "Tablespaces for undo, redo or temporary tables are full, or inodes are used up",
        does: "As when the volume is full, as far as commits hang.",
        tests: &[],
        lacks: Lacks::All("all of it; only the volume as a whole is filled."),
    },
];
