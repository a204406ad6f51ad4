//! How members are looked at, what is decided, and what is done.

use super::{
    FAILOVER, FAULTS, PLANNER, REPORT, Row, SERVER, STORY, TABLES, better, differs, not_yet, same,
};

const GATHER: &str = "crates/pass/src/gather.rs";
const WATCH: &str = "crates/agent/src/watch/tests.rs";
const ORDERS: &str = "crates/agent/src/orders/tests.rs";
const REPLICATION: &str = "crates/mysql/tests/real_mysqld/replication.rs";
const FENCE: &str = "crates/mysql/tests/real_mysqld/fence.rs";
const ERRANT: (&str, &str) = (
    TABLES,
    "errant_transactions_keep_a_detached_replica_detached",
);
const HANDS_OVER: (&str, &str) = (
    FAILOVER,
    "a_primary_that_is_asked_to_leave_hands_over_without_a_restart",
);
const TAKES_OVER: (&str, &str) = (
    FAILOVER,
    "when_mysqld_of_the_primary_ends_another_member_takes_over_and_it_comes_back_without_a_clone",
);
const TOO_FEW: (&str, &str) = (
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
            FAILOVER,
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
        "fewer are enough: those that make every acknowledged commit known, one of two replicas in a cluster of three",
        &[TAKES_OVER, (STORY, "failover")],
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
            FAILOVER,
            "a_primary_without_its_volume_is_replaced_and_cloned",
        )],
    ),
    better(
        167,
        "A switchover is asked for by deletion of the primary's pod or by an annotation; the lowest ordinal is taken",
        "and by eviction; the member with least to catch up is taken, or the one that is named",
        &[
            HANDS_OVER,
            (FAILOVER, "the_member_that_is_asked_to_lead_leads"),
            (STORY, "switchover"),
        ],
    ),
];

pub(super) const ACTIONS: &[Row] = &[
    same(
        168,
        "Nothing is done while a cluster is offline, restored or lost",
        &[
            (TABLES, "stopped_and_offline_clusters_are_left_alone"),
            TOO_FEW,
        ],
    ),
    not_yet(
        169,
        "The primary is cloned from the source outside",
        "there is no such source",
        &[],
    ),
    same(
        170,
        "Healthy: a switchover where it is asked for",
        &[HANDS_OVER],
    ),
    same(
        171,
        "Degraded: the same, or repair",
        &[
            HANDS_OVER,
            (PLANNER, "a_restarted_replica_is_back_without_a_clone"),
        ],
    ),
    better(
        172,
        "Failed: failover",
        "at once when mysqld has ended, which is a fact; in seconds when it is silent",
        &[TAKES_OVER, (WATCH, "the_death_of_mysqld_is_told_at_once")],
    ),
    same(
        173,
        "Everything else: repair",
        &[(PLANNER, "crashes_at_any_step_are_survived")],
    ),
    better(
        174,
        "Switchover: read-only, connections killed, candidate waits up to 50 s, primary changed",
        "the primary is looked at before it is closed, closing is bounded, and one that cannot be finished in time leaves it open",
        &[
            (
                FAILOVER,
                "a_switchover_waits_for_a_target_and_is_given_up_in_time_with_the_primary_open",
            ),
            (FENCE, "what_goes_wrong_after_writes_were_stopped_is_undone"),
            (STORY, "switchover"),
        ],
    ),
    better(
        175,
        "Repair: labels, primary, replicas one after the other, labels, open",
        "the primary is opened as soon as enough replicas acknowledge, and a replica that fails delays no other",
        &[
            (
                PLANNER,
                "a_primary_that_nobody_can_replace_gets_a_new_epoch_and_opens_only_behind_the_barrier",
            ),
            (
                FAILOVER,
                "a_member_that_cannot_be_filled_keeps_no_other_from_following",
            ),
        ],
    ),
    better(
        176,
        "A replica is pointed at its source with auto-position",
        "over TLS that checks the source's name, and without losing what it has received",
        &[
            (
                REPLICATION,
                "a_replica_follows_over_verified_tls_acknowledges_and_passes_offline_mode",
            ),
            (
                REPLICATION,
                "received_transactions_survive_a_crash_of_the_replica_and_a_repoint",
            ),
        ],
    ),
    better(
        177,
        "Failover: receivers stopped, the most advanced replica taken, drained, recorded",
        "each replica promises on its disk first; sets that cannot be compared are no obstacle when one member can have all",
        &[
            (
                FAILOVER,
                "the_winner_holds_everything_that_the_others_hold_and_applies_it_first",
            ),
            (
                ORDERS,
                "a_promise_is_on_disk_before_the_receiver_is_stopped",
            ),
        ],
    ),
    better(
        178,
        "Why nothing acknowledged is lost: acknowledgements of half, receivers stopped at more than half",
        "the same argument, kept through crashes of operator, agents and disks, and searched for holes by a simulator",
        &[
            (
                "crates/model/src/quorum.rs",
                "any_w_acks_and_r_promises_meet",
            ),
            (
                "crates/sim/tests/stories.rs",
                "every_story_holds_and_goes_as_it_was_kept",
            ),
        ],
    ),
    same(
        179,
        "Connections are killed, MOCO's own apart",
        &[(SERVER, "clients_are_put_out_and_the_administrator_stays")],
    ),
    better(
        180,
        "A cluster grows: new members are cloned one after the other",
        "and count only when they acknowledge, so that writes do not wait for clones",
        &[
            (
                PLANNER,
                "growing_from_one_to_three_clones_and_counts_newcomers_only_when_they_acknowledge",
            ),
            (STORY, "hello"),
        ],
    ),
    better(
        181,
        "A broken replica is made anew by hand, by deleting claim and pod",
        "the same works; a replica that lacks what was purged is cloned anew by itself",
        &[
            (PLANNER, "a_replica_whose_volume_was_lost_is_cloned_anew"),
            (
                FAULTS,
                "a_replica_that_lacks_what_was_purged_is_cloned_anew",
            ),
        ],
    ),
    same(
        182,
        "A primary that lost its volume is replaced and cloned",
        &[(
            FAILOVER,
            "a_primary_without_its_volume_is_replaced_and_cloned",
        )],
    ),
    not_yet(
        183,
        "Replication from outside ends when the Secret's name is taken out",
        "there is no such replication",
        &[],
    ),
    same(
        184,
        "Offline: no pods and no disruption budget; taken up again, it starts as it was",
        &[(
            super::RECONCILE,
            "an_offline_cluster_has_no_pods_until_it_is_taken_up_again",
        )],
    ),
    better(
        185,
        "An errant replica loses its label; a primary whose mysqld restarts is opened again; others may replicate from the cluster",
        "a primary whose mysqld ends is replaced, if another can take over, and comes back as a replica without a clone",
        &[
            ERRANT,
            TAKES_OVER,
            (
                REPLICATION,
                "a_drained_replica_is_opened_and_the_old_primary_follows_it",
            ),
        ],
    ),
    better(
        186,
        "One operator leads; a deposed one ends its process",
        "nothing is written once the lease may be another's",
        &[
            (
                "crates/controller/src/lease/tests.rs",
                "nobody_takes_over_while_the_leader_may_act",
            ),
            (
                "crates/controller/src/world/tests.rs",
                "nothing_is_written_when_the_lease_is_over",
            ),
        ],
    ),
];
