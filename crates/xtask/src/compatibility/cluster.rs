//! The fields of `MySQLCluster` and `BackupPolicy`.

use super::{OBJECTS, REPORT, Row, STORY, VALIDATE, better, differs, not_yet, same};

const POLICY_TESTS: &str = "crates/api/src/validate/policy/tests.rs";
/// What is there of fields that jobs would follow.
const JOB: &str = "no job is made. The API server checks the form; of `restore` the controller checks the rest too. The \
                   full check of a BackupPolicy is written, and nothing reads one yet";
/// What is there of fields that only a BackupPolicy has.
const FORM: &str = "no job is made. The API server checks the form; the full check is written, and nothing reads a policy yet";
const DEFAULTS: (&str, &str) = (POLICY_TESTS, "what_is_left_out_has_the_defaults_of_moco");
const TAKEN: (&str, &str) = (POLICY_TESTS, "what_is_given_is_taken");
const REFUSED_JOB: (&str, &str) = (
    POLICY_TESTS,
    "each_mistake_is_answered_by_a_sentence_that_names_the_field",
);
const CRON: (&str, &str) = ("crates/api/src/cron.rs", "schedules_of_users_are_taken");
const SIDECARS: (&str, &str) = (
    OBJECTS,
    "containers_that_were_asked_for_are_there_with_what_they_need",
);
const LACKS: (&str, &str) = (OBJECTS, "what_lacks_its_image_is_told_and_nothing_else");
const UNCHANGED: (&str, &str) = (
    "crates/resources/tests/definitions/mutations.rs",
    "fields_that_must_not_change_later_have_a_rule_of_the_api_server",
);
const WATCHED: &str = "crates/controller/src/watch/seen.rs";
const MEMBERS: &str = "crates/controller/src/report/members.rs";
const KEPT: (&str, &str) = (OBJECTS, "what_the_user_gives_is_kept_beside_what_moco_adds");
const NO_EFFECT: (&str, &str) = (VALIDATE, "fields_without_effect_are_listed");
const REFUSED: (&str, &str) = (
    VALIDATE,
    "each_mistake_is_answered_by_a_sentence_that_names_the_field",
);

