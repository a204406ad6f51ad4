//! The list of stories; one file each.

mod hello;
mod refused;
mod testbed;

use super::Story;
use crate::rings::Extent;

/// All stories, in the order they are told.
pub(crate) const STORIES: &[Story] = &[
    Story {
        name: "testbed",
        shows: "the test cluster itself: volumes, names, Services, exec, logs, a real mysqld, faults",
        from: Extent::Standard,
        run: testbed::run,
    },
    Story {
        name: "hello",
        shows: "install, grow from one to three, write and read, restart, kill the agent, delete, uninstall",
        from: Extent::Standard,
        run: hello::run,
    },
    Story {
        name: "refused",
        shows: "what cannot work is refused or shown with a sentence, and mending it heals the cluster",
        from: Extent::Standard,
        run: refused::run,
    },
];
