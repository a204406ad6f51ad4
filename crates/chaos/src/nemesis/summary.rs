//! How long nobody could write, for each kind of event.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::gaps::Stretch;

/// The longest gaps between acknowledged writes in the stretches of one kind, milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Unavailable {
    /// The kind, or `all`.
    pub(crate) kind: String,
    /// How many events.
    pub(crate) n: usize,
    /// The median.
    pub(crate) p50: f64,
    /// Only of 100 events and more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99: Option<f64>,
    /// The worst.
    pub(crate) max: f64,
}

/// The summary of stretches whose names are a number and a kind; the last line is of all.
pub(crate) fn of(stretches: &[Stretch]) -> Vec<Unavailable> {
    let mut kinds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut all = Vec::new();
    for stretch in stretches {
        let Some((_, kind)) = stretch.name.split_once(' ') else {
            continue;
        };
        if let Some(gap) = stretch.longest_gap_ms {
            kinds.entry(kind).or_default().push(gap);
            all.push(gap);
        }
    }
    let lines = kinds.into_iter().chain([("all", all)]);
    lines.map(|(kind, gaps)| line(kind, gaps)).collect()
}

fn line(kind: &str, mut gaps: Vec<f64>) -> Unavailable {
    gaps.sort_by(f64::total_cmp);
    let at = |share: usize| {
        let rank = (gaps.len() * share).div_ceil(100).saturating_sub(1);
        gaps.get(rank).copied().unwrap_or(0.0)
    };
    Unavailable {
        kind: kind.to_owned(),
        n: gaps.len(),
        p50: at(50),
        p99: (gaps.len() >= 100).then(|| at(99)),
        max: at(100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(name: &str, gap: f64) -> Stretch {
        Stretch {
            name: name.to_owned(),
            at_ms: 0.0,
            first_ms: None,
            longest_gap_ms: Some(gap),
            acked: 1,
            errors_per_writer_max: 0,
            errors: 0,
            failed_connects_per_writer_max: 0,
        }
    }

    #[test]
    fn each_kind_has_a_line_and_all_have_one() {
        let told = of(&[
            stretch("001 kill-primary", 300.0),
            stretch("002 switchover", 90.0),
            stretch("003 kill-primary", 500.0),
            stretch("end", 9_999.0),
        ]);
        let lines: Vec<_> = told
            .iter()
            .map(|line| (line.kind.as_str(), line.n, line.p50, line.max))
            .collect();
        assert_eq!(
            lines,
            [
                ("kill-primary", 2, 300.0, 500.0),
                ("switchover", 1, 90.0, 90.0),
                ("all", 3, 300.0, 500.0)
            ]
        );
        assert_eq!(told[2].p99, None);
    }
}
