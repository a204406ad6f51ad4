//! How long nobody can write when the primary dies, falls silent, or stands still: the time between the last write that
//! was acknowledged before and the first one after, for eight writers that reconnect at once.
//!
//! A second writer at each member's own address goes on meanwhile: any acknowledgement by the old primary after the
//! change, and any acknowledged row that is missing at the end, makes the bench fail instead of printing a figure.
//!
//! Ours and the rivals run in blocks and not in pairs: one cluster at a time is what a small machine carries. The rivals
//! are told in `moco-chaos rival`; only deaths can be emulated honestly, so the other two rows have none.

use std::collections::BTreeMap;

use anyhow::Result;

use super::under_load::{Bench, gaps};
use super::{Effort, Figures, Row, rival};
use crate::chaos::Stretch;

/// How long what is frozen stays so, milliseconds: longer than any failover, so that the old primary wakes up into
/// another epoch and must be refused.
const FROZEN_MS: u32 = 15_000;

pub(super) fn run(effort: Effort) -> Result<Vec<Row>> {
    let bench = Bench::start("cargo xtask bench failover", "bench-failover")?;
    let frozen = |what: &str| format!("{what} {FROZEN_MS}");
    let mut kill = row("kill", &bench.repeat("kill-primary", effort.runs, 200)?)?;
    rival::save(&bench)?;
    for (name, who) in [("moco-60s", "default"), ("moco-5s", "tuned")] {
        let sample = rival::kills(&bench, who, effort.runs)?;
        kill.rivals.insert(name, Figures::of(&sample));
    }
    let floor = rival::kills(&bench, "floor", effort.runs)?;
    kill.floor = Some(Figures::of(&floor).p50);
    rival::forget(&bench)?;
    let event = frozen("freeze-primary-container");
    let silent = row("silent", &bench.repeat_anew(&event, effort.runs)?)?;
    let event = frozen("freeze-primary");
    let gray = row("gray", &bench.repeat_anew(&event, effort.runs)?)?;
    bench.end()?;
    Ok(vec![kill, silent, gray])
}

fn row(metric: &'static str, stretches: &[Stretch]) -> Result<Row> {
    let sample = gaps(stretches)?;
    Ok(Row {
        bench: "failover",
        metric,
        unit: "s",
        n: sample.len(),
        figures: Figures::of(&sample),
        rivals: BTreeMap::new(),
        floor: None,
    })
}
