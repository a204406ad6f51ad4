//! How members are looked at, and what is seen in them.

use super::{
    FAILOVER, MEMBERSHIP, PLANNER, REPORT, Row, STORY, SWITCHOVER, TABLES, better, differs,
    not_yet, same,
};

const GATHER: &str = "crates/pass/src/gather.rs";
pub(super) const WATCH: &str = "crates/agent/src/watch/tests.rs";
pub(super) const ORDERS: &str = "crates/agent/src/orders/tests.rs";
pub(super) const ERRANT: (&str, &str) = (
    TABLES,
    "errant_transactions_keep_a_detached_replica_detached",
);
pub(super) const HANDS_OVER: (&str, &str) = (
    SWITCHOVER,
    "a_primary_that_is_asked_to_leave_hands_over_without_a_restart",
);
pub(super) const TAKES_OVER: (&str, &str) = (
    FAILOVER,
    "when_mysqld_of_the_primary_ends_another_member_takes_over_and_it_comes_back_without_a_clone",
);
pub(super) const TOO_FEW: (&str, &str) = (
    FAILOVER,
    "without_enough_promises_the_primary_stays_and_the_missing_are_named",
);

pub(super) const LOOP: &[Row] = &[
    better(
        149,
        "Each cluster is looked at once a minute, and when something is seen to happen",
        "what happens is told by the agents at once, and the minute is for what nobody told",
        &[
            (WATCH, "the_death_of_mysqld_is_told_at_once"),
            (
                "crates/controller/src/clusters/task.rs",
                "what_has_lasted_long_is_looked_at_less_often",
            ),
        ],
    ),
    differs(
        150,
        "The order of a pass: gather, status, annotation, act",
        "gather, decide, act, and then report: everybody waits while a primary is missing",
        &[(
            "crates/pass/src/act.rs",
            "what_follows_a_record_that_failed_is_not_done",
        )],
    ),
    better(
        151,
        "A pass needs every pod to be there",
        "a member that is missing is a fact like any other, and the others are looked after",
        &[
            (
                "crates/controller/src/world/facts/tests.rs",
                "an_agent_is_where_its_pod_is_or_there_is_a_reason",
            ),
            (
                TABLES,
                "a_fault_of_one_replica_is_shown_and_does_not_stop_the_others",
            ),
        ],
    ),
    differs(
        152,
        "The operator logs in to every MySQL in every pass",
        "it never logs in: agents do, over a local socket, and report",
        &[(
            "crates/xtask/tests/architecture/source_rules.rs",
            "statements_for_mysqld_are_in_one_crate_only",
        )],
    ),
    better(
        153,
        "Members are asked in parallel, each three times, three seconds apart",
        "all at once, and none that is silent delays another",
        &[
            (
                "crates/wire/src/tests/silence.rs",
                "silent_peers_delay_no_other",
            ),
            (
                GATHER,
                "while_clients_wait_a_silent_member_is_not_waited_for_and_the_others_are",
            ),
        ],
    ),
    same(
        154,
        "The primary is asked last, so that its set is the newest",
        &[(
            TABLES,
            "a_replica_may_be_ahead_in_what_the_primary_itself_wrote",
        )],
    ),
    not_yet(
        155,
        "A replica that lags too much protects the primary's pod from deletion",
        "the lag is not compared with `maxDelaySecondsForPodDeletion`; a switchover waits for a target that is not far behind",
        &[(
            SWITCHOVER,
            "a_switchover_waits_for_a_target_and_is_given_up_in_time_with_the_primary_open",
        )],
    ),
    same(
        156,
        "A replica with transactions that the primary lacks is errant, its own leftovers apart",
        &[
            ERRANT,
            (
                TABLES,
                "a_replica_may_be_ahead_in_what_the_primary_itself_wrote",
            ),
            (STORY, "errant"),
        ],
    ),
    better(
        157,
        "A former primary that still waits for acknowledgements counts as unreachable",
        "it is ended before it may follow, so that none of its commits is answered wrongly",
        &[(
            ORDERS,
            "a_former_primary_does_not_follow_while_it_is_open_or_commits_wait",
        )],
    ),
];

pub(super) const STATES: &[Row] = &[
    same(
        158,
        "Offline",
        &[(TABLES, "stopped_and_offline_clusters_are_left_alone")],
    ),
    not_yet(
        159,
        "Cloning from a source outside of the cluster",
        "there is no such source",
        &[],
    ),
    not_yet(160, "Restoring", "nothing is restored", &[]),
    same(
        161,
        "Healthy: all members work and are ready",
        &[
            (
                PLANNER,
                "a_healthy_cluster_has_no_steps_and_the_same_observation_gives_the_same_decision",
            ),
            (REPORT, "a_cluster_is_healthy_only_when_its_pods_are_ready"),
        ],
    ),
    better(
        162,
        "Degraded: the primary works with enough replicas",
        "Available stays True, and the verdict names what is wrong in one sentence",
        &[(REPORT, "every_problem_is_said_where_health_is_denied")],
    ),
    better(
        163,
        "Failed: the primary is gone, and more than half of all members, without it, are left",
        "as many are needed, so that one of them holds every acknowledged commit; each promises on its disk, and one that \
         may have lost what it acknowledged does not count",
        &[
            TAKES_OVER,
            (
                FAILOVER,
                "the_promise_of_a_member_that_does_not_count_is_not_enough",
            ),
            (STORY, "failover"),
        ],
    ),
    better(
        164,
        "Lost: too few are left, and nothing is done",
        "the members that are missing are named; when they come back nothing is lost, and a person may force it",
        &[TOO_FEW, (STORY, "lost")],
    ),
    differs(
        165,
        "Incomplete: everything else",
        "there is no rest: each problem has a name, a page, and a remedy where there is one",
        &[
            (
                TABLES,
                "the_table_has_every_problem_once_in_order_of_priority",
            ),
            (TABLES, "other_problems_are_recognised_by_code"),
        ],
    ),
    better(
        166,
        "A primary whose data is gone is told from an empty cluster by its replicas' sets",
        "by a small file on each volume, so that an empty cluster can fail over too",
        &[(
            MEMBERSHIP,
            "a_primary_without_its_volume_is_replaced_and_cloned",
        )],
    ),
    better(
        167,
        "A switchover is asked for by deletion of the primary's pod or by an annotation; the lowest ordinal is taken",
        "and by eviction; the member with least to catch up is taken, or the one that is named",
        &[
            HANDS_OVER,
            (SWITCHOVER, "the_member_that_is_asked_to_lead_leads"),
            (STORY, "switchover"),
            (STORY, "drain"),
        ],
    ),
];
