//! The list of stories; one file each.

mod drain;
mod errant;
mod failover;
mod hello;
mod large;
mod lost;
mod operator_faults;
mod refused;
mod scale;
mod switchover;
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
    Story {
        name: "failover",
        shows: "the primary is killed, cut off, deleted and frozen, while clients write",
        from: Extent::All,
        run: failover::run,
    },
    Story {
        name: "switchover",
        shows: "another primary by the plugin, the annotation, deletion and eviction, while clients write",
        from: Extent::All,
        run: switchover::run,
    },
    Story {
        name: "scale",
        shows: "from one member to five and back to one, while clients write; volumes are kept",
        from: Extent::All,
        run: scale::run,
    },
    Story {
        name: "drain",
        shows: "the primary's node is drained while clients write; the budget is respected",
        from: Extent::All,
        run: drain::run,
    },
    Story {
        name: "errant",
        shows: "a transaction written into a replica by hand is shown, and rebuilt when allowed",
        from: Extent::All,
        run: errant::run,
    },
    Story {
        name: "lost",
        shows: "a majority is lost: closed, with the reason; back without loss, or forced by a person",
        from: Extent::All,
        run: lost::run,
    },
    Story {
        name: "operator-faults",
        shows: "no API server, a dead, frozen and cut-off controller, no kubelet, a starved primary",
        from: Extent::All,
        run: operator_faults::run,
    },
    Story {
        name: "large",
        shows: "a transaction of 1 GB and a long ALTER TABLE, during switchover and failover",
        from: Extent::All,
        run: large::run,
    },
];
