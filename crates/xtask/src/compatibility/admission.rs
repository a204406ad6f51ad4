//! What is refused before it is stored, and what is filled in.

use super::{INSTALL, OBJECTS, RECONCILE, Row, STORY, VALIDATE, better, differs, not_yet, same};

const REFUSED: (&str, &str) = (
    VALIDATE,
    "each_mistake_is_answered_by_a_sentence_that_names_the_field",
);

pub(super) const ROWS: &[Row] = &[
    differs(
        54,
        "A webhook adds the finalizer and a random `serverIDBase` at creation",
        "there is no webhook that could stand in the way while the operator is down: the controller adds the finalizer \
         before it makes anything, and the number is computed",
        &[
            (VALIDATE, "the_servers_numbers_depend_on_the_object_alone"),
            (
                RECONCILE,
                "a_new_cluster_gets_its_objects_in_the_order_in_which_pods_need_them",
            ),
        ],
    ),
    better(
        55,
        "A name has at most 40 characters",
        "and no dot; the API server itself refuses it",
        &[REFUSED, (STORY, "refused")],
    ),
    better(
        56,
        "What a spec must have and which names are reserved",
        "the API server itself refuses, and every mistake is told at once, of whatever kind",
        &[
            REFUSED,
            (VALIDATE, "all_mistakes_are_told_at_once"),
            (
                "crates/resources/tests/definitions/mutations.rs",
                "every_mutation_of_a_cluster_becomes_objects_or_is_refused_by_name",
            ),
            (STORY, "refused"),
        ],
    ),
    not_yet(
        57,
        "What may not change: fewer replicas, the source, the restore; a volume grows only where its class allows it",
        "whether a volume's class allows it to grow is not looked at; the number of members may be made smaller",
        &[
            (
                "crates/resources/tests/definitions/mutations.rs",
                "fields_that_must_not_change_later_have_a_rule_of_the_api_server",
            ),
            (STORY, "scale"),
        ],
    ),
    same(
        58,
        "A cluster with data can be deleted, and its data goes with it",
        &[
            (RECONCILE, "a_deleted_cluster_takes_the_master_copy_along"),
            (
                OBJECTS,
                "the_objects_of_a_plain_cluster_change_only_on_purpose",
            ),
        ],
    ),
    better(
        59,
        "A BackupPolicy that is in use cannot be deleted",
        "the API server itself refuses it, whether or not the operator runs",
        &[
            (INSTALL, "what_the_api_server_refuses_is_put_into_force"),
            (STORY, "refused"),
        ],
    ),
    differs(
        60,
        "A webhook sets the partition of a StatefulSet whenever anything of it changes",
        "the controller writes the partition together with the template, so no webhook stands in the way while the \
         operator is down",
        &[(
            OBJECTS,
            "pods_follow_the_facts_and_nothing_restarts_by_itself",
        )],
    ),
    better(
        61,
        "A policy of the API server refuses to delete a pod with the annotation `prevent-delete`",
        "it is about MOCO's pods only, so that it is in nobody else's way",
        &[
            (INSTALL, "what_the_api_server_refuses_is_put_into_force"),
            (STORY, "refused"),
        ],
    ),
];
