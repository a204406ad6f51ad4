//! What MOCO is made of, and what it supports.

use super::{INSTALL, PLANNER, Row, STORY, TABLES, better, differs, not_yet, same};

pub(super) const ROWS: &[Row] = &[
    differs(
        1,
        "Four programs, and three more of the agent's project: controller, backup, plugin, agent, init, cp",
        "one program `moco` with a word for each, so that members and operator never mix versions by mistake; beside it \
         `kubectl-moco` for people and `moco-local` for one machine",
        &[
            (
                "crates/xtask/tests/architecture/code_map.rs",
                "the_table_names_every_crate_and_no_other",
            ),
            (STORY, "hello"),
        ],
    ),
    same(
        2,
        "The operator's image is made from nothing and runs as user 10000",
        &[
            (
                "crates/xtask/src/images.rs",
                "a_binary_that_needs_a_loader_makes_no_image",
            ),
            (INSTALL, "the_installation_changes_only_on_purpose"),
        ],
    ),
    not_yet(
        3,
        "Images of MySQL, fluent-bit and mysqld_exporter are published for two architectures",
        "no image is published; `cargo xtask images` writes that of MOCO",
        &[],
    ),
    differs(
        4,
        "MySQL 8.0 and 8.4; 9.x is refused",
        "MySQL 9.7 is tested and 8.4 is taken; 8.0 and older are refused by name before anything is started, because \
         their statements differ",
        &[(
            "crates/model/src/version.rs",
            "old_servers_are_refused_and_the_tested_one_is_known",
        )],
    ),
    not_yet(
        5,
        "Kubernetes 1.33 and newer",
        "the stories run on 1.36 only",
        &[(STORY, "hello")],
    ),
    better(
        6,
        "cert-manager is needed",
        "MOCO has an authority of its own",
        &[(
            "crates/controller/src/authority/state/tests.rs",
            "a_new_operator_makes_one_authority_that_issues_and_survives_storing",
        )],
    ),
    better(
        7,
        "Any image of mysqld that has it as entry point, `sleep`, the plugins, and works as user 10000",
        "no entry point, no shell and no `sleep` are needed; an image without mysqld is refused by name",
        &[
            (
                "crates/agent/src/host/real/image.rs",
                "the_version_is_read_and_old_or_missing_servers_are_refused_by_name",
            ),
            (STORY, "hello"),
        ],
    ),
    not_yet(
        8,
        "One primary and its replicas by GTID and loss-less semi-sync; optionally behind a primary outside of the cluster",
        "following a primary outside of the cluster; any number of members from 1 to 31 is allowed, even ones too",
        &[(PLANNER, "every_even_and_odd_size_becomes_healthy_and_grows")],
    ),
    same(
        9,
        "Not meant: MySQL 5, node fencing, several primaries, group replication, a proxy, a downgrade of MySQL",
        &[
            (TABLES, "a_second_writable_member_is_ended_at_once"),
            (
                "crates/model/src/version.rs",
                "old_servers_are_refused_and_the_tested_one_is_known",
            ),
        ],
    ),
    same(
        10,
        "The operator watches all namespaces",
        &[(STORY, "refused")],
    ),
];
