//! What is done about a cluster's members.

use super::clustering::{ERRANT, HANDS_OVER, ORDERS, TAKES_OVER, TOO_FEW, WATCH};
use super::{
    FAILOVER, FAULTS, MEMBERSHIP, PLANNER, Row, SERVER, STORY, SWITCHOVER, TABLES, better, not_yet,
    same,
};

const REPLICATION: &str = "crates/mysql/tests/real_mysqld/replication.rs";
const FENCE: &str = "crates/mysql/tests/real_mysqld/fence.rs";

pub(super) const ROWS: &[Row] = &[
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
        &[
            TAKES_OVER,
            (WATCH, "the_death_of_mysqld_is_told_at_once"),
            (STORY, "failover"),
        ],
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
                SWITCHOVER,
                "a_switchover_waits_for_a_target_and_is_given_up_in_time_with_the_primary_open",
            ),
            (FENCE, "what_goes_wrong_after_writes_were_stopped_is_undone"),
            (STORY, "switchover"),
            (STORY, "large"),
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
                MEMBERSHIP,
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
            (STORY, "scale"),
        ],
    ),
    better(
        181,
        "A broken replica is made anew by hand, by deleting claim and pod",
        "the same works; a replica that is errant, or lacks what was purged, is cloned anew by itself, unless a person \
         forbids it",
        &[
            (PLANNER, "a_replica_whose_volume_was_lost_is_cloned_anew"),
            (
                FAULTS,
                "a_replica_that_lacks_what_was_purged_is_cloned_anew",
            ),
            (STORY, "errant"),
        ],
    ),
    same(
        182,
        "A primary that lost its volume is replaced and cloned",
        &[(
            MEMBERSHIP,
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
            (STORY, "errant"),
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
            (STORY, "operator-faults"),
        ],
    ),
];
