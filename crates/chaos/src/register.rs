//! Following the register, to know who was primary when.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use moco_model::Register;
use tokio::time::sleep;

use crate::clock::Clock;
use crate::home::Home;
use crate::reigns::Reign;

/// How often the file is looked at. The register is written before the new primary is opened, which
/// takes longer than this.
const LOOK: Duration = Duration::from_millis(10);

/// Follows the register until told to stop; returns every primary in its order.
pub(crate) async fn follow(home: Home, clock: Clock, stop: Arc<AtomicBool>) -> Vec<Reign> {
    let file = home.file("register.json");
    let mut reigns = Vec::new();
    let mut shown = None;
    let mut epoch = 0;
    // One look after the stop, so that nothing that was acknowledged is judged by an older register.
    loop {
        let last = stop.load(Ordering::Relaxed);
        let version = fs::metadata(&file)
            .ok()
            .map(|meta| (meta.ino(), meta.mtime(), meta.mtime_nsec()));
        if version != shown
            && let Ok(Some(register)) = home.register()
        {
            shown = version;
            take(&mut reigns, &mut epoch, &register, clock.now());
        }
        if last {
            return reigns;
        }
        sleep(LOOK).await;
    }
}

/// Adds the primaries that the register tells of: those of changes that came and went between two
/// looks stand in its list of handovers.
fn take(reigns: &mut Vec<Reign>, epoch: &mut u64, register: &Register, now: u64) {
    let mut add = |member| {
        if reigns.last().is_none_or(|last| last.member != member) {
            reigns.push(Reign { member, since: now });
        }
    };
    let newer = register
        .handovers
        .iter()
        .filter(|handover| handover.epoch.0 > *epoch);
    if *epoch > 0 {
        for handover in newer {
            add(handover.to);
        }
    }
    add(register.primary);
    *epoch = register.epoch.0;
}

#[cfg(test)]
mod tests {
    use moco_model::MemberId;

    use super::*;

    fn register(epoch: u64, primary: u32, handovers: &[(u64, u32)]) -> Register {
        let handovers: Vec<_> = handovers
            .iter()
            .map(|(epoch, to)| {
                serde_json::json!({"epoch": epoch, "kind": "failover", "from": 0, "to": to,
                    "cause": "ended", "because": "", "noticedAt": 0, "decidedAt": 0,
                    "promised": {}, "proof": ""})
            })
            .collect();
        serde_json::from_value(serde_json::json!({"epoch": epoch, "primary": primary,
            "membership": {"members": [0, 1, 2], "version": 1}, "initialised": true,
            "basis": {"kind": "bootstrap", "decidedAt": 0, "because": ""},
            "handovers": handovers}))
        .unwrap()
    }

    #[test]
    fn a_primary_between_two_looks_is_not_missed_and_older_ones_are_not_told_again() {
        let (mut reigns, mut epoch) = (Vec::new(), 0);
        take(&mut reigns, &mut epoch, &register(2, 0, &[(2, 0)]), 5);
        take(&mut reigns, &mut epoch, &register(3, 0, &[(2, 0)]), 7);
        let now = register(6, 2, &[(2, 0), (5, 1), (6, 2)]);
        take(&mut reigns, &mut epoch, &now, 9);
        let members: Vec<_> = reigns.iter().map(|reign| reign.member).collect();
        assert_eq!(members, [0, 1, 2].map(MemberId));
        assert_eq!((reigns[0].since, epoch), (5, 6));
    }
}
