//! What the stories of `cargo xtask e2e` play.

use super::Player;

pub(super) const STORIES: Player = Player {
    word: "story",
    what: "a story on a real Kubernetes with a real MySQL, `cargo xtask e2e NAME`.",
    file: "crates/xtask/src/e2e/stories/{}.rs",
    plays: &[
        ("hello", &[11]),
        ("refused", &[13, 48, 55, 77, 89, 91, 92]),
        ("failover", &[1, 7, 16, 33, 41, 94]),
        ("switchover", &[10, 94]),
        ("drain", &[17]),
        ("errant", &[59]),
        ("lost", &[54, 116]),
        ("large", &[65, 66, 68]),
        ("operator-faults", &[15, 16, 33, 85, 86, 87]),
    ],
};
