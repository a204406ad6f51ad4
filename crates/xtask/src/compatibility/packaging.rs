//! Installation and documentation.

use super::{INSTALL, PLANNER, Row, STORY, better, differs, not_yet, same};

const FILE: (&str, &str) = (INSTALL, "the_installation_changes_only_on_purpose");
const MANIFESTS: (&str, &str) = (
    "crates/resources/tests/definitions/manifests.rs",
    "clusters_of_mocos_users_become_objects",
);
const PAGE: (&str, &str) = (
    "crates/xtask/tests/architecture/documents.rs",
    "every_reserved_name_is_in_the_page_about_manifests",
);
const LINKS: (&str, &str) = (
    "crates/xtask/tests/architecture/documents.rs",
    "every_link_between_pages_leads_somewhere",
);

pub(super) const ROWS: &[Row] = &[
    not_yet(
        242,
        "A Helm chart and its values",
        "one file of YAML only",
        &[FILE],
    ),
    not_yet(
        243,
        "Definitions are templates of the chart",
        "there is no chart; they are in the file",
        &[FILE],
    ),
    better(
        244,
        "Two controllers with probes, not root, and a read-only file system",
        "a controller is ready only when its watches are",
        &[
            FILE,
            (
                "crates/controller/src/http.rs",
                "readiness_says_what_is_missing",
            ),
        ],
    ),
    better(
        245,
        "The operator's rights: everything on what it makes",
        "no wider than what it does",
        &[FILE, (INSTALL, "rights_are_no_wider_than_they_must_be")],
    ),
    better(
        246,
        "Roles for viewers and editors of both kinds",
        "they leave the status, which says who is primary, to the operator",
        &[
            (
                INSTALL,
                "tenants_have_a_role_to_see_and_one_to_change_each_kind",
            ),
            (INSTALL, "tenants_cannot_write_the_status"),
        ],
    ),
    differs(
        247,
        "Objects of cert-manager",
        "there are none to install: MOCO has an authority of its own",
        &[(
            "crates/controller/src/authority/tests.rs",
            "two_controllers_that_begin_at_once_agree_on_one_authority",
        )],
    ),
    not_yet(
        248,
        "Kustomize, and a way from it to the chart; a book",
        "pages in `docs/`",
        &[LINKS],
    ),
];

pub(super) const DOCUMENTATION: &[Row] = &[
    same(
        249,
        "Recipes for pods, Services, options, probes, sidecars",
        &[MANIFESTS, PAGE, LINKS],
    ),
    same(
        250,
        "The list of generated containers and what may be replaced of them",
        &[
            PAGE,
            (
                "crates/xtask/tests/architecture/documents.rs",
                "every_container_that_moco_adds_is_in_the_page_about_manifests_with_what_it_asks_for",
            ),
        ],
    ),
    same(251, "Records of decisions", &[LINKS]),
    better(
        252,
        "A list of known issues",
        "a catalogue of faults, with what plays each",
        &[(
            "crates/xtask/tests/architecture/faults.rs",
            "every_fault_has_its_number_and_is_played_or_says_why_not",
        )],
    ),
    better(
        253,
        "How to make an errant replica anew, and what to do when too few members are left",
        "every problem has a page that says what to do",
        &[
            (
                "crates/xtask/tests/architecture/problems.rs",
                "every_problem_has_a_page_with_its_meaning_and_advice",
            ),
            (PLANNER, "a_replica_whose_volume_was_lost_is_cloned_anew"),
            (STORY, "errant"),
            (STORY, "lost"),
        ],
    ),
];
