//! Processes and nodes end, stand still, or are there twice.

use super::{Lacks, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        number: 1,
        fault: "The primary's mysqld is killed: idle, under load, or while commits wait",
        does: "Another member takes over as soon as enough have promised. What nobody acknowledged is cut off the old \
               primary's log, and it comes back as a replica without a clone.",
        tests: &[
            "crates/planner/src/tests/failover.rs::when_mysqld_of_the_primary_ends_another_member_takes_over_and_it_comes_back_without_a_clone",
            "crates/mysql/tests/real_mysqld/tail.rs::a_tail_that_was_cut_is_rolled_back_and_one_that_was_not_is_committed",
            "crates/agent/src/watch/tests.rs::the_death_of_mysqld_is_told_at_once",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 2,
        fault: "The mysqld of one replica is killed",
        does: "Clients notice nothing. It starts closed, keeps what it had received, and follows again.",
        tests: &[
            "crates/planner/src/tests.rs::a_restarted_replica_is_back_without_a_clone",
            "crates/mysql/tests/real_mysqld/replication.rs::received_transactions_survive_a_crash_of_the_replica_and_a_repoint",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 3,
        fault: "All replicas are killed",
        does: "Commits wait and nobody is told OK; reads go on. The primary is not blamed for it. A replica that is \
               back lets the commits go on.",
        tests: &[
            "crates/mysql/tests/real_mysqld/replication.rs::a_commit_waits_for_its_acknowledgement_and_goes_on_with_it",
            "crates/planner/src/tests/failover.rs::a_primary_that_waits_for_replicas_is_not_the_one_to_blame",
            "crates/planner/src/tests/tables.rs::too_few_acknowledging_replicas_are_told",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 4,
        fault: "Every mysqld is killed at once",
        does: "The same primary starts again in a new epoch, and opens only when enough replicas hold all it has.",
        tests: &[
            "crates/planner/src/tests.rs::a_primary_that_nobody_can_replace_gets_a_new_epoch_and_opens_only_behind_the_barrier",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 5,
        fault: "Power fails at all members; what was not synced is lost",
        does: "The same as when every mysqld is killed: what was acknowledged was synced by those who acknowledged it.",
        tests: &[
            "crates/agent/src/work/start/tests.rs::another_kernel_pod_or_volume_is_another_incarnation_and_the_same_place_is_not",
        ],
        lacks: Lacks::Part(
            "a real disk that loses unsynced writes needs a device of its own below the volume.",
        ),
    },
    Row {
        number: 6,
        fault: "Power fails at the primary and at the only replica that acknowledged",
        does: "Nobody takes over without promises of members that count. A member under another kernel counts only \
               after it was seen to hold everything.",
        tests: &[
            "crates/planner/src/tests/failover.rs::the_promise_of_a_member_that_does_not_count_is_not_enough",
            "crates/planner/src/tests/failover.rs::without_enough_promises_the_primary_stays_and_the_missing_are_named",
        ],
        lacks: Lacks::Part("a real disk, as in 5."),
    },
    Row {
        number: 7,
        fault: "The primary's processes stand still, for a moment or for long, and go on",
        does: "A short pause changes nothing. After a longer one another member is primary; the old one can be \
               acknowledged by nobody and is ended. Whoever is connected to it may read old rows until then.",
        tests: &[
            "crates/mysql/tests/real_mysqld/silence.rs::a_frozen_source_grows_silent_and_one_that_goes_on_is_heard_at_once",
            "crates/planner/src/tests/failover.rs::silence_is_acted_upon_only_when_enough_replicas_share_it",
            "crates/planner/src/tests/failover.rs::a_promise_that_is_not_needed_lets_the_same_primary_go_on",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 8,
        fault: "A replica stands still while its receiver is being stopped",
        does: "Its promise does not come; the others are enough, or the failover waits. Its report comes in time and \
               says nothing of its server.",
        tests: &[
            "crates/agent/src/report/tests.rs::a_report_comes_in_time_from_a_mysqld_that_hangs",
            "crates/agent/src/orders/tests.rs::a_promise_waits_a_second_for_an_order_under_way_and_then_says_busy",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 9,
        fault: "The primary's pod is asked to end while commits wait and no replica is left",
        does: "mysqld is not asked to stop, because it would answer those commits OK: it is killed, and their clients \
               are told nothing.",
        tests: &[
            "crates/mysql/tests/real_mysqld/replication.rs::a_server_that_is_asked_to_stop_answers_waiting_commits_ok",
            "crates/mysql/tests/real_mysqld/fence.rs::a_retired_primary_told_the_client_of_a_waiting_commit_nothing",
            "crates/agent/src/leave/tests.rs::a_primary_is_stopped_gently_only_when_certainly_no_commit_waits",
            "crates/supervisor/tests/supervise/endings.rs::sigterm_is_told_to_the_agent_and_not_to_mysqld_and_done_ends_it",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 10,
        fault: "The pod of a healthy primary is asked to end",
        does: "It hands over first, and goes when it has become a replica.",
        tests: &[
            "crates/agent/src/leave/tests.rs::a_primary_says_that_it_leaves_and_goes_when_it_has_become_a_replica",
            "crates/planner/src/tests/switchover.rs::a_primary_that_is_asked_to_leave_hands_over_without_a_restart",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 11,
        fault: "The agent is killed while mysqld runs",
        does: "Another agent finds the same mysqld and the same guard; mysqld is not touched.",
        tests: &[
            "crates/supervisor/tests/supervise/agent_restarts.rs::a_killed_agent_is_replaced_and_mysqld_goes_on",
            "crates/supervisor/tests/supervise/agent_restarts.rs::an_exit_that_no_agent_heard_is_in_the_state_for_the_next",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 12,
        fault: "The agent of the primary stands still, mysqld works",
        does: "Replicas still hear mysqld, so nobody takes over; the verdict says that the agent is silent.",
        tests: &[
            "crates/planner/src/tests/faults.rs::an_agent_that_stands_still_is_no_reason_to_replace_a_primary_that_replicas_hear",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 13,
        fault: "mysqld ends again and again: a bad option, a corrupt page",
        does: "A primary is replaced at its first end. Starts are tried again after growing pauses, and the reason is \
               shown in mysqld's own words.",
        tests: &[
            "crates/agent/src/state.rs::failing_work_is_tried_again_after_growing_waits_and_at_once_after_success",
            "crates/agent/src/host/real/image.rs::a_complaint_about_the_configuration_is_told_in_mysqls_own_words",
        ],
        lacks: Lacks::Part(
            "a corrupt page; a member that never starts again is not given up and cloned by itself.",
        ),
    },
    Row {
        number: 14,
        fault: "The kernel kills the primary for its memory, again and again",
        does: "Each death is a fact and is answered by a failover; facts are never held up.",
        tests: &[
            "crates/planner/src/tests/failover.rs::guesses_that_follow_each_other_are_held_up_and_facts_are_not",
            "crates/supervisor/tests/supervise/mysqld.rs::death_by_a_signal_is_told_with_its_number",
        ],
        lacks: Lacks::Part(
            "a real shortage of memory. Nothing limits how often, and no verdict names the memory.",
        ),
    },
    Row {
        number: 15,
        fault: "The primary gets a twentieth of a processor",
        does: "It is slow and not lost: silence is called so after a second without any heartbeat.",
        tests: &[],
        lacks: Lacks::Part(
            "less than a fifth of a processor; the bound does not adapt to slow machines.",
        ),
    },
    Row {
        number: 16,
        fault: "A node is lost, and its pods look as if they ran for minutes",
        does: "What Kubernetes says of the pod decides nothing: the silence of its agent and mysqld does. The label of \
               the old primary is taken away although nobody reaches it.",
        tests: &[
            "crates/planner/src/tests/failover.rs::silence_is_acted_upon_only_when_enough_replicas_share_it",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 17,
        fault: "One node after the other is drained",
        does: "The primary hands over before it goes, and the budget lets go only so many that commits are acknowledged.",
        tests: &[
            "crates/resources/src/pdb.rs::an_eviction_leaves_enough_members_to_acknowledge",
            "crates/planner/src/tests/switchover.rs::a_primary_that_is_asked_to_leave_hands_over_without_a_restart",
        ],
        lacks: Lacks::Part("every node in turn."),
    },
    Row {
        number: 18,
        fault: "Two pods of the same member live, because one was deleted by force on a node that nobody reaches",
        does: "The second finds the guard of the first on the volume and is another incarnation, which does not count \
               until it was seen to hold everything. That two nodes do not use one volume is left to the storage.",
        tests: &[
            "crates/agent/src/work/start/tests.rs::another_kernel_pod_or_volume_is_another_incarnation_and_the_same_place_is_not",
        ],
        lacks: Lacks::Part("both at once on one volume, which local storage does not allow here."),
    },
    Row {
        number: 19,
        fault: "A machine started anew, and its member says that it holds what it acknowledged",
        does: "Data under another kernel is another incarnation: it counts only after it was seen to hold everything.",
        tests: &[
            "crates/agent/src/work/start/tests.rs::another_kernel_pod_or_volume_is_another_incarnation_and_the_same_place_is_not",
            "crates/planner/src/tests/failover.rs::the_promise_of_a_member_that_does_not_count_is_not_enough",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 20,
        fault: "mysqld of the old primary cannot be killed: it waits for a disk that never answers",
        does: "The failover does not wait for it: promises of replicas fence it.",
        tests: &[
            "crates/agent/src/orders/tests.rs::retiring_kills_and_is_no_fault_even_when_mysqld_hangs",
            "crates/planner/src/tests/failover.rs::a_stuck_primary_is_replaced_when_it_lasts_and_ended_afterwards",
        ],
        lacks: Lacks::Part("a real process that does not die of a kill."),
    },
];