pub(super) const SPEC: &[Row] = &[
    better(
        11,
        "`replicas`, 1 by default: odd, and never made smaller",
        "even numbers are allowed, up to 31, and smaller ones later: the last members leave, and a primary among them hands \
         over first",
        &[
            REFUSED,
            (
                super::PLANNER,
                "every_even_and_odd_size_becomes_healthy_and_grows",
            ),
            (
                super::MEMBERSHIP,
                "members_are_removed_in_order_and_the_primary_hands_over_first",
            ),
            (STORY, "scale"),
        ],
    ),
    same(
        12,
        "`podTemplate.metadata`: labels and annotations of the pods; MOCO's own labels win",
        &[KEPT],
    ),
    better(
        13,
        "`podTemplate.spec`: a PodSpec of which every field is optional, with a container `mysqld`",
        "a field that this version does not know is named in a condition instead of being lost",
        &[KEPT, REFUSED, NO_EFFECT],
    ),
    differs(
        14,
        "`podTemplate.overwriteContainers` replaces resources and security of generated containers",
        "the same for `copy-moco-init`, `slow-log` and `mysqld-exporter`; `agent` and `moco-init` do their work inside \
         `mysqld`, so that overwriting them has no effect, which a condition says",
        &[KEPT, SIDECARS, NO_EFFECT],
    ),
    same(
        15,
        "`volumeClaimTemplates`: one is `mysql-data`, each asks for storage; access mode and volume mode have defaults",
        &[
            REFUSED,
            (
                OBJECTS,
                "the_objects_of_a_plain_cluster_change_only_on_purpose",
            ),
        ],
    ),
    same(
        16,
        "`primaryServiceTemplate` and `replicaServiceTemplate`; the selector and MySQL's ports are MOCO's",
        &[KEPT],
    ),
    not_yet(
        17,
        "`mysqlConfigMapName`: a ConfigMap of options of mysqld; an edit is rolled out",
        "an edit is seen at once and makes another my.cnf; members that work take it up when their pod is made anew",
        &[
            (WATCHED, "a_config_map_wakes_the_clusters_that_use_it_now"),
            (OBJECTS, "the_same_input_gives_the_same_objects"),
        ],
    ),
    not_yet(
        18,
        "`replicationSourceSecretName`: given at creation, later only taken out",
        "the field is checked in this way; a cluster that has it is not started, and says why",
        &[NO_EFFECT, UNCHANGED],
    ),
    not_yet(
        19,
        "`collectors` of mysqld_exporter add its container",
        "it is made where the operator was told its image, and a condition says so where it was not; no story runs it",
        &[SIDECARS, LACKS],
    ),
    differs(
        20,
        "`serverIDBase`: 0 at creation becomes a random number; member i has base + i; it may be changed",
        "0 stands for a number that is computed from the object, so that nothing has to be written back. A change is \
         refused: a member skips what carries its own number, so one that gets the former number of another may lack \
         what that one wrote",
        &[
            (VALIDATE, "the_servers_numbers_depend_on_the_object_alone"),
            UNCHANGED,
            (STORY, "refused"),
        ],
    ),
    same(
        21,
        "`maxDelaySeconds`, 60: a replica that lags more is not ready; 0 lets lag not matter",
        &[(
            "crates/agent/src/probes.rs",
            "a_replica_is_ready_only_while_it_replicates_without_much_lag",
        )],
    ),
    not_yet(
        22,
        "`maxDelaySecondsForPodDeletion`: more lag blocks a switchover and the deletion of the primary's pod",
        "no effect, and a condition says so",
        &[NO_EFFECT],
    ),
    same(
        23,
        "`startupWaitSeconds`, 3600: the time that mysqld may take to start",
        &[(
            "crates/resources/src/probes.rs",
            "the_startup_budget_is_what_the_user_says",
        )],
    ),
    not_yet(
        24,
        "`logRotationSchedule`: when the slow query log is rotated",
        "the slow query log is not rotated, and a condition says so",
        &[NO_EFFECT],
    ),
    not_yet(
        25,
        "`logRotationSize`: at which size it is rotated",
        "the slow query log is not rotated, and a condition says so",
        &[NO_EFFECT],
    ),
    not_yet(
        26,
        "`backupPolicyName`: the policy by which backups are made",
        "no backup is made, and a condition says so",
        &[NO_EFFECT],
    ),
    not_yet(
        27,
        "`restore`: given at creation, never changed",
        "the field is checked in this way, and its `jobConfig` can be mended; a cluster that has it is not started, and says why",
        &[NO_EFFECT, UNCHANGED],
    ),
    not_yet(
        28,
        "`disableSlowQueryLogContainer` leaves the container out that prints the slow query log",
        "it does so; but the container was not run with the real image yet, and where the operator was told no image there \
         is none",
        &[(
            OBJECTS,
            "a_container_that_is_switched_off_is_not_there_and_its_name_is_free",
        )],
    ),
    differs(
        29,
        "`slowQueryLogConfigTmpl`: a template of that container's configuration, in Go's language",
        "`{{ .Path }}` and comments are understood; anything else is refused instead of failing later",
        &[
            (VALIDATE, "containers_that_moco_adds_are_as_the_user_asked"),
            (
                "crates/api/src/template.rs",
                "what_is_not_understood_is_named",
            ),
        ],
    ),
    not_yet(
        30,
        "The fields of `restore`: source, moment, job, schemas, accounts",
        "they are checked; nothing is restored",
        &[(VALIDATE, "where_the_first_data_comes_from_is_read")],
    ),
    differs(
        31,
        "`agentUseLocalhost` lets the agent and the administrator's port use localhost",
        "accepted and without effect, which a condition says: the agent uses a local socket, and the administrator's \
         port is bound to localhost in every cluster",
        &[NO_EFFECT],
    ),
    better(
        32,
        "`initializeTimezoneData` loads the time zone tables",
        "they are always loaded",
        &[(super::SERVER, "time_zones_are_those_of_the_world")],
    ),
    same(
        33,
        "`offline` takes the pods away and keeps the data; there is no disruption budget meanwhile",
        &[
            (
                super::RECONCILE,
                "an_offline_cluster_has_no_pods_until_it_is_taken_up_again",
            ),
            (OBJECTS, "a_cluster_without_pods_has_no_disruption_budget"),
        ],
    ),
];

