//! The slow query log: blocks of lines, each of which begins with its time.

use jiff::Timestamp;

use super::Entry;

/// How a block begins ("The Slow Query Log" in the manual).
const HEAD: &str = "# Time: ";

/// A log that was read from somewhere in a block on. Each line has the time of its block; what stands
/// before the first block is the rest of one that was cut, and is left out.
pub(super) fn entries(log: &str) -> Vec<Entry> {
    let mut at: Option<Timestamp> = None;
    let mut all = Vec::new();
    for line in log.lines() {
        if let Some(time) = line.strip_prefix(HEAD) {
            at = time.trim().parse().ok().or(at);
        }
        all.extend(at.map(|at| Entry {
            at,
            text: line.to_owned(),
        }));
    }
    all
}

/// What is not older than a moment.
pub(super) fn since(entries: Vec<Entry>, from: Timestamp) -> Vec<Entry> {
    entries
        .into_iter()
        .filter(|entry| entry.at >= from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_keeps_its_lines_together_and_one_that_was_cut_is_left_out() {
        let log = "select 1;\n# Time: 2026-02-03T04:05:06.000001Z\n# User@Host: a[a] @ [10.0.0.1]\n\
                   select sleep(3);\n# Time: 2026-02-03T04:06:06.000001Z\nselect 2;\n";
        let all = entries(log);
        let texts: Vec<_> = all.iter().map(|entry| entry.text.as_str()).collect();
        assert_eq!(texts.len(), 5, "{texts:?}");
        assert_eq!(all[2].at, all[0].at);
        assert_eq!(texts[2], "select sleep(3);");
        let from = "2026-02-03T04:06:00Z".parse().unwrap();
        assert_eq!(since(all, from).len(), 2);
    }
}
