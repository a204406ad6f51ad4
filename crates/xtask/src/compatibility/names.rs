//! Words that other programs rely on.

use super::{CONSTANTS, OBJECTS, RECONCILE, Row, STORY, better, not_yet, same};

const WORDS: (&str, &str) = (CONSTANTS, "public_words_do_not_change_unnoticed");
const PLAIN: (&str, &str) = (
    OBJECTS,
    "the_objects_of_a_plain_cluster_change_only_on_purpose",
);

pub(super) const ROWS: &[Row] = &[
    same(62, "The labels of a cluster's objects", &[WORDS, PLAIN]),
    same(
        63,
        "The label `moco.cybozu.com/role` on pods",
        &[
            WORDS,
            (
                super::FAULTS,
                "labels_that_somebody_edited_are_set_back_and_decide_nothing",
            ),
        ],
    ),
    not_yet(
        64,
        "The annotations demote, secret-version, clustering-stopped, reconciliation-stopped, force-rolling-update, prevent-delete",
        "the last is obeyed, and set by nobody but people",
        &[
            WORDS,
            (STORY, "switchover"),
            (
                RECONCILE,
                "a_change_is_left_to_kubernetes_when_a_person_says_so",
            ),
        ],
    ),
    same(
        65,
        "The finalizer, and what is cleaned up",
        &[
            (RECONCILE, "a_deleted_cluster_takes_the_master_copy_along"),
            (STORY, "hello"),
        ],
    ),
    same(
        66,
        "Claims belong to the cluster and go with it, unless the user takes the reference off",
        &[PLAIN],
    ),
    not_yet(
        67,
        "The names of all objects",
        "those of the objects that exist are the same; jobs do not",
        &[
            PLAIN,
            (
                OBJECTS,
                "the_secrets_of_a_plain_cluster_change_only_on_purpose",
            ),
            (
                OBJECTS,
                "containers_that_were_asked_for_are_there_with_what_they_need",
            ),
            ("crates/api/src/names.rs", "the_hash_is_fnv_1a"),
        ],
    ),
    same(
        68,
        "The host name of a member",
        &[
            (
                "crates/model/src/ids.rs",
                "hosts_are_named_as_the_headless_service_serves_them",
            ),
            (
                OBJECTS,
                "a_pods_host_in_the_command_is_the_one_that_others_use",
            ),
        ],
    ),
    better(
        69,
        "The ports and their names",
        "the administrator's port is reached from inside the pod only",
        &[WORDS, PLAIN],
    ),
];
