//! What MySQL does, and what people do to it.

use super::{Lacks, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        number: 59,
        fault: "Somebody writes into a replica",
        does: "It is ended at once if it takes writes, is counted no more and acknowledges nothing. Its logs are kept \
               aside and it is cloned, unless that is forbidden.",
        tests: &[
            "crates/planner/src/tests/tables.rs::errant_transactions_keep_a_detached_replica_detached",
            "crates/planner/src/tests/tables.rs::a_second_writable_member_is_ended_at_once",
            "crates/agent/src/orders/tests.rs::data_is_given_up_on_disk_after_the_evidence_is_kept_and_before_anything_is_removed",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 60,
        fault: "Transactions under the primary's own UUID that the history lacks: an unacknowledged tail, or data that went back",
        does: "The tail is cut before mysqld starts, and the server takes a new UUID. Data that went back is another \
               incarnation.",
        tests: &[
            "crates/planner/src/tests/failover.rs::when_mysqld_of_the_primary_ends_another_member_takes_over_and_it_comes_back_without_a_clone",
            "crates/agent/src/work/start/tests.rs::a_former_primary_is_cut_before_mysqld_starts_and_everything_else_is_on_disk_before",
            "crates/agent/src/work/start/tests.rs::a_former_primary_does_not_start_as_a_replica_without_the_history",
            "crates/agent/src/work/start/tests.rs::data_that_went_backwards_is_another_incarnation_even_for_an_agent_that_comes_later",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 61,
        fault: "An administrator stops replication, opens a replica, or changes semi-sync by hand",
        does: "Replication and the number of acknowledgements are put back, and a second writer is ended. Other \
               settings that safety depends on are shown and not set back. Commits without an acknowledgement are noticed.",
        tests: &[
            "crates/planner/src/tests/faults.rs::a_receiver_that_was_stopped_and_a_channel_that_was_dropped_by_hand_are_put_back",
            "crates/planner/src/tests/tables.rs::a_second_writable_member_is_ended_at_once",
            "crates/mysql/tests/real_mysqld/replication.rs::a_replica_that_was_made_a_semi_sync_source_is_freed",
            "crates/mysql/tests/real_mysqld/replication.rs::a_channel_that_somebody_made_differently_is_made_anew",
            "crates/mysql/tests/real_mysqld/server.rs::a_server_with_our_settings_has_no_drift_and_a_changed_one_is_named",
            "crates/agent/src/watch/tests.rs::commits_without_an_acknowledgement_are_noticed_once_for_each_opening",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 62,
        fault: "An administrator resets the binary logs, or drops the channel with what it received",
        does: "A dropped channel is made again. What the data lacks is found when mysqld or its agent starts again.",
        tests: &[
            "crates/planner/src/tests/faults.rs::a_receiver_that_was_stopped_and_a_channel_that_was_dropped_by_hand_are_put_back",
        ],
        lacks: Lacks::Part(
            "a reset of the binary logs under a running agent, which is not noticed at once.",
        ),
    },
    Row {
        number: 63,
        fault: "The primary's binary logs do not reach back to what a replica lacks",
        does: "The replica is cloned by itself.",
        tests: &[
            "crates/planner/src/tests/faults.rs::a_replica_that_lacks_what_was_purged_is_cloned_anew",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 64,
        fault: "A replica is hours behind",
        does: "A switchover does not choose it. A failover waits until it has applied everything, if it is the one that \
               holds everything; it is not ready for readers.",
        tests: &[
            "crates/planner/src/tests/switchover.rs::a_switchover_waits_for_a_target_and_is_given_up_in_time_with_the_primary_open",
            "crates/planner/src/tests/failover.rs::the_winner_holds_everything_that_the_others_hold_and_applies_it_first",
            "crates/agent/src/probes.rs::a_replica_is_ready_only_while_it_replicates_without_much_lag",
        ],
        lacks: Lacks::Part("hours, and how the progress is shown."),
    },
    Row {
        number: 65,
        fault: "A transaction of a gigabyte is under way when the primary is lost",
        does: "Half a transaction is no acknowledgement; a replica in the middle of one does not call its source silent.",
        tests: &[
            "crates/mysql/tests/real_mysqld/silence.rs::a_source_that_is_in_the_middle_of_a_transaction_is_not_silent_until_it_is_given_up",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 66,
        fault: "A definition is being changed when the primary is lost, there or at the applier",
        does: "What was not acknowledged is rolled back by the cut, tables that were copied included. A failover waits \
               for the applier and kills no statement of it.",
        tests: &[
            "crates/mysql/tests/real_mysqld/tail.rs::a_tail_that_was_cut_is_rolled_back_and_one_that_was_not_is_committed",
        ],
        lacks: Lacks::Part("the definition at the applier while it takes over."),
    },
    Row {
        number: 67,
        fault: "A client holds tables or the server locked when the primary shall be closed",
        does: "It is seen before anything is stopped: the primary stays open, the switchover says what holds it up and \
               is given up in time.",
        tests: &[
            "crates/mysql/tests/real_mysqld/fence.rs::a_look_finds_what_would_hold_the_closing_up_and_clients_notice_nothing",
            "crates/agent/src/orders/tests.rs::a_primary_that_is_held_up_stays_as_it_was_and_says_why",
            "crates/mysql/tests/real_mysqld/server.rs::closing_is_bounded_and_a_connection_that_timed_out_is_never_used_again",
            "crates/planner/src/tests/switchover.rs::what_holds_the_primary_up_is_told",
        ],
        lacks: Lacks::Part("a global read lock, and the lock for backups."),
    },
    Row {
        number: 68,
        fault: "A long statement or a large open transaction when the primary shall be closed",
        does: "The same. A small open transaction is rolled back, and a statement that only reads is ended.",
        tests: &[
            "crates/mysql/tests/real_mysqld/fence.rs::a_look_finds_what_would_hold_the_closing_up_and_clients_notice_nothing",
        ],
        lacks: Lacks::Part("a queue behind a metadata lock."),
    },
    Row {
        number: 69,
        fault: "Prepared XA transactions at a failover",
        does: "A tail that holds one is not cut: mysqld starts with it, the transactions that the primary lacks are \
               shown, and the member is cloned.",
        tests: &[
            "crates/mysql/tests/real_mysqld/tail.rs::an_xa_transaction_in_the_tail_is_seen_inside_its_compressed_payload",
            "crates/mysql/src/binlog/tests.rs::xa_and_changes_that_cannot_be_rolled_back_are_not_cut",
            "crates/agent/src/work/start/tests.rs::a_tail_that_cannot_be_cut_does_not_keep_mysqld_from_starting",
        ],
        lacks: Lacks::Part("prepared transactions that were acknowledged, on the new primary."),
    },
    Row {
        number: 70,
        fault: "An applier fails: a row is there already, or is missing",
        does: "Nothing is skipped. MySQL's own error is shown, the receiver goes on, and the member is not pointed \
               elsewhere over what it has not applied. It is not rebuilt by itself.",
        tests: &[
            "crates/mysql/tests/real_mysqld/replication.rs::an_applier_that_failed_is_not_pointed_elsewhere_over_unapplied_work",
            "crates/mysql/tests/real_mysqld/fence.rs::a_replica_is_fenced_while_it_tries_to_reach_its_source_and_without_a_working_applier",
            "crates/planner/src/tests/tables.rs::other_problems_are_recognised_by_code",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 71,
        fault: "Clients use up all connections",
        does: "The agent keeps the connections that it has; MySQL lets one administrator more in.",
        tests: &[
            "crates/mysql/tests/real_mysqld/server.rs::a_server_that_is_full_of_clients_still_lets_the_administrator_in",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 72,
        fault: "mysqld answers nothing more: no memory, no threads",
        does: "Reports come in time and say nothing of the server; it is called stuck, and replaced when its replicas \
               do not hear it or its commits do not end.",
        tests: &[
            "crates/agent/src/report/tests.rs::a_report_comes_in_time_from_a_mysqld_that_hangs",
            "crates/mysql/tests/real_mysqld/heartbeat.rs::a_heartbeat_that_hangs_costs_its_own_connection_only",
        ],
        lacks: Lacks::Part("a real shortage; a frozen mysqld stands for it."),
    },
    Row {
        number: 73,
        fault: "A commit waits although replicas are well: its acknowledgement was lost",
        does: "The agent's own commits follow it, and the acknowledgement of a later one lets it go on.",
        tests: &[
            "crates/mysql/tests/real_mysqld/replication.rs::a_commit_waits_for_its_acknowledgement_and_goes_on_with_it",
            "crates/agent/src/commits/tests.rs::a_stuck_commit_shows_its_age_and_a_second_one_is_sent_and_no_third",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 74,
        fault: "Semi-sync says that it is on, and commits are not acknowledged",
        does: "The server counts such commits, and the agent says it at the first one. The timeout that would lead \
               there is pinned, and a change of it is shown.",
        tests: &[
            "crates/agent/src/watch/tests.rs::commits_without_an_acknowledgement_are_noticed_once_for_each_opening",
            "crates/mysql/tests/real_mysqld/server.rs::a_server_with_our_settings_has_no_drift_and_a_changed_one_is_named",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 75,
        fault: "Two servers with one number, or somebody else who acknowledges",
        does: "Numbers are made from the object and cannot be set. Only members have the account that replicates, which \
               is let in with TLS only. A plan that lets a stranger acknowledge is refused.",
        tests: &[
            "crates/api/src/validate/tests.rs::the_servers_numbers_depend_on_the_object_alone",
            "crates/resources/src/config/tests.rs::no_spelling_of_what_moco_depends_on_reaches_the_file",
            "crates/planner/src/tests/tables.rs::the_linter_refuses_a_second_writer_an_early_opening_and_strangers",
        ],
        lacks: Lacks::Part(
            "a foreign server that replicates with the password; who acknowledges is counted, not named.",
        ),
    },
    Row {
        number: 76,
        fault: "An event or a trigger writes at a replica",
        does: "A closed server writes nothing. Events are off but at the open primary.",
        tests: &[
            "crates/mysql/tests/real_mysqld/replication.rs::a_drained_replica_is_opened_and_the_old_primary_follows_it",
            "crates/mysql/tests/real_mysqld/server.rs::closing_is_bounded_and_a_connection_that_timed_out_is_never_used_again",
        ],
        lacks: Lacks::Part("a real event; that the scheduler is switched is seen."),
    },
    Row {
        number: 77,
        fault: "Another image lacks a plugin",
        does: "The member does not join, and says which plugin is missing.",
        tests: &[
            "crates/mysql/tests/real_mysqld/server.rs::a_missing_plugin_is_named_and_the_status_can_be_read_without_it",
            "crates/planner/src/tests/tables.rs::a_fault_of_one_replica_is_shown_and_does_not_stop_the_others",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 78,
        fault: "Writes that do not replicate: tables without transactions, the binary log switched off",
        does: "Such engines are disabled. The tenant's account may not switch the log off. A tail with such a change \
               is not cut.",
        tests: &[
            "crates/mysql/tests/real_mysqld/server.rs::the_tenants_account_can_touch_neither_the_grant_tables_nor_our_accounts",
            "crates/mysql/tests/real_mysqld/tail.rs::a_change_that_cannot_be_rolled_back_is_seen_in_the_tail",
            "crates/resources/src/config/tests.rs::no_spelling_of_what_moco_depends_on_reaches_the_file",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 79,
        fault: "A clock jumps or stands still",
        does: "Silence and leases are measured by clocks that do not jump. The deadline of a switchover, the pauses \
               after guesses and the ends of certificates go by the time of the day; none of them decides who may write.",
        tests: &[
            "crates/controller/src/lease/tests.rs::the_judgement_follows_the_table",
            "crates/pki/src/due/tests.rs::an_authority_of_the_future_is_neither_used_nor_replaced",
        ],
        lacks: Lacks::Part("a member or controller whose clock jumps."),
    },
    Row {
        number: 80,
        fault: "A user switches the order of commits off, and replicas have gaps",
        does: "The option cannot be set by the manifest; a change on a running server is shown.",
        tests: &[
            "crates/resources/src/config/tests.rs::no_spelling_of_what_moco_depends_on_reaches_the_file",
            "crates/mysql/tests/real_mysqld/server.rs::a_server_with_our_settings_has_no_drift_and_a_changed_one_is_named",
        ],
        lacks: Lacks::Nothing,
    },
];
