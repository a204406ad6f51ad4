//! Stories: a real Kubernetes, a real MySQL, told step by step and checked. `cargo xtask e2e STORY…`.
//!
//! A story is a function of a [`Cluster`]; it says each step and returns an error at the first claim that is false.
//! The frame brings the test cluster up, gives each story a namespace of its own, mends every fault it left, and
//! counts.

pub(crate) mod client;
pub(crate) mod cluster;
pub(crate) mod leaks;
pub(crate) mod ledger;
pub(crate) mod operator;
pub(crate) mod plugin;
pub(crate) mod record;
pub(crate) mod stage;
pub(crate) mod stories;

use anyhow::{Result, bail};

use crate::counts::Counts;
use crate::rings::Extent;
use crate::say::{Watch, say};
use crate::testbed::fault::{self, Fault};
use crate::testbed::layout::DEFAULT_NAME;
use crate::testbed::{self, Config, Fsync, Testbed};
use cluster::Cluster;
use stories::STORIES;

/// Something the whole can do, shown on a real cluster.
pub(crate) struct Story {
    pub(crate) name: &'static str,
    /// What it shows, in a line.
    pub(crate) shows: &'static str,
    /// The smallest extent of `cargo xtask test` it belongs to.
    pub(crate) from: Extent,
    pub(crate) run: fn(&Cluster) -> Result<()>,
}

/// Whether a cluster that was started for the stories is left running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// As it was before.
    Restore,
    /// Running, with whatever the last story left, to look at.
    Keep,
}

/// `cargo xtask e2e --list`.
pub(crate) fn list() {
    for story in STORIES {
        println!("{:<12} {}", story.name, story.shows);
    }
}

/// `cargo xtask e2e STORY…`: tells the named stories and prints the counts.
pub(crate) fn run_named(name: &str, wanted: &[String], afterwards: Afterwards) -> Result<()> {
    let mut stories = Vec::new();
    for wanted in wanted {
        match STORIES.iter().find(|story| story.name == wanted) {
            Some(story) => stories.push(story),
            None => bail!("there is no story `{wanted}`; `cargo xtask e2e --list` shows them"),
        }
    }
    if stories.is_empty() {
        bail!("name one or more stories; `cargo xtask e2e --list` shows them");
    }
    tell(name, &stories, afterwards)?.conclude()
}

/// The stories of an extent, for `cargo xtask test`.
pub(crate) fn run_extent(extent: Extent) -> Result<Counts> {
    let stories: Vec<_> = STORIES
        .iter()
        .filter(|story| story.from <= extent)
        .collect();
    let name = std::env::var("MOCO_TESTBED").unwrap_or_else(|_| DEFAULT_NAME.to_owned());
    tell(&name, &stories, Afterwards::Restore)
}

fn tell(name: &str, stories: &[&Story], afterwards: Afterwards) -> Result<Counts> {
    let mut counts = Counts::default();
    with_testbed(name, afterwards, |testbed| {
        for story in stories {
            counts += tell_one(testbed, story, afterwards);
        }
        Ok(())
    })?;
    Ok(counts)
}

/// Does something on the test cluster, in a namespace of its own, and leaves both as they were.
pub(crate) fn with_cluster(
    name: &str,
    namespace: &str,
    afterwards: Afterwards,
    work: impl FnOnce(&Cluster) -> Result<()>,
) -> Result<()> {
    with_testbed(name, afterwards, |testbed| {
        let cluster = Cluster::new(testbed.clone(), namespace, Watch::start());
        cluster.begin()?;
        let done = work(&cluster);
        done.and(cluster.end())
    })
}

fn with_testbed(
    name: &str,
    afterwards: Afterwards,
    work: impl FnOnce(&Testbed) -> Result<()>,
) -> Result<()> {
    let running = Testbed::open(name)?;
    let was_up = running.is_some();
    let had_operator = match &running {
        Some(running) => operator::is_installed(running).unwrap_or(false),
        None => false,
    };
    let new = Config {
        nodes: 3,
        fsync: Fsync::Kept,
    };
    testbed::up::up(name, running.map_or(new, |running| running.config))?;
    let done = work(&Testbed::must_open(name)?);
    if afterwards == Afterwards::Keep {
        return done;
    }
    let restored = if !was_up {
        testbed::down(name)
    } else if !had_operator {
        Testbed::must_open(name).and_then(|testbed| operator::remove(&testbed))
    } else {
        Ok(())
    };
    done.and(restored)
}

fn tell_one(testbed: &Testbed, story: &Story, afterwards: Afterwards) -> Counts {
    let watch = Watch::start();
    say(&format!("-- story `{}`: {}", story.name, story.shows));
    let cluster = Cluster::new(testbed.clone(), &format!("e2e-{}", story.name), watch);
    let told = cluster.begin().and_then(|()| (story.run)(&cluster));
    if told.is_err() {
        cluster.show_state();
    }
    let mended = fault::inject(testbed, &Fault::HealAll);
    let ended = match afterwards {
        Afterwards::Restore => cluster.end(),
        Afterwards::Keep => Ok(()),
    };
    let counts = Counts::of(
        &format!("story `{}`", story.name),
        told.and(mended).and(ended),
    );
    if counts == Counts::PASSED {
        watch.say(&format!("story `{}` passed", story.name));
    }
    counts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn stories_have_names_of_their_own_that_fit_into_a_namespace() {
        let names: BTreeSet<_> = STORIES.iter().map(|story| story.name).collect();
        assert_eq!(names.len(), STORIES.len());
        for name in names {
            let fits = |letter: char| letter.is_ascii_lowercase() || letter == '-';
            assert!(name.len() < 40 && name.chars().all(fits), "{name}");
        }
    }

    #[test]
    fn an_unknown_story_is_refused_before_anything_starts() {
        let error = run_named("none", &["no-such".to_owned()], Afterwards::Restore).unwrap_err();
        assert!(format!("{error:#}").contains("no-such"));
    }
}
