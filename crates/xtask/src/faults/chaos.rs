//! What the kinds of events of `moco-chaos` play.

use super::Player;

pub(super) const KINDS: Player = Player {
    word: "chaos",
    what: "a kind of event of `cargo xtask chaos`: real members on this machine, writers with a ledger, and a \
           judgement of every acknowledged row.",
    file: "crates/chaos/src/nemesis/plan.rs",
    plays: &[
        ("kill-primary", &[1]),
        ("kill-replica", &[2]),
        ("kill-all", &[4]),
        ("kill-agent", &[11]),
        ("kill-primary-container", &[1]),
        ("kill-replica-container", &[2]),
        ("freeze-primary", &[7, 72]),
        ("freeze-primary-container", &[7]),
        ("freeze-replica", &[8]),
        ("freeze-replica-container", &[8]),
        ("freeze-agent", &[12]),
        ("cut-primary", &[33, 41]),
        ("part-primary", &[33]),
        ("deafen-primary", &[33]),
        ("mute-primary", &[33]),
        ("hide-primary", &[33]),
        ("forsake-primary", &[33]),
        ("lossy-primary", &[34]),
        ("cut-replica", &[33]),
        ("fill-primary", &[43]),
        ("fill-replica", &[44]),
        ("lose-volume", &[54]),
        ("kill-during-switchover", &[22]),
        ("kill-daemon", &[85]),
        ("freeze-daemon", &[87]),
        ("resize", &[29]),
    ],
};
