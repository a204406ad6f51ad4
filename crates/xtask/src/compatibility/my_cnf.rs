//! The file my.cnf.

use super::{CONFIG, OBJECTS, Row, better, differs, same};

const FILE: (&str, &str) = (CONFIG, "the_file_changes_only_on_purpose");
const PRUNE: &str = "crates/controller/src/reconcile/prune.rs";
const TOLD: (&str, &str) = (
    CONFIG,
    "options_that_are_not_passed_on_as_given_are_told_with_the_reason",
);
const REAL: (&str, &str) = (
    "crates/resources/tests/real_config.rs",
    "mysqld_accepts_the_file_whatever_known_options_a_user_gives",
);

pub(super) const ROWS: &[Row] = &[
    same(
        114,
        "Defaults, then the user's options, then what is forced; `-` and `_` mean the same, and so does `loose_`",
        &[
            (
                CONFIG,
                "a_users_option_replaces_a_default_however_it_is_spelt",
            ),
            (
                CONFIG,
                "no_spelling_of_what_moco_depends_on_reaches_the_file",
            ),
        ],
    ),
    better(
        115,
        "`log_bin`, `log_error` and their opposites are dropped in silence",
        "every option that has no effect is named in a condition, with the reason",
        &[TOLD],
    ),
    better(
        116,
        "`_include`: text that is pasted as it is",
        "lines that would undo what safety depends on become comments, and are told",
        &[
            (CONFIG, "text_to_include_cannot_reach_another_section"),
            TOLD,
        ],
    ),
    same(
        117,
        "`lower_case_table_names` counts when the data directory is made",
        &[(
            "crates/agent/src/host/real/mysqld.rs",
            "options_that_count_at_creation_are_taken_over",
        )],
    ),
    same(
        118,
        "The buffer pool is 70 % of the memory that `mysqld` asks for",
        &[(
            "crates/resources/src/config/defaults.rs",
            "the_buffer_pool_is_most_of_the_memory",
        )],
    ),
    better(
        119,
        "The ConfigMap's name holds a hash of the file; ten old ones are kept",
        "and none is removed while a pod of an old template may be made again",
        &[
            (PRUNE, "the_oldest_go_and_the_current_one_stays"),
            (
                super::RECONCILE,
                "an_old_configuration_stays_as_long_as_a_pod_of_an_old_template_may_be_made_again",
            ),
        ],
    ),
    differs(
        120,
        "What differs between members is in a file that an init container writes",
        "the agent gives it to mysqld on its command line",
        &[(
            OBJECTS,
            "a_pods_host_in_the_command_is_the_one_that_others_use",
        )],
    ),
    differs(
        121,
        "Defaults that a user may replace",
        "the same, but where 9.7 knows an option by another name or not at all: `innodb_redo_log_capacity` for the size \
         of log files, in proportion to the volume; NUMA interleaving is off, because a pod may not ask for it. \
         `disabled_storage_engines` and `binlog_transaction_compression` are forced",
        &[FILE, REAL],
    ),
    differs(
        122,
        "Values that are forced",
        "the same, and all others that safety depends on, with stronger values for power cuts; mysqld's socket is where \
         only MOCO's programs can reach it",
        &[
            FILE,
            (
                CONFIG,
                "no_spelling_of_what_moco_depends_on_reaches_the_file",
            ),
        ],
    ),
    same(
        123,
        "The section `client`: port, socket, character set",
        &[FILE],
    ),
    same(
        124,
        "The section `mysql`: no autocommit for people at a prompt",
        &[FILE],
    ),
    better(
        125,
        "What is left to MySQL's own defaults",
        "what safety depends on is forced, so that no option of the user's weakens it",
        &[(
            CONFIG,
            "no_spelling_of_what_moco_depends_on_reaches_the_file",
        )],
    ),
];
