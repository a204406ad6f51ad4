//! What the stories of `cargo xtask e2e` play.

use super::Player;

pub(super) const STORIES: Player = Player {
    word: "story",
    what: "a story on a real Kubernetes with a real MySQL, `cargo xtask e2e NAME`.",
    file: "crates/xtask/src/e2e/stories/{}.rs",
    plays: &[("hello", &[11]), ("refused", &[13, 48, 55, 77, 89, 91, 92])],
};
