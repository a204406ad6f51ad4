//! Members, controllers, clients and the API server do not hear each other.

use super::{Lacks, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        number: 33,
        fault: "Any cut between primary, replicas, controllers, clients and the API server, in both directions or in one",
        does: "A primary is replaced only when enough replicas do not hear it either. One that hears neither enough \
               followers nor a controller puts its clients out after five seconds. Without the API server nothing is \
               decided, and the primary goes on.",
        tests: &[
            "crates/planner/src/tests/failover.rs::silence_is_acted_upon_only_when_enough_replicas_share_it",
            "crates/planner/src/tests/failover.rs::without_enough_promises_the_primary_stays_and_the_missing_are_named",
            "crates/agent/src/alone/tests.rs::a_primary_that_hears_nobody_for_5_s_puts_its_clients_out_and_shows_it",
            "crates/agent/src/alone/tests.rs::enough_followers_or_a_controller_keep_it_open",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 34,
        fault: "Packets are lost or come late",
        does: "Calls have deadlines and are repeated; the bound on silence is four lost heartbeats.",
        tests: &[
            "crates/wire/src/tests/beats.rs::a_connection_that_broke_under_a_heartbeat_is_made_anew_by_the_same_call",
        ],
        lacks: Lacks::Part(
            "half of all packets lost, and jitter of seconds; false failovers are not counted.",
        ),
    },
    Row {
        number: 35,
        fault: "A megabit a second, while a member is cloned or a very large transaction is sent",
        does: "Orders, reports and heartbeats have connections of their own, and a source in the middle of a \
               transaction is not called silent.",
        tests: &[
            "crates/mysql/tests/real_mysqld/silence.rs::a_source_that_is_in_the_middle_of_a_transaction_is_not_silent_until_it_is_given_up",
        ],
        lacks: Lacks::Part("a narrow wire: the test cluster shapes no bandwidth."),
    },
    Row {
        number: 36,
        fault: "A partition comes and goes every few seconds for minutes",
        does: "Failovers on a guess do not follow each other closely: thirty seconds, then ever longer pauses.",
        tests: &[
            "crates/planner/src/tests/failover.rs::guesses_that_follow_each_other_are_held_up_and_facts_are_not",
        ],
        lacks: Lacks::Part("ten minutes of it, with the pauses counted."),
    },
    Row {
        number: 37,
        fault: "A peer is gone, and its connections look open",
        does: "Calls end at their deadline, and a connection that went silent is not used again; receivers give up \
               after `replica_net_timeout`.",
        tests: &[
            "crates/wire/src/tests/silence.rs::a_connection_that_went_silent_is_not_used_again",
            "crates/wire/src/tests/beats.rs::silence_is_a_timeout_and_no_evidence_of_death",
            "crates/mysql/tests/real_mysqld/silence.rs::a_frozen_source_grows_silent_and_one_that_goes_on_is_heard_at_once",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 38,
        fault: "An old name or address leads to another pod",
        does: "Both sides check whose certificate it is, and an answer of another member is refused. A receiver \
               believes a source only under its own name.",
        tests: &[
            "crates/wire/src/tests/beats.rs::another_member_at_the_address_is_not_the_one_called",
            "crates/wire/src/tests/identities.rs::a_client_says_nothing_to_a_member_of_another_cluster",
            "crates/agent/src/orders/tests.rs::an_order_for_another_member_or_an_older_membership_is_not_carried_out",
            "crates/mysql/tests/real_mysqld/replication.rs::a_source_with_another_name_in_its_certificate_is_not_followed",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 39,
        fault: "Small packets pass and large ones do not",
        does: "Heartbeats are small and would pass. Commits do not end, which is seen at the primary itself.",
        tests: &[],
        lacks: Lacks::All(
            "the test cluster has no wire with such a limit, and no heartbeat has a full frame.",
        ),
    },
    Row {
        number: 40,
        fault: "A network policy of the user keeps the operator from its members",
        does: "The verdict says which member cannot be reached and with which error; nothing is changed while replicas \
               hear the primary.",
        tests: &[],
        lacks: Lacks::All("a real network policy; no verdict names it."),
    },
    Row {
        number: 41,
        fault: "Clients stay connected to the old primary",
        does: "Their writes are acknowledged by nobody. Their sessions end when the old primary is ended, or puts its \
               clients out because it hears nobody.",
        tests: &[
            "crates/agent/src/alone/tests.rs::a_primary_that_hears_nobody_for_5_s_puts_its_clients_out_and_shows_it",
            "crates/mysql/tests/real_mysqld/replication.rs::a_client_that_is_put_out_while_its_commit_waits_is_not_told_ok",
            "crates/mysql/tests/real_mysqld/fence.rs::a_fenced_primary_has_no_clients_and_no_commit_that_waits_and_keeps_its_replicas",
        ],
        lacks: Lacks::Nothing,
    },
    Row {
        number: 42,
        fault: "A TLS handshake is slow, or fails on one side",
        does: "It has a deadline, and delays nobody else; the side that is refused says why.",
        tests: &[
            "crates/wire/src/tests/silence.rs::a_silent_peer_is_closed_when_its_time_is_over",
            "crates/wire/src/tests/silence.rs::silent_peers_delay_no_other",
            "crates/wire/src/tests/identities.rs::a_client_of_a_foreign_authority_is_refused_and_told_so",
        ],
        lacks: Lacks::Nothing,
    },
];
