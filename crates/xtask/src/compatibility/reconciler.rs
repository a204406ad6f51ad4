//! How objects are kept as the manifest says, and how changes reach running members.

use super::{OBJECTS, RECONCILE, REPORT, Row, STORY, better, not_yet, same};

const ROLLING: &str = "crates/controller/src/reconcile/rollout.rs";
const SAME: &str = "crates/controller/src/reconcile/same/tests.rs";

pub(super) const ROWS: &[Row] = &[
    better(
        70,
        "The version of the rules is kept while a manifest does not change, so that a new operator reshapes nothing",
        "a new operator changes no pod, until something else does",
        &[(
            RECONCILE,
            "a_new_operator_changes_no_pod_until_something_else_does",
        )],
    ),
    better(
        71,
        "Objects are written in a fixed order, and the first error ends the pass",
        "the same order; the members' own pass, with failover, goes on whether or not objects could be written",
        &[
            (
                RECONCILE,
                "a_new_cluster_gets_its_objects_in_the_order_in_which_pods_need_them",
            ),
            (RECONCILE, "a_manifest_that_cannot_work_changes_nothing"),
        ],
    ),
    same(
        72,
        "Server-side apply as `moco-controller`, only where something differs",
        &[
            (
                RECONCILE,
                "a_cluster_at_rest_costs_no_write_and_a_new_leader_none_either",
            ),
            (SAME, "every_kind_of_difference_is_found"),
        ],
    ),
    same(
        73,
        "Changes of owned objects and of the user's ConfigMap are seen at once",
        &[
            (RECONCILE, "an_edited_or_deleted_object_is_mended"),
            (
                "crates/controller/src/watch/seen.rs",
                "a_config_map_wakes_the_clusters_that_use_it_now",
            ),
        ],
    ),
    better(
        74,
        "The annotation reconciliation-stopped stops all changes of objects",
        "failover goes on meanwhile",
        &[(RECONCILE, "nothing_changes_while_reconciliation_is_stopped")],
    ),
    same(
        75,
        "The annotation clustering-stopped stops decisions; Available and Healthy become Unknown, gauges NaN",
        &[
            (REPORT, "a_stopped_cluster_is_neither_well_nor_unwell"),
            (super::TABLES, "stopped_and_offline_clusters_are_left_alone"),
        ],
    ),
    better(
        76,
        "A pod that is deleted or annotated demote is seen at once",
        "and so are evictions, the end of mysqld, and what agents tell",
        &[
            (STORY, "switchover"),
            (
                "crates/controller/src/notices.rs",
                "only_the_leader_takes_a_notice_and_it_wakes_the_task",
            ),
        ],
    ),
];

pub(super) const ROLLOUT: &[Row] = &[
    not_yet(
        93,
        "A controller lowers the partition once the manifest and the set are settled",
        "a changed template reaches members that cannot work; those that work take it up when their pod is made anew",
        &[
            (
                ROLLING,
                "nothing_is_replaced_before_kubernetes_has_taken_up_the_template",
            ),
            (
                OBJECTS,
                "pods_follow_the_facts_and_nothing_restarts_by_itself",
            ),
        ],
    ),
    not_yet(
        94,
        "A member is replaced only while the others work",
        "members that work are not replaced by MOCO; a member that cannot work is",
        &[(
            ROLLING,
            "only_pods_that_cannot_run_are_replaced_and_none_above_them_that_works",
        )],
    ),
    not_yet(
        95,
        "A pause between the replacements of all clusters",
        "there is no rollout of members that work",
        &[],
    ),
    not_yet(
        96,
        "Each replacement is told by an event and a gauge",
        "there is no rollout of members that work",
        &[],
    ),
    same(
        97,
        "The annotation force-rolling-update leaves the rollout to Kubernetes",
        &[(
            RECONCILE,
            "a_change_is_left_to_kubernetes_when_a_person_says_so",
        )],
    ),
    not_yet(
        98,
        "A changed claim template makes the StatefulSet anew, and the pods stay",
        "the API server refuses the change of the StatefulSet, and the verdict says so",
        &[(RECONCILE, "what_failed_is_not_repeated_at_once")],
    ),
    same(
        99,
        "The owner reference of claim templates keeps its form",
        &[(
            OBJECTS,
            "the_objects_of_a_plain_cluster_change_only_on_purpose",
        )],
    ),
    not_yet(
        100,
        "Claims are made larger where their class allows it",
        "claims are not changed",
        &[],
    ),
    not_yet(
        101,
        "A claim that is larger than wanted is an error",
        "claims are not looked at",
        &[],
    ),
    not_yet(
        102,
        "A smaller claim template is for claims that are made later",
        "the template cannot be changed; a member without its claim is cloned",
        &[(
            super::PLANNER,
            "a_replica_whose_volume_was_lost_is_cloned_anew",
        )],
    ),
    not_yet(
        103,
        "Labels and annotations of the template are copied to claims",
        "claims are not changed",
        &[],
    ),
    not_yet(
        104,
        "Counters of enlarged claims and of sets made anew",
        "neither is done",
        &[],
    ),
    not_yet(
        105,
        "A disruption budget of half of the members, from 3 on; none while a backup runs",
        "a backup that runs, as there is none; the same for odd numbers, and for even ones as many as leave a primary and \
         the replicas that must acknowledge: 1 of 4, none of 2",
        &[
            (
                "crates/resources/src/pdb.rs",
                "an_eviction_leaves_enough_members_to_acknowledge",
            ),
            (STORY, "drain"),
        ],
    ),
];
