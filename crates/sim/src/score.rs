//! Seeded bugs: whether the two searches find every one of them.

use anyhow::{Result, ensure};

use moco_sim::exhaustive::report::hunt as search;
use moco_sim::mutation::Mutation;
use moco_sim::swarm::report::{MUTATIONS, hunt as swarm};

/// Looks for the seeded bugs whose names hold `name`, by both searches where both can have it. True
/// when each was found by one at least.
pub fn run(name: &str, threads: usize, mut say: impl FnMut(&str)) -> Result<bool> {
    let which: Vec<_> = Mutation::ALL
        .iter()
        .copied()
        .filter(|mutation| mutation.to_string().contains(name))
        .collect();
    ensure!(!which.is_empty(), "there is no seeded bug {name:?}");
    let mut missed = Vec::new();
    for mutation in &which {
        let searched = search(*mutation, threads);
        let swarmed = MUTATIONS
            .contains(mutation)
            .then(|| swarm(*mutation, threads));
        let found = searched.is_ok() || swarmed.as_ref().is_some_and(Result::is_ok);
        let mut line = format!("{mutation}: ");
        line.push_str(&match searched {
            Ok(how) | Err(how) => how,
        });
        if let Some(Ok(how) | Err(how)) = swarmed {
            line.push_str("; ");
            line.push_str(&how);
        }
        say(&line);
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
