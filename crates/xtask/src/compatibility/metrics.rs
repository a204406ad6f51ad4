//! Metrics and events.

use super::{CONSTANTS, REPORT, Row, STORY, not_yet, same};

const OPERATOR: (&str, &str) = (
    "crates/controller/src/metrics.rs",
    "the_names_that_dashboards_know_do_not_change_unnoticed",
);
const AGENT: (&str, &str) = (
    "crates/agent/src/metrics.rs",
    "the_page_names_cluster_and_member",
);
const DELAY: (&str, &str) = (
    "crates/agent/src/metrics.rs",
    "a_replica_tells_by_how_much_it_lags",
);
const WORDS: (&str, &str) = (CONSTANTS, "public_words_do_not_change_unnoticed");
const TOLD: (&str, &str) = (REPORT, "only_changes_of_members_are_told");
const ONCE: (&str, &str) = (
    "crates/controller/src/world/tests.rs",
    "an_event_is_told_once_for_a_new_verdict",
);

pub(super) const ROWS: &[Row] = &[
    same(
        219,
        "Counters of checks, errors, switchovers, failovers",
        &[OPERATOR],
    ),
    same(
        220,
        "Gauges available, healthy, replicas, ready_replicas, errant_replicas",
        &[OPERATOR],
    ),
    same(221, "A histogram of the time of a pass", &[OPERATOR]),
    not_yet(
        222,
        "Counters of enlarged volumes and of sets made anew",
        "neither is done",
        &[],
    ),
    same(
        223,
        "Gauges clustering_stopped and reconciliation_stopped",
        &[OPERATOR],
    ),
    not_yet(
        224,
        "Gauges current_replicas, updated_replicas, last_partition_updated",
        "the last is missing",
        &[OPERATOR],
    ),
    not_yet(
        225,
        "A counter of rollouts that had to wait",
        "there is no rollout of members that work",
        &[],
    ),
    not_yet(226, "Gauges of the last backup", "no backup is made", &[]),
    not_yet(227, "Metrics of the process itself", "there are none", &[]),
    same(228, "replication_delay_seconds, of replicas", &[DELAY]),
    not_yet(
        229,
        "clone_count and clone_failure_count",
        "they are called clone_total and clone_failure_total",
        &[AGENT, (STORY, "hello")],
    ),
    not_yet(
        230,
        "Summaries of the times of clones and log rotations",
        "a gauge of the last clone instead",
        &[AGENT],
    ),
    same(231, "clone_in_progress", &[AGENT]),
    not_yet(
        232,
        "Counters of log rotations",
        "logs are not rotated",
        &[],
    ),
    not_yet(
        233,
        "Metrics of gRPC and of mysqld_exporter; PodMonitors",
        "there are none",
        &[],
    ),
    not_yet(
        234,
        "InitCloned, InitCloneFailed",
        "there is no source outside of the cluster",
        &[WORDS],
    ),
    same(235, "SwitchOver, SwitchOverFailed", &[WORDS, ONCE]),
    same(236, "FailOver, FailOverFailed", &[WORDS, ONCE]),
    same(237, "Cloned, CloneFailed", &[WORDS, TOLD]),
    same(238, "Writable", &[WORDS, TOLD]),
    not_yet(
        239,
        "BackupCreated, BackupNoBinlog",
        "no backup is made",
        &[WORDS],
    ),
    not_yet(240, "Restored", "nothing is restored", &[WORDS]),
    not_yet(
        241,
        "PartitionUpdate",
        "there is no rollout of members that work",
        &[WORDS],
    ),
];
