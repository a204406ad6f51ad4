//! The screen for people.

use std::fmt::Write as _;

use moco_model::Millis;

use super::live::Live;
use super::{Fault, Member, Standing, Summary, UnderWay, Verdict};
use crate::table::{Row, table};
use crate::times::span;

impl Summary {
    /// One screen for people; `now` in milliseconds since 1970. With `live`, the wide form.
    pub(crate) fn text(&self, now: Millis, live: Option<&Live>) -> String {
        let mut text = format!("{}: {}\n", self.cluster, self.headline(now));
        for note in &self.notes {
            let _ = writeln!(text, "Note: {note}.");
        }
        let _ = writeln!(text, "\n{}", self.decision());
        text.push_str(&match live {
            _ if self.members.is_empty() => "No member is known yet.\n".to_owned(),
            None => self.members_table(),
            Some(live) => self.wide_table(live),
        });
        if let Some(switchover) = &self.switchover {
            let UnderWay {
                to,
                because,
                begun_at,
                deadline,
            } = switchover;
            let _ = writeln!(
                text,
                "\nSwitchover to member {to} since {begun_at} ({because}); given up at {deadline} if not done by then"
            );
        }
        if let Some(last) = &self.last_handover {
            let _ = writeln!(text, "\nLast change of the primary: {}", last.line());
        }
        self.others(&mut text);
        for line in live.into_iter().flat_map(|live| live.lines(now)) {
            let _ = writeln!(text, "\n{line}");
        }
        text
    }

    /// What it is doing, whether it takes writes, and what happens next.
    fn headline(&self, now: Millis) -> String {
        let writes = match (self.standing, self.takes_writes) {
            (Standing::Healthy, _) => String::new(),
            (_, Some(true)) => "; it takes writes".to_owned(),
            (_, Some(false)) => "; it takes no writes".to_owned(),
            (_, None) => "; it is not known whether it takes writes".to_owned(),
        };
        let first = self.problems.first();
        let said = match (&self.verdict, first) {
            (
                Some(Verdict {
                    code,
                    sentence,
                    since_ms,
                    ..
                }),
                first,
            ) if first.is_none_or(|first| first.code == *code) => {
                let since = span(now.saturating_sub(*since_ms).max(0));
                format!("{code} for {since}{writes}\n{sentence}")
            }
            // What is wrong is no verdict's: another operator's cluster, or pods that are not ready.
            (_, Some(first)) => format!("{}{writes}\n{}", first.code, first.sentence),
            _ => return "the controller has said nothing about it yet".to_owned(),
        };
        match first.and_then(|first| first.next.as_ref()) {
            Some(next) => format!("{said}\nNext: {next}"),
            None => said,
        }
    }

    fn decision(&self) -> String {
        let primary = self.primary.map_or_else(
            || "no primary yet".to_owned(),
            |primary| format!("primary is member {primary}"),
        );
        match (self.epoch, self.acknowledgements) {
            (Some(epoch), Some(acks)) => {
                let s = if acks == 1 { "" } else { "s" };
                format!("Epoch {epoch}, {primary}, each commit waits for {acks} acknowledgement{s}")
            }
            _ => format!("Epoch unknown, {primary}"),
        }
    }

    /// What is wrong beside the first.
    fn others(&self, text: &mut String) {
        if self.problems.len() > 1 {
            text.push_str("\nAlso:\n");
        }
        for trouble in self.problems.iter().skip(1) {
            let _ = writeln!(text, "  {}: {}", trouble.code, trouble.sentence);
            if let Some(next) = &trouble.next {
                let _ = writeln!(text, "    Next: {next}");
            }
        }
    }

    fn members_table(&self) -> String {
        let header = ["MEMBER", "ROLE", "STATE", "GTIDS", "COUNTED", "AGENT"];
        let rows = self.members.iter().map(|member| Row {
            cells: member.cells(),
            below: member.below(),
        });
        table(header, &rows.collect::<Vec<_>>())
    }

    fn wide_table(&self, live: &Live) -> String {
        let header = [
            "MEMBER", "ROLE", "STATE", "GTIDS", "COUNTED", "AGENT", "LAG", "ACKS", "READY",
            "RESTARTS", "NODE",
        ];
        let rows = self.members.iter().map(|member| {
            let [id, role, state, gtid, counted, agent] = member.cells();
            let [lag, acks, ready, restarts, node] = live.cells(member.id);
            Row {
                cells: [
                    id, role, state, gtid, counted, agent, lag, acks, ready, restarts, node,
                ],
                below: member.below(),
            }
        });
        table(header, &rows.collect::<Vec<_>>())
    }
}

impl Member {
    /// State and reason: a long reason would make the column wider than the screen.
    fn state(&self) -> (&str, Option<&str>) {
        match self.phase.split_once(": ") {
            Some((state, reason)) => (state, Some(reason)),
            None => (&self.phase, None),
        }
    }

    fn cells(&self) -> [String; 6] {
        let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
        let counted = self.counted.map(|yes| if yes { "yes" } else { "no" });
        [
            self.id.to_string(),
            or_dash(self.role.as_deref()),
            self.state().0.to_owned(),
            or_dash(self.gtid.as_deref()),
            or_dash(counted),
            or_dash(self.agent_version.as_deref()),
        ]
    }

    fn below(&self) -> Vec<String> {
        let mut below: Vec<_> = self.state().1.map(str::to_owned).into_iter().collect();
        if self.errant {
            below.push("errant: it holds transactions that the primary lacks".to_owned());
        }
        if let Some(Fault { code, sentence }) = &self.fault {
            below.push(format!("{code}: {sentence}"));
        }
        below
    }
}
