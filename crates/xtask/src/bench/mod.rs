//! `cargo xtask bench`: figures with the rival beside, measured in the same run on the same machine.
//!
//! Pairs run in the order A B, B A, A B …, so that what else happens on the machine hits both. The worst run is always
//! shown. A figure is never a test: no number here makes a build red.

mod clone;
mod failover;
mod fresh;
mod rejoin;
mod rival;
mod size;
mod switchover;
mod under_load;

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde::Serialize;

/// One metric of a bench.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    bench: &'static str,
    metric: &'static str,
    unit: &'static str,
    n: usize,
    #[serde(flatten)]
    figures: Figures,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    rivals: BTreeMap<&'static str, Figures>,
    /// The physical bound, where one was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    floor: Option<f64>,
}

/// The figures of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Figures {
    p50: f64,
    /// Only of 100 and more.
    #[serde(skip_serializing_if = "Option::is_none")]
    p99: Option<f64>,
    max: f64,
}

impl Figures {
    /// The figures of a sample, which must not be empty; a single value stands for all.
    fn of(sample: &[f64]) -> Self {
        let mut sorted = sample.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: usize| {
            let rank = (sorted.len() * share).div_ceil(100).max(1) - 1;
            rounded(sorted.get(rank).copied().unwrap_or(f64::NAN))
        };
        Self {
            p50: at(50),
            p99: (sorted.len() >= 100).then(|| at(99)),
            max: at(100),
        }
    }
}

/// Three decimals say more than these measurements know.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// How a bench is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Runs of each pair.
    pub(crate) runs: usize,
}

struct Bench {
    name: &'static str,
    shows: &'static str,
    run: fn(Effort) -> Result<Vec<Row>>,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "clone",
        shows: "a new replica, over a copy of the same files",
        run: clone::run,
    },
    Bench {
        name: "failover",
        shows: "how long nobody can write when the primary dies, falls silent, or stands still",
        run: failover::run,
    },
    Bench {
        name: "fresh",
        shows: "from the manifest to the first acknowledged write, over bare mysqld",
        run: fresh::run,
    },
    Bench {
        name: "rejoin",
        shows: "back to full redundancy after a kill, over bare crash recovery; share without a clone",
        run: rejoin::run,
    },
    Bench {
        name: "switchover",
        shows: "how long nobody can write during a switchover; errors of each client",
        run: switchover::run,
    },
    Bench {
        name: "size",
        shows: "bytes of the image, time to start",
        run: size::run,
    },
];

/// `cargo xtask bench NAME…`. With `json`, one object a line and nothing else on standard output.
pub(crate) fn run(names: &[String], effort: Effort, json: bool) -> Result<()> {
    if names.is_empty() {
        for bench in BENCHES {
            println!("{:<10} {}", bench.name, bench.shows);
        }
        return Ok(());
    }
    let mut chosen = Vec::new();
    for name in names {
        match BENCHES.iter().find(|bench| bench.name == name) {
            Some(bench) => chosen.push(bench),
            None => bail!("there is no bench `{name}`; `cargo xtask bench` lists them"),
        }
    }
    for bench in chosen {
        for row in (bench.run)(effort)? {
            println!(
                "{}",
                if json {
                    serde_json::to_string(&row)?
                } else {
                    row.line()
                }
            );
        }
    }
    Ok(())
}

impl Row {
    fn line(&self) -> String {
        let shown = |figures: &Figures| {
            let p99 = figures
                .p99
                .map_or_else(String::new, |p99| format!("  p99 {p99:.3}"));
            format!("p50 {:.3}{p99}  max {:.3}", figures.p50, figures.max)
        };
        let mut line = format!(
            "{} {} ({}, n = {}): {}",
            self.bench,
            self.metric,
            self.unit,
            self.n,
            shown(&self.figures)
        );
        for (name, figures) in &self.rivals {
            line = format!("{line}\n    {name}: {}", shown(figures));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_the_median_and_the_worst_and_p99_needs_a_hundred() {
        let few = Figures::of(&[3.0, 1.0, 2.0]);
        assert_eq!(
            few,
            Figures {
                p50: 2.0,
                p99: None,
                max: 3.0
            }
        );
        let many: Vec<_> = (1..=100).map(f64::from).collect();
        assert_eq!(
            Figures::of(&many),
            Figures {
                p50: 50.0,
                p99: Some(99.0),
                max: 100.0
            }
        );
    }

    #[test]
    fn a_row_in_json_leaves_out_what_does_not_apply() {
        let row = Row {
            bench: "size",
            metric: "image",
            unit: "MB",
            n: 1,
            figures: Figures::of(&[12.5]),
            rivals: BTreeMap::new(),
            floor: None,
        };
        let text = serde_json::to_string(&row).unwrap();
        assert_eq!(
            text,
            r#"{"bench":"size","metric":"image","unit":"MB","n":1,"p50":12.5,"max":12.5}"#
        );
    }
}
