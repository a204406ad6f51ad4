//! A load that came to its end, as one report.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use moco_model::MemberId;

use crate::clock::millis;
use crate::gaps::{self, Mark};
use crate::judgement::{Rows, judge};
use crate::ledger::{Notes, Outcome, Page, Path};
use crate::reader::Sights;
use crate::reigns::{self, Ack, Reign};
use crate::report::Report;

/// All that was noted.
pub(crate) struct Ended {
    /// The rows of the table.
    pub(crate) rows: Rows,
    /// The pages of all writers.
    pub(crate) pages: Vec<Arc<Page>>,
    /// The primaries, by the register.
    pub(crate) reigns: Vec<Reign>,
    /// What the readers saw: the one at the primary address, then the one at the replica address.
    pub(crate) sights: Vec<Sights>,
    /// The marks.
    pub(crate) marks: Vec<Mark>,
}

impl Ended {
    /// The report, but for what only the members know.
    pub(crate) fn report(&self) -> Report {
        let notes: BTreeMap<u32, Notes> = self
            .pages
            .iter()
            .map(|page| (page.writer, page.notes().clone()))
            .collect();
        let writers: Vec<_> = self
            .pages
            .iter()
            .filter(|page| page.path == Path::Primary)
            .map(|page| page.notes().clone())
            .collect();
        let mut report = Report {
            writers: u32::try_from(writers.len()).unwrap_or(u32::MAX),
            changes: self.reigns.len().saturating_sub(1),
            largest_gap_ms: gaps::largest(&writers).map(millis),
            marks: gaps::stretches(&self.marks, &writers),
            ..Report::default()
        };
        let mut seen = &BTreeSet::new();
        if let [primary, replica] = self.sights.as_slice() {
            report.primary_reads = primary.reads;
            report.stale_reads = primary.behind;
            report.replica_reads = replica.reads;
            report.replica_behind_max_ms = millis(replica.furthest_behind);
            seen = &primary.seen;
        }
        report.judged(&judge(&notes, &self.rows, seen));
        let acks = self.acks(&mut report);
        report.overlapped(&reigns::overlaps(&self.reigns, &acks));
        report.failed(&writers);
        report
    }

    /// Every acknowledgement, and who gave it.
    fn acks(&self, report: &mut Report) -> Vec<Ack> {
        let members = members(&self.pages);
        let (mut acks, mut strangers) = (Vec::new(), 0_usize);
        for page in &self.pages {
            for attempt in &page.notes().attempts {
                if attempt.outcome != Outcome::Acknowledged {
                    continue;
                }
                if page.path != Path::Primary {
                    report.acked_at_members += 1;
                }
                match members.get(&attempt.server) {
                    Some(member) => acks.push(Ack {
                        member: *member,
                        begun: attempt.begun,
                        ended: attempt.ended,
                    }),
                    None => strangers += 1,
                }
            }
        }
        if strangers > 0 {
            let text = format!("{strangers} acknowledgements are of a server that is no member");
            report.violations.push(text);
        }
        acks
    }
}

/// The members by their server ids, as those found out who write at the members' own addresses.
fn members(pages: &[Arc<Page>]) -> BTreeMap<u32, MemberId> {
    let mut members = BTreeMap::new();
    for page in pages {
        if let Path::Member(member) = page.path {
            let servers = page.notes();
            let servers = servers.attempts.iter().map(|attempt| attempt.server);
            members.extend(servers.map(|server| (server, member)));
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Attempt;

    fn page(writer: u32, path: Path, attempts: &[(u64, Outcome, u32)]) -> Arc<Page> {
        let page = Page::new(writer, path);
        for (at, outcome, server) in attempts {
            let attempt = Attempt {
                begun: *at,
                ended: *at + 1,
                outcome: *outcome,
                server: *server,
            };
            page.note(attempt, None);
        }
        Arc::new(page)
    }

    fn ended(pages: Vec<Arc<Page>>) -> Report {
        let mut rows = Rows::default();
        for page in &pages {
            for (seq, attempt) in (0..).zip(&page.notes().attempts) {
                if attempt.outcome == Outcome::Acknowledged {
                    rows.add(page.writer, seq);
                }
            }
        }
        let reign = |member, since| Reign {
            member: MemberId(member),
            since,
        };
        Ended {
            rows,
            pages,
            reigns: vec![reign(0, 0), reign(1, 50)],
            sights: vec![Sights::default(), Sights::default()],
            marks: Vec::new(),
        }
        .report()
    }

    #[test]
    fn an_acknowledgement_at_the_old_primarys_own_address_is_found() {
        use Outcome::{Acknowledged, Refused};
        let through = || {
            page(
                0,
                Path::Primary,
                &[(1, Acknowledged, 10), (60, Acknowledged, 11)],
            )
        };
        let fine = ended(vec![
            through(),
            page(
                1_000,
                Path::Member(MemberId(0)),
                &[(5, Acknowledged, 10), (70, Refused, 10)],
            ),
            page(
                1_001,
                Path::Member(MemberId(1)),
                &[(5, Refused, 11), (70, Acknowledged, 11)],
            ),
        ]);
        assert_eq!(fine.violations, [""; 0]);
        assert_eq!((fine.acked, fine.acked_at_members, fine.changes), (4, 2, 1));
        let broken = ended(vec![
            through(),
            page(1_000, Path::Member(MemberId(0)), &[(70, Acknowledged, 10)]),
            page(1_001, Path::Member(MemberId(1)), &[(5, Refused, 11)]),
        ]);
        assert_eq!(broken.overlapping, 1, "{:?}", broken.violations);
    }

    #[test]
    fn an_acknowledgement_of_a_stranger_is_a_violation() {
        let told = ended(vec![page(
            0,
            Path::Primary,
            &[(1, Outcome::Acknowledged, 99)],
        )]);
        assert_eq!(told.violations.len(), 1);
    }
}
