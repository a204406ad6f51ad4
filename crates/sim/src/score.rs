//! Seeded bugs: whether the two searches find every one of them.

use anyhow::{Result, ensure};

use moco_sim::exhaustive::report::hunt as search;
use moco_sim::mutation::Mutation;
use moco_sim::swarm::report::{MUTATIONS, hunt as swarm};

/// Looks for the seeded bugs whose names hold `name`, by the exhaustive search, and by the
/// swarm what that one does not find. True when each was found.
pub fn run(name: &str, threads: usize, mut say: impl FnMut(&str)) -> Result<bool> {
    let which: Vec<_> = Mutation::ALL
        .iter()
        .copied()
        .filter(|mutation| mutation.to_string().contains(name))
        .collect();
    ensure!(!which.is_empty(), "there is no seeded bug {name:?}");
    let mut missed = Vec::new();
    for mutation in &which {
        // What needs time or a disk that lies is not in the small worlds.
        let only_swarm = matches!(mutation, Mutation::RelayLogUnsynced | Mutation::LabelStays);
        let mut how = if only_swarm {
            Err(String::new())
        } else {
            search(*mutation, threads)
        };
        if how.is_err() && MUTATIONS.contains(mutation) {
            how = swarm(*mutation, threads);
        }
        let found = how.is_ok();
        let (Ok(how) | Err(how)) = how;
        say(&format!("{mutation}: {how}"));
        if !found {
            missed.push(mutation.to_string());
        }
    }
    let found = which.len() - missed.len();
    say(&format!("{found} of {} seeded bugs found", which.len()));
    if !missed.is_empty() {
        say(&format!("NOT FOUND: {}", missed.join(", ")));
    }
    Ok(missed.is_empty())
}
