//! A report of chaos, for people.

use std::collections::BTreeMap;

use super::{Report, Stretch};

/// The counts.
pub(super) fn line(report: &Report) -> String {
    format!(
        "acked {}, found {}, lost {}, phantom {}, overlapping {}, stale reads {}, unknown {}",
        report.acked,
        report.found,
        report.lost,
        report.phantom,
        report.overlapping,
        report.stale_reads,
        report.unknown
    )
}

/// How long nobody could write, for each kind of event and for all of them. The name of a stretch is a number and a
/// kind.
pub(super) fn kinds(stretches: &[Stretch]) -> Vec<String> {
    let mut kinds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut all = Vec::new();
    for stretch in stretches {
        if let (Some((_, kind)), Some(gap)) = (stretch.name.split_once(' '), stretch.longest_gap_ms)
        {
            kinds.entry(kind).or_default().push(gap);
            all.push(gap);
        }
    }
    let lines = kinds.into_iter().chain([("all", all)]);
    lines.map(|(kind, gaps)| unavailable(kind, gaps)).collect()
}

fn unavailable(kind: &str, mut gaps: Vec<f64>) -> String {
    gaps.sort_by(f64::total_cmp);
    let at = |share: usize| {
        let rank = (gaps.len() * share).div_ceil(100).saturating_sub(1);
        gaps.get(rank).copied().unwrap_or(0.0) / 1000.0
    };
    let (n, p50, p99, max) = (gaps.len(), at(50), at(99), at(100));
    format!("  {kind:<26} n = {n:<4} no writes for p50 {p50:.2} s, p99 {p99:.2} s, max {max:.2} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(name: &str, gap: f64) -> Stretch {
        Stretch {
            name: name.to_owned(),
            first_ms: None,
            longest_gap_ms: Some(gap),
            errors_per_writer_max: 0,
            failed_connects_per_writer_max: 0,
        }
    }

    #[test]
    fn each_kind_has_a_line_and_all_have_one() {
        let told = kinds(&[
            stretch("001 kill", 300.0),
            stretch("002 cut", 90.0),
            stretch("003 kill", 500.0),
            stretch("end", 9_999.0),
        ]);
        assert_eq!(told.len(), 3);
        assert!(
            told[1].contains("kill")
                && told[1].contains("p50 0.30 s")
                && told[1].contains("max 0.50 s")
        );
        assert!(told[2].contains("all") && told[2].contains("n = 3"));
    }
}
