//! How long nobody can write when the primary dies, falls silent, or stands still: the time between the last write that
//! was acknowledged before and the first one after, for eight writers that reconnect at once.
//!
//! A second writer at each member's own address goes on meanwhile: any acknowledgement by the old primary after the
//! change, and any acknowledged row that is missing at the end, makes the bench fail instead of printing a figure.

use std::collections::BTreeMap;

use anyhow::Result;

use super::under_load::{Bench, gaps};
use super::{Effort, Figures, Row};
use crate::chaos::Stretch;

/// How long what is frozen stays so, milliseconds: longer than any failover, so that the old primary wakes up into
/// another epoch and must be refused.
const FROZEN_MS: u32 = 15_000;

pub(super) fn run(effort: Effort) -> Result<Vec<Row>> {
    let bench = Bench::start("cargo xtask bench failover", "bench-failover")?;
    let frozen = |what: &str| format!("{what} {FROZEN_MS}");
    let rows = vec![
        row("kill", &bench.repeat("kill-primary", effort.runs, 200)?)?,
        row(
            "silent",
            &bench.repeat_anew(&frozen("freeze-primary-container"), effort.runs)?,
        )?,
        row(
            "gray",
            &bench.repeat_anew(&frozen("freeze-primary"), effort.runs)?,
        )?,
    ];
    bench.end()?;
    Ok(rows)
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
