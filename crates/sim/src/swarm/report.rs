//! Running the swarm, and saying what it came to.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::hunt::{Hunted, hunt, shrink};
use super::run::{Outcome, run};
use super::story;
use crate::mutation::Mutation;

/// Seeded bugs that are wrapped around the fakes of the swarm; the others are the exhaustive search's.
pub const MUTATIONS: &[Mutation] = &[
    Mutation::FiniteTimeout,
    Mutation::TermWithWaiters,
    Mutation::RelayLogRecovery,
    Mutation::OverwriteRegister,
    Mutation::TailNotCut,
    Mutation::TailCutTooFar,
    Mutation::UuidStaysAfterCut,
];

/// How a swarm is run.
#[derive(Clone, Copy, Debug)]
pub struct Swarm<'a> {
    /// The first seed; the others follow.
    pub first: u64,
    /// How long at most.
    pub time: Duration,
    /// Threads.
    pub threads: usize,
    /// Where the story of a failure is put.
    pub stories: Option<&'a Path>,
}

/// Runs seed after seed, and tells `say` how it goes. True when every property held in all of them.
pub fn swarm(how: &Swarm<'_>, mut say: impl FnMut(&str)) -> bool {
    let hunted = hunt(how.first, u64::MAX, how.time, how.threads, None);
    say(&summary(&hunted, how.time));
    say(&table(&hunted));
    let (Some((plan, outcome)), Some(seed)) = (&hunted.found, hunted.seed) else {
        return true;
    };
    say(&format!("seed {seed} failed; it is made shorter"));
    let (plan, outcome) = shrink(plan, outcome);
    let about = outcome
        .violation
        .as_ref()
        .map_or_else(String::new, ToString::to_string);
    let text = story::write(&plan, about.lines().next().unwrap_or_default());
    say(&text);
    say(&outcome.transcript.join("\n"));
    if let Some(folder) = how.stories {
        let file = folder.join(format!("seed-{seed}.txt"));
        if let Err(error) = std::fs::write(&file, &text) {
            say(&format!("cannot write {}: {error}", file.display()));
        }
    }
    false
}

/// Looks for each seeded bug of [`MUTATIONS`], in at most `runs` runs each. True when all were found.
pub fn mutants(runs: u64, threads: usize, mut say: impl FnMut(&str)) -> bool {
    let mut all_found = true;
    for mutation in MUTATIONS {
        let hunted = hunt(1, runs, Duration::MAX, threads, Some(*mutation));
        let found = hunted
            .found
            .as_ref()
            .and_then(|(_, outcome)| outcome.violation.as_ref());
        all_found &= found.is_some();
        say(&match found {
            Some(found) => {
                format!(
                    "{mutation}: found by {} after {} runs",
                    found.property, hunted.runs
                )
            }
            None => format!("{mutation}: NOT FOUND in {} runs", hunted.runs),
        });
    }
    all_found
}

/// Runs a story. True when every property held.
pub fn story_of(text: &str, mut say: impl FnMut(&str)) -> Result<bool, story::StoryError> {
    let outcome: Outcome = run(&story::read(text)?);
    say(&outcome.transcript.join("\n"));
    if let Some(violation) = &outcome.violation {
        say(&violation.to_string());
    }
    Ok(outcome.violation.is_none())
}

fn summary(hunted: &Hunted, time: Duration) -> String {
    format!(
        "{} runs within {} s: {} hours of a cluster's life, {} steps, {} writes answered OK, {} changes of the primary",
        hunted.runs,
        time.as_secs(),
        hunted.seconds / 3_600,
        hunted.steps,
        hunted.acked,
        hunted.handovers,
    )
}

/// Which fault met which verdict, and how often.
fn table(hunted: &Hunted) -> String {
    let codes: BTreeSet<_> = hunted.met.keys().map(|(code, _)| code.as_str()).collect();
    let kinds: BTreeSet<_> = hunted.met.keys().map(|(_, kind)| *kind).collect();
    let mut text = String::from("faults, by what was being dealt with when they came:\n");
    for code in codes {
        let _ = write!(text, "  {code:<20}");
        for kind in &kinds {
            let times = hunted
                .met
                .get(&(code.to_owned(), *kind))
                .copied()
                .unwrap_or(0);
            if times > 0 {
                let _ = write!(text, " {kind} {times},");
            }
        }
        text.push('\n');
    }
    text
}
