//! The API server and the objects in it.

use super::{Lacks, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        number: 81,
        fault: "Writes fail, or are done and their answer is lost: conflicts, too many requests, errors, timeouts",
        does: "What is there is read again and judged again. The register is written by compare-and-swap only. What \
               failed is tried again after growing pauses.",
        tests: &[
            "crates/controller/src/world/tests.rs::a_write_that_comes_between_reading_and_writing_is_a_conflict",
            "crates/controller/src/world/tests.rs::a_report_that_meets_another_writer_is_made_anew",
            "crates/controller/src/reconcile/tests.rs::what_failed_is_not_repeated_at_once",
            "crates/controller/src/backoff.rs::pauses_double_up_to_the_longest_and_begin_anew_after_a_success",
            "crates/pass/src/act.rs::what_follows_a_record_that_failed_is_not_done",
        ],
        lacks: Lacks::Part("too many requests, answered with a time to wait."),
    },
    Row {
        number: 82,
        fault: "A watch ends, is too old, or falls silent",
        does: "Everything is listed again. Without any event a cluster is looked at once a minute.",
        tests: &[
            "crates/controller/src/watch/heads.rs::what_a_new_list_does_not_name_is_gone",
            "crates/controller/src/clusters/task.rs::what_has_lasted_long_is_looked_at_less_often",
        ],
        lacks: Lacks::Part("a watch that stays open and says nothing."),
    },
    Row {
        number: 83,
        fault: "A controller acts on an old picture of the objects",
        does: "The register is read from the API server in every pass, and written only over what was read; labels are \
               set only on the pod that was seen. The rest is asked of the agents.",
        tests: &[
            "crates/controller/src/world/tests.rs::the_register_is_written_when_it_is_what_was_expected",
            "crates/controller/src/world/tests.rs::a_label_is_set_on_the_pod_that_was_seen_and_on_no_other",
            "crates/controller/src/world/tests.rs::a_cluster_made_again_under_its_name_is_not_written_to",
        ],
        lacks: Lacks::Part("two API servers, one of them behind."),
    },
    Row {
        number: 84,
        fault: "Events are missed",
        does: "Nothing counts events. One only wakes a pass, which looks at everything; agents repeat theirs until \
               somebody takes it.",
        tests: &[
            "crates/controller/src/wake.rs::many_rings_before_anybody_listens_wake_once",
            "crates/agent/src/watch/tests.rs::a_notice_is_repeated_until_it_is_taken_with_the_newest_state",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 85,
        fault: "A controller dies between two writes",
        does: "The next one finds by looking what is done and what is missing. In the small worlds of the planner \
               every pass carries out one step and forgets the rest.",
        tests: &[
            "crates/planner/src/tests.rs::crashes_at_any_step_are_survived",
            "crates/planner/src/tests/faults.rs::a_wish_that_came_true_is_taken_back_although_the_controller_died_after_the_decision",
            "crates/controller/src/authority/tests.rs::two_controllers_that_begin_at_once_agree_on_one_authority",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 86,
        fault: "The API server is away for minutes",
        does: "The primary goes on, because its followers are enough company. Nobody is promoted, and mysqld of a \
               member that ended waits for leave to start.",
        tests: &[
            "crates/agent/src/alone/tests.rs::enough_followers_or_a_controller_keep_it_open",
            "crates/controller/src/world/tests.rs::nothing_is_written_when_the_lease_is_over",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 87,
        fault: "The lease is lost or stolen; two lead; the leader stands still in the middle of a step",
        does: "Whoever holds it stops acting before anybody may take over. What leads nevertheless fails at the \
               compare-and-swap of the register and at the epochs of the agents.",
        tests: &[
            "crates/controller/src/lease/tests.rs::nobody_takes_over_while_the_leader_may_act",
            "crates/controller/src/lease/tests.rs::the_judgement_follows_the_table",
            "crates/controller/src/world/tests.rs::nothing_is_written_when_the_lease_is_over",
            "crates/agent/src/orders/tests.rs::a_lower_promise_or_epoch_is_refused_and_says_what_is_held",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 88,
        fault: "The API server's store goes back to yesterday",
        does: "Members were told a higher epoch than the register has: nothing is done until enough guards are heard, \
               and the register is made again from them.",
        tests: &[
            "crates/planner/src/tests/tables.rs::a_register_that_is_lost_or_old_is_made_again_from_enough_guards",
            "crates/planner/src/tests/tables.rs::a_lost_register_initialises_nothing",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 89,
        fault: "A cluster is deleted in any manner, and made again under its name beside old volumes",
        does: "It is another cluster: volumes of the old one are not touched, and nothing of the old one's passes is \
               written to it.",
        tests: &[
            "crates/controller/src/watch/heads.rs::a_cluster_made_again_under_its_name_is_another_one",
            "crates/controller/src/world/tests.rs::a_cluster_made_again_under_its_name_is_not_written_to",
            "crates/controller/src/reconcile/tests.rs::a_deleted_cluster_takes_the_master_copy_along",
            "crates/planner/src/tests/tables.rs::foreign_volumes_stop_a_new_cluster_and_only_one_member_of_a_recorded_one",
        ],
        lacks: Lacks::Part(
            "deletion in the foreground, with orphans, and a finalizer that was taken away by hand.",
        ),
    },
    Row {
        number: 90,
        fault: "The status is wiped or edited by hand",
        does: "A register that is gone or older than the guards is made again from them; one that cannot be read \
               freezes the cluster. One that was edited into another good one is believed: only the roles of \
               administrators may write it.",
        tests: &[
            "crates/planner/src/tests/tables.rs::a_register_that_is_lost_or_old_is_made_again_from_enough_guards",
            "crates/controller/src/world/facts/tests.rs::a_register_that_cannot_be_read_freezes_the_cluster_and_is_told",
            "crates/controller/src/world/tests.rs::initialised_stays_true_when_the_register_is_lost",
            "crates/resources/src/install/tests.rs::tenants_cannot_write_the_status",
        ],
        lacks: Lacks::Part("another member written into the register by hand, in the same epoch."),
    },
    Row {
        number: 91,
        fault: "An object that cannot be understood: malformed, or of another release",
        does: "It stops no other cluster. Its members stay as they are, and a condition says what is wrong.",
        tests: &[
            "crates/controller/src/watch/heads.rs::an_unusable_name_stops_nobody",
            "crates/controller/src/cluster.rs::a_cluster_that_cannot_be_understood_still_has_its_register",
            "crates/controller/src/world/facts/tests.rs::a_manifest_that_cannot_be_meant_leaves_the_members_as_they_are",
            "crates/api/src/validate/tests.rs::a_stored_object_that_cannot_be_read_is_an_error_with_its_name",
            "crates/api/src/validate/tests.rs::a_status_written_by_the_go_program_can_be_read",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 92,
        fault: "Somebody deletes or edits what MOCO made: sets, Services, Secrets, budgets, the lease",
        does: "It is made again as it was. Passwords that are lost in both places are not made up: the sentence says so.",
        tests: &[
            "crates/controller/src/reconcile/tests.rs::an_edited_or_deleted_object_is_mended",
            "crates/controller/src/reconcile/tests.rs::a_lost_master_copy_is_restored_and_never_made_anew",
            "crates/controller/src/reconcile/same/tests.rs::every_kind_of_difference_is_found",
            "crates/controller/src/authority/tests.rs::a_deleted_authority_is_written_again_from_memory",
            "crates/controller/src/lease/tests.rs::a_lease_is_read_leniently",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 93,
        fault: "Somebody edits the labels of pods",
        does: "They are set back, and decide nothing.",
        tests: &[
            "crates/planner/src/tests/faults.rs::labels_that_somebody_edited_are_set_back_and_decide_nothing",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 94,
        fault: "A pod is evicted, preempted, deleted by force, or never ends",
        does: "A primary that is asked hands over first; one that is not asked is replaced.",
        tests: &[
            "crates/agent/src/leave/tests.rs::a_primary_says_that_it_leaves_and_goes_when_it_has_become_a_replica",
            "crates/agent/src/leave/tests.rs::a_primary_nobody_takes_over_from_leaves_10_s_before_its_time_and_after_20_s_at_most",
            "crates/supervisor/tests/supervise/endings.rs::at_the_end_of_the_grace_time_mysqld_is_killed",
        ],
        lacks: Lacks::Part(
            "a pod that stays on its way out, and a preemption, which asks as an eviction does.",
        ),
    },
    Row {
        number: 95,
        fault: "A pod cannot run: its image cannot be had, an init container fails, no node, a quota",
        does: "The verdict names the pod and what to do. Only pods that do not work are replaced; the others go on.",
        tests: &[
            "crates/controller/src/world/platform.rs::every_trouble_names_the_pod_and_what_to_do",
            "crates/controller/src/world/platform.rs::an_init_container_that_fails_is_told_before_the_others_that_wait_for_it",
            "crates/controller/src/reconcile/rollout.rs::only_pods_that_cannot_run_are_replaced_and_none_above_them_that_works",
            "crates/controller/src/call.rs::a_quota_is_not_taken_for_a_missing_right",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 96,
        fault: "Somebody else's webhook refuses or changes our objects",
        does: "Additions and other spellings are no difference, so nobody fights. A refusal is shown in the API \
               server's words and tried again after growing pauses.",
        tests: &[
            "crates/controller/src/reconcile/same/tests.rs::defaults_and_additions_of_others_are_no_difference",
            "crates/controller/src/reconcile/tests.rs::another_spelling_of_the_same_template_is_no_change_of_the_pods",
            "crates/controller/src/reconcile/tests.rs::what_failed_is_not_repeated_at_once",
        ],
        lacks: Lacks::Part("a real webhook."),
    },
    Row {
        number: 97,
        fault: "Hundreds of clusters, one of them with a mysqld that hangs",
        does: "Each cluster has a task of its own; one silent peer delays no other, and reports come in time.",
        tests: &[
            "crates/wire/src/tests/silence.rs::silent_peers_delay_no_other",
            "crates/wire/src/tests/silence.rs::orders_do_not_pile_up_behind_a_handler_that_hangs",
            "crates/agent/src/report/tests.rs::a_report_comes_in_time_from_a_mysqld_that_hangs",
        ],
        lacks: Lacks::Part("hundreds of clusters."),
    },
    Row {
        number: 98,
        fault: "The operator's rights are reduced",
        does: "The verdict names the verb and the object. Decisions that need no such right are made.",
        tests: &["crates/controller/src/call.rs::a_missing_right_is_named_with_verb_and_object"],
        lacks: Lacks::Part("an operator that runs with fewer rights."),
    },
];