pub(super) const JOBS: &[Row] = &[
    not_yet(
        34,
        "`jobConfig.serviceAccountName` is needed, and is given a Role",
        JOB,
        &[DEFAULTS, REFUSED_JOB],
    ),
    not_yet(
        35,
        "`bucketConfig.bucketName` is needed, and may name an environment variable",
        JOB,
        &[TAKEN, REFUSED_JOB],
    ),
    not_yet(
        36,
        "Region, endpoint, path style, kind of store, authority",
        JOB,
        &[TAKEN, REFUSED_JOB],
    ),
    not_yet(37, "`workVolume` is needed", JOB, &[DEFAULTS, REFUSED_JOB]),
    not_yet(38, "`threads`, 4", JOB, &[DEFAULTS, REFUSED_JOB]),
    not_yet(
        39,
        "`cpu` 4, `maxCpu`, `memory` 4Gi, `maxMemory`",
        JOB,
        &[DEFAULTS, TAKEN, REFUSED_JOB],
    ),
    not_yet(
        40,
        "Environment, affinity and volumes of the job",
        JOB,
        &[TAKEN, REFUSED_JOB],
    ),
];

pub(super) const STATUS: &[Row] = &[
    better(
        41,
        "Seven types of conditions",
        "and four more: fields and options without effect, a cluster or volumes of somebody else; the verdict in one \
         sentence stands beside them",
        &[(REPORT, "every_problem_is_said_where_health_is_denied")],
    ),
    better(
        42,
        "`currentPrimaryIndex` says who is primary, and decides it",
        "it says so; what decides is `register`, written by compare-and-swap, which people cannot break by an edit of the index",
        &[(
            "crates/controller/src/world/tests.rs",
            "the_register_is_written_when_it_is_what_was_expected",
        )],
    ),
    same(
        43,
        "`syncedReplicas`: the number of ready pods",
        &[(REPORT, "a_cluster_is_healthy_only_when_its_pods_are_ready")],
    ),
    same(
        44,
        "`errantReplicas` and their list, which is kept while the primary cannot be asked",
        &[
            (
                REPORT,
                "errant_replicas_are_remembered_while_the_primary_cannot_be_asked",
            ),
            (
                MEMBERS,
                "errant_transactions_are_counted_against_the_primary_only_while_it_answers",
            ),
        ],
    ),
    not_yet(
        45,
        "`backup`: what the last backup was",
        "the fields are kept and can be read; nothing writes them",
        &[(VALIDATE, "a_status_written_by_the_go_program_can_be_read")],
    ),
    not_yet(46, "`restoredTime`", "nothing writes it", &[]),
    not_yet(47, "`cloned`", "nothing writes it", &[]),
    same(
        48,
        "`reconcileInfo`: which manifest was last turned into objects, and by which rules",
        &[(
            REPORT,
            "what_was_said_of_objects_stays_until_they_are_looked_at_again",
        )],
    ),
];

pub(super) const POLICY: &[Row] = &[
    not_yet(49, "`schedule`: cron, checked", FORM, &[CRON, REFUSED_JOB]),
    not_yet(50, "`timeZone`", FORM, &[TAKEN, REFUSED_JOB]),
    not_yet(51, "`jobConfig`", FORM, &[DEFAULTS, TAKEN, REFUSED_JOB]),
    not_yet(
        52,
        "Deadlines, retries and history of the jobs",
        FORM,
        &[TAKEN, REFUSED_JOB],
    ),
    not_yet(53, "`concurrencyPolicy`", FORM, &[DEFAULTS, REFUSED_JOB]),
];
