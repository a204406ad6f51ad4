//! Something dies or stands still at a step of a procedure: controller, agent or mysqld, before or after it.

use super::{Lacks, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        number: 21,
        fault: "Anything dies at any step of a failover",
        does: "Each step is found done or missing by looking, so any controller goes on from there. Promises are on \
               disk before anything else is done.",
        tests: &[
            "crates/planner/src/tests.rs::crashes_at_any_step_are_survived",
            "crates/agent/src/orders/tests.rs::a_promise_is_on_disk_before_the_receiver_is_stopped",
            "crates/agent/src/orders/tests.rs::without_a_promise_on_disk_nothing_is_done",
            "crates/pass/src/act.rs::what_follows_a_record_that_failed_is_not_done",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 22,
        fault: "Anything dies at any step of a switchover",
        does: "Before the decision the primary goes on, after it the new one is finished. A wish that came true is \
               taken back, also by the next controller.",
        tests: &[
            "crates/planner/src/tests/switchover.rs::a_primary_that_dies_while_it_is_handed_over_is_a_failover",
            "crates/planner/src/tests/switchover.rs::a_primary_that_was_closed_for_nothing_opens_again_in_a_new_epoch",
            "crates/planner/src/tests/faults.rs::a_wish_that_came_true_is_taken_back_although_the_controller_died_after_the_decision",
            "crates/mysql/tests/real_mysqld/fence.rs::what_goes_wrong_after_writes_were_stopped_is_undone",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 23,
        fault: "The chosen member dies while it applies the rest",
        does: "Another one that holds everything the remaining promises hold is chosen; if there are too few of them, \
               the failover waits.",
        tests: &[
            "crates/planner/src/tests/faults.rs::a_winner_that_dies_while_it_applies_the_rest_makes_way_for_another_one",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 24,
        fault: "The new primary dies right after it was promoted, before anybody follows it",
        does: "Another failover, or its restart when too few can promise. What was acknowledged is at enough members.",
        tests: &[
            "crates/planner/src/tests/faults.rs::a_new_primary_that_dies_before_it_is_open_costs_nothing_that_was_acknowledged",
            "crates/planner/src/tests.rs::crashes_at_any_step_are_survived",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 25,
        fault: "A clone is cut: donor, recipient or controller dies, or the restart after it fails",
        does: "The half-made data directory is known as such and made anew; the donor is unharmed.",
        tests: &[
            "crates/agent/src/work/start/tests.rs::a_given_up_or_half_made_data_directory_is_made_anew_or_said_to_be_missing",
            "crates/agent/src/orders/tests.rs::a_discard_that_is_cut_leaves_all_or_nothing_of_the_data_trusted",
            "crates/mysql/tests/real_mysqld/clone.rs::a_clone_with_a_wrong_password_fails_by_name_and_can_be_killed_when_it_hangs",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 26,
        fault: "A restore is cut at any phase",
        does: "Nothing yet.",
        tests: &[],
        lacks: Lacks::Capability("restore from a backup."),
    },
    Row {
        number: 27,
        fault: "An upgrade of MySQL fails at one member",
        does: "Pods that work are not replaced by themselves.",
        tests: &[],
        lacks: Lacks::Capability("replacing members that work, one after the other."),
    },
    Row {
        number: 28,
        fault: "The operator is replaced in the middle of a procedure; old and new agents together",
        does: "A new operator changes no pod. Peers tell their protocol; what an older one does not say is read as \
               nothing, what a newer one adds is ignored.",
        tests: &[
            "crates/controller/src/reconcile/tests.rs::a_new_operator_changes_no_pod_until_something_else_does",
            "crates/wire/src/protocol.rs::newer_peers_are_accepted_and_older_than_the_floor_are_not",
            "crates/wire/src/convert/tests.rs::what_an_older_agent_does_not_say_is_read_as_nothing",
            "crates/supervisor/tests/supervise/agent_restarts.rs::a_message_of_a_newer_protocol_does_no_harm",
        ],
        lacks: Lacks::Part("two releases together: there is only one."),
    },
    Row {
        number: 29,
        fault: "The number of members changes, with a failover in the middle",
        does: "Both memberships are recorded; the larger number of acknowledgements and promises under both are needed \
               until everything is held under the new one.",
        tests: &[
            "crates/planner/src/tests/members.rs::members_are_removed_in_order_and_the_primary_hands_over_first",
            "crates/planner/src/tests.rs::every_even_and_odd_size_becomes_healthy_and_grows",
            "crates/model/src/quorum.rs::while_members_change_promises_are_needed_under_both_memberships",
            "crates/planner/src/tests/members.rs::a_leaver_that_cannot_be_asked_is_not_removed",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 30,
        fault: "Anything dies while passwords or certificates change",
        does: "Of certificates both generations are good until everybody was seen to use the new one. Passwords are \
               not changed by MOCO.",
        tests: &[
            "crates/pki/src/due/tests.rs::nobody_is_ever_cut_off_while_confirmations_are_waited_for_and_every_rotation_ends",
            "crates/wire/src/tests/renewal.rs::both_sides_move_to_another_authority",
        ],
        lacks: Lacks::Part("changing passwords, which is not built."),
    },
    Row {
        number: 31,
        fault: "Anything dies while the tail of a former primary is cut",
        does: "Asked again, it comes to the same end, with the bytes kept aside; what cannot be cut is shown as \
               transactions that the primary lacks.",
        tests: &[
            "crates/agent/src/work/start/tests.rs::a_cut_that_is_cut_short_anywhere_ends_the_same_when_it_is_asked_again",
            "crates/mysql/src/binlog/cut/tests.rs::killed_at_any_point_and_called_again_it_comes_to_the_same_end",
            "crates/agent/src/work/start/tests.rs::a_tail_that_cannot_be_cut_does_not_keep_mysqld_from_starting",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 32,
        fault: "Volumes are resized or moved to another storage class, and something dies meanwhile",
        does: "Nothing yet.",
        tests: &[],
        lacks: Lacks::Capability("changing volumes."),
    },
];
