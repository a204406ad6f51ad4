//! Stories: runs that are kept. Each is run again, must hold, and must go letter for letter as it was
//! kept in the transcript beside it (`MOCO_SIM_KEEP=1` writes the transcripts anew).

#![expect(clippy::unwrap_used, reason = "test code states what it needs")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use moco_sim::swarm::draw::draw;
use moco_sim::swarm::run::run;
use moco_sim::swarm::story;

fn stories() -> Vec<PathBuf> {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let folder = own.join("scenarios");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut stories: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    stories.sort();
    stories
}

#[test]
fn every_story_holds_and_goes_as_it_was_kept() {
    let stories = stories();
    assert!(stories.len() >= 5, "{stories:?}");
    for path in stories {
        let plan = story::read(&fs::read_to_string(&path).unwrap()).unwrap();
        let outcome = run(&plan);
        let transcript = outcome.transcript.join("\n") + "\n";
        assert_eq!(outcome.violation, None, "{}\n{transcript}", path.display());
        assert!(
            outcome.acked > 50,
            "{}: {} writes",
            path.display(),
            outcome.acked
        );
        let kept = path.with_extension("transcript");
        if std::env::var_os("MOCO_SIM_KEEP").is_some() {
            fs::write(&kept, &transcript).unwrap();
        }
        let before = fs::read_to_string(&kept).unwrap();
        assert!(
            before == transcript,
            "{} goes another way now",
            path.display()
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_run_letter_for_letter() {
    for seed in [3, 11, 27] {
        let plan = draw(seed, None);
        let (one, other) = (run(&plan), run(&plan));
        assert!(one.transcript.len() > 10, "{seed}");
        assert_eq!(one.transcript, other.transcript, "{seed}");
        assert_eq!(one.steps, other.steps, "{seed}");
        let next = run(&draw(seed + 1, None));
        assert_ne!(one.transcript, next.transcript, "{seed}");
    }
}

#[test]
fn a_run_in_which_nothing_goes_wrong_changes_no_primary() {
    for members in [1, 2, 3, 5] {
        let mut plan = draw(0, None);
        (plan.members, plan.faults, plan.aimed) = (members, Vec::new(), Vec::new());
        plan.faults_until = Duration::from_secs(5);
        let outcome = run(&plan);
        assert_eq!(
            (outcome.violation, outcome.handovers),
            (None, 0),
            "{members}"
        );
        assert!(outcome.acked > 50, "{members}: {}", outcome.acked);
    }
}
