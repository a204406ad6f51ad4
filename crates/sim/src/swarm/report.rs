//! Running the swarm, and saying what it came to.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::draw::draw;
use super::hunt::{Hunted, hunt as hunts, shrink};
use super::kind::Kind;
use super::moment::Moment;
use super::run::{Outcome, run};
use super::story;
use crate::mutation::Mutation;

/// Seeded bugs that are wrapped around the fakes of the swarm; the others are the exhaustive search's.
pub const MUTATIONS: &[Mutation] = &[
    Mutation::FiniteTimeout,
    Mutation::TermWithWaiters,
    Mutation::RelayLogRecovery,
    Mutation::RelayLogUnsynced,
    Mutation::LabelStays,
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
    /// So many at most.
    pub runs: u64,
    /// How long at most.
    pub time: Duration,
    /// Threads.
    pub threads: usize,
    /// Where the story of a failure is put.
    pub stories: Option<&'a Path>,
}

/// Runs seed after seed, and tells `say` how it goes. True when every property held in all of them.
pub fn swarm(how: &Swarm<'_>, mut say: impl FnMut(&str)) -> bool {
    let begun = Instant::now();
    let hunted = hunts(how.first, how.runs, how.time, how.threads, None);
    say(&summary(&hunted, begun.elapsed()));
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

/// Runs in which a seeded bug must show itself.
const RUNS: u64 = 3_000;

/// Looks for a seeded bug: what was found and after how many runs, or that nothing was.
pub fn hunt(mutation: Mutation, threads: usize) -> Result<String, String> {
    let hunted = hunts(1, RUNS, Duration::MAX, threads, Some(mutation));
    let found = hunted.found.and_then(|(_, outcome)| outcome.violation);
    match found {
        Some(found) => Ok(format!("{} after {} runs", found.property, hunted.runs)),
        None => Err(format!("nothing in {} runs", hunted.runs)),
    }
}

/// Runs one seed, and tells its story and how it goes. True when every property held.
pub fn seed(seed: u64, mut say: impl FnMut(&str)) -> bool {
    let plan = draw(seed, None);
    say(&story::write(&plan, "drawn"));
    told(&run(&plan), say)
}

/// Runs a story. True when every property held.
pub fn story_of(text: &str, say: impl FnMut(&str)) -> Result<bool, story::StoryError> {
    Ok(told(&run(&story::read(text)?), say))
}

fn told(outcome: &Outcome, mut say: impl FnMut(&str)) -> bool {
    say(&outcome.transcript.join("\n"));
    say(&format!(
        "{} writes answered OK, {} changes of the primary, {} steps, {:.1} s of the cluster's life{}",
        outcome.acked,
        outcome.handovers,
        outcome.steps,
        outcome.lasted.as_secs_f64(),
        if outcome.beyond_help {
            ", beyond help"
        } else {
            ""
        },
    ));
    if let Some(violation) = &outcome.violation {
        say(&violation.to_string());
    }
    outcome.violation.is_none()
}

fn summary(hunted: &Hunted, took: Duration) -> String {
    format!(
        "{} runs in {} s: {} hours of a cluster's life, {} steps, {} writes answered OK, {} changes of the primary",
        hunted.runs,
        took.as_secs(),
        hunted.seconds / 3_600,
        hunted.steps,
        hunted.acked,
        hunted.handovers,
    )
}

/// Empty cells that are named one by one; where there are more, the table tells enough.
const NAMED: usize = 100;

/// How often each kind of fault came in the midst of each step, and which never did.
fn table(hunted: &Hunted) -> String {
    let times = |at: Option<Moment>, kind: Kind| hunted.met.get(&(at, kind)).copied().unwrap_or(0);
    let mut text = String::from("faults, by the step in whose midst they came:\n");
    for (number, kind) in Kind::ALL.iter().enumerate() {
        let _ = writeln!(text, "  {} {kind}", letter(number));
    }
    let _ = write!(text, "  {:<20}", "");
    for number in 0..Kind::ALL.len() {
        let _ = write!(text, "{:>7}", letter(number));
    }
    let rows = [None]
        .into_iter()
        .chain(Moment::ALL.iter().copied().map(Some));
    let mut empty = Vec::new();
    for row in rows {
        let name = row.map_or("(none)", Moment::word);
        let _ = write!(text, "\n  {name:<20}");
        for kind in Kind::ALL {
            let times = times(row, *kind);
            let _ = write!(text, "{times:>7}");
            if times == 0 {
                empty.push(format!("{name} {kind}"));
            }
        }
    }
    let cells = (Moment::ALL.len() + 1) * Kind::ALL.len();
    let _ = write!(text, "\n{} of {cells} cells are empty", empty.len());
    if (1..=NAMED).contains(&empty.len()) {
        let _ = write!(text, ": {}", empty.join(", "));
    }
    text
}

fn letter(number: usize) -> char {
    u8::try_from(number).map_or('?', |number| char::from(b'a' + number))
}
