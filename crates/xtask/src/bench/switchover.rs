//! How long nobody can write during a switchover that was asked for, with small and with large rows, and how many
//! errors the client with the most of them had to repeat.

use std::collections::BTreeMap;

use anyhow::Result;

use super::under_load::{Bench, gaps};
use super::{Effort, Figures, Row};
use crate::chaos::Stretch;

/// The metrics of one size of rows, and the size in bytes.
struct Size {
    gap: &'static str,
    errors: &'static str,
    connects: &'static str,
    bytes: u32,
}

const SIZES: [Size; 2] = [
    Size {
        gap: "rows-200B",
        errors: "errors-per-client-200B",
        connects: "refused-connections-per-client-200B",
        bytes: 200,
    },
    Size {
        gap: "rows-16KB",
        errors: "errors-per-client-16KB",
        connects: "refused-connections-per-client-16KB",
        bytes: 16_384,
    },
];

pub(super) fn run(effort: Effort) -> Result<Vec<Row>> {
    let bench = Bench::start("cargo xtask bench switchover", "bench-switchover")?;
    let mut rows = Vec::new();
    for size in SIZES {
        let stretches = bench.repeat("switchover", effort.runs, size.bytes)?;
        rows.push(row(size.gap, "s", &gaps(&stretches)?));
        let worst = |of: fn(&Stretch) -> u32| -> Vec<f64> {
            stretches.iter().map(of).map(f64::from).collect()
        };
        let errors = worst(|stretch| stretch.errors_per_writer_max);
        rows.push(row(size.errors, "errors", &errors));
        let connects = worst(|stretch| stretch.failed_connects_per_writer_max);
        rows.push(row(size.connects, "connections", &connects));
    }
    bench.end()?;
    Ok(rows)
}

fn row(metric: &'static str, unit: &'static str, sample: &[f64]) -> Row {
    Row {
        bench: "switchover",
        metric,
        unit,
        n: sample.len(),
        figures: Figures::of(sample),
        rivals: BTreeMap::new(),
        floor: None,
    }
}
