//! Command lines.

use super::{OBJECTS, RECONCILE, Row, STORY, better, differs, not_yet, same};

const CLI: &str = "crates/plugin/src/cli/tests.rs";

pub(super) const PROGRAMS: &[Row] = &[
    not_yet(
        208,
        "The flags of moco-controller",
        "addresses, namespace, images and watched namespace can be given, most by other names; throttles, history and \
         copied labels of claims cannot",
        &[(super::INSTALL, "the_installation_changes_only_on_purpose")],
    ),
    differs(
        209,
        "Hidden variables that change pauses, for tests",
        "there are none: tests of time run in a simulator",
        &[(
            "crates/sim/tests/stories.rs",
            "the_same_seed_gives_the_same_run_letter_for_letter",
        )],
    ),
    not_yet(
        210,
        "The flags of moco-backup",
        "there is no such program",
        &[],
    ),
    not_yet(211, "`moco-backup backup`", "there is no such program", &[]),
    not_yet(
        212,
        "`moco-backup restore`",
        "there is no such program",
        &[],
    ),
    differs(
        213,
        "The flags of moco-agent and moco-init",
        "they are between MOCO's own programs",
        &[(
            OBJECTS,
            "a_pods_host_in_the_command_is_the_one_that_others_use",
        )],
    ),
];

pub(super) const PLUGIN: &[Row] = &[
    same(
        214,
        "The usual flags of kubectl, and completion",
        &[
            (
                "crates/plugin/src/connection.rs",
                "kubectl_gets_the_flags_that_were_given_and_no_other",
            ),
            (
                "crates/plugin/src/complete/tests.rs",
                "clusters_are_offered_where_a_cluster_is_meant_and_looked_for_where_the_flags_say",
            ),
        ],
    ),
    same(
        215,
        "`mysql CLUSTER`",
        &[
            (
                CLI,
                "what_follows_two_dashes_is_for_mysql_and_connection_flags_stand_anywhere",
            ),
            (
                "crates/plugin/src/mysql.rs",
                "kubectl_is_called_with_the_option_file_of_the_account_and_the_rest_as_given",
            ),
        ],
    ),
    same(
        216,
        "`credential CLUSTER`",
        &[
            (CLI, "credential_works_with_and_without_the_word_show"),
            (
                "crates/plugin/src/credential.rs",
                "the_password_is_printed_alone_or_as_an_option_file",
            ),
        ],
    ),
    better(
        217,
        "`switchover CLUSTER`",
        "it waits for the end, says why when there is none, and can name the member",
        &[
            (
                "crates/plugin/src/switchover/tests.rs",
                "it_is_done_when_the_new_primary_was_seen_to_take_writes",
            ),
            (STORY, "switchover"),
        ],
    ),
    same(
        218,
        "`stop` and `start` of `clustering` and `reconciliation`",
        &[
            (CLI, "stop_and_start_take_the_words_they_always_took"),
            (
                "crates/plugin/src/pause.rs",
                "what_runs_is_stopped_by_an_annotation_of_its_own",
            ),
            (RECONCILE, "nothing_changes_while_reconciliation_is_stopped"),
        ],
    ),
];
