//! Services and pods.

use super::{OBJECTS, Row, STORY, VALIDATE, better, differs, not_yet, same};

const PLAIN: (&str, &str) = (
    OBJECTS,
    "the_objects_of_a_plain_cluster_change_only_on_purpose",
);
const KEPT: (&str, &str) = (OBJECTS, "what_the_user_gives_is_kept_beside_what_moco_adds");
const SIDECARS: (&str, &str) = (
    OBJECTS,
    "containers_that_were_asked_for_are_there_with_what_they_need",
);

pub(super) const ROWS: &[Row] = &[
    same(
        77,
        "The headless Service names members also while they are not ready",
        &[PLAIN],
    ),
    same(
        78,
        "Services of primary and replicas: MOCO's ports and selector, and what the template adds",
        &[PLAIN, KEPT],
    ),
    same(
        79,
        "The StatefulSet starts pods in parallel, rolls by partition, and has none of them while the cluster is offline",
        &[
            PLAIN,
            (
                super::RECONCILE,
                "an_offline_cluster_has_no_pods_until_it_is_taken_up_again",
            ),
        ],
    ),
    same(
        80,
        "Pods: a ServiceAccount without rights, 300 seconds to end, group 10000, apart from each other where possible",
        &[PLAIN, KEPT],
    ),
    same(81, "The volumes of a pod", &[PLAIN, KEPT]),
    better(
        82,
        "All containers run as user 10000 unless they say otherwise",
        "and keep to the restricted Pod Security Standard",
        &[
            PLAIN,
            (
                "crates/resources/src/security.rs",
                "what_the_user_says_is_kept_and_fits_what_is_added",
            ),
        ],
    ),
    differs(
        83,
        "`mysqld` is the user's container with one more argument and a `preStop` of 20 seconds",
        "MOCO's `supervise` is its first process, so that the end of mysqld is known at once, and there is no fixed \
         pause: a primary hands over and leaves",
        &[
            PLAIN,
            (VALIDATE, "arguments_of_mysqld_become_options"),
            (
                "crates/agent/src/leave/tests.rs",
                "a_primary_says_that_it_leaves_and_goes_when_it_has_become_a_replica",
            ),
        ],
    ),
    differs(
        84,
        "Probes ask the agent; the user sets their times. Liveness fails when mysqld does not answer",
        "liveness asks the agent only: a mysqld that hangs is replaced as primary first, and killing it at once would \
         take that choice away",
        &[(
            "crates/resources/src/probes.rs",
            "the_user_sets_times_but_not_the_question",
        )],
    ),
    differs(
        85,
        "A container `agent` with 100m and 100Mi and all passwords in its environment",
        "the agent is a process beside mysqld and reads passwords from a volume that no other container can mount",
        &[PLAIN, (OBJECTS, "no_secret_is_in_what_everybody_may_read")],
    ),
    not_yet(
        86,
        "A container `slow-log` prints the slow query log; another image of fluent-bit alone restarts nothing",
        "it is made in this way where the operator was told the image; no story runs it",
        &[
            SIDECARS,
            (
                "crates/controller/src/reconcile/set.rs",
                "containers_of_others_keep_their_images_too_and_missing_ones_get_the_operators",
            ),
        ],
    ),
    not_yet(
        87,
        "A container `mysqld-exporter`, with collectors",
        "it is made where the operator was told the image, and sees no password but its own; no story runs it",
        &[SIDECARS],
    ),
    same(
        88,
        "An init container copies MOCO's program into the pod",
        &[PLAIN],
    ),
    differs(
        89,
        "An init container makes the data directory",
        "the agent makes it, after the controller has said that this member may be new: a volume that was lost is not \
         taken for a new one",
        &[(
            super::PLANNER,
            "a_primary_whose_volume_was_lost_is_never_initialised_again",
        )],
    ),
    same(90, "The user's init containers run after MOCO's", &[KEPT]),
    not_yet(
        91,
        "The user's other containers are kept; names of features that are off are free",
        "it is so; but MOCO's own beside them were not run with the real images yet, and where the operator was told no \
         image there is none",
        &[
            KEPT,
            (
                OBJECTS,
                "a_container_that_is_switched_off_is_not_there_and_its_name_is_free",
            ),
        ],
    ),
    same(
        92,
        "A pod is of the class Guaranteed when `mysqld` asks for what it is limited to",
        &[PLAIN, (STORY, "hello")],
    ),
];
