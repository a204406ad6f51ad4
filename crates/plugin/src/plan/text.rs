//! A plan for people.

use std::fmt::Write as _;

use super::Plan;
use crate::difference::Difference;

impl Plan {
    /// Everything, in the order in which a reader wants it.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.cluster, self.headline());
        let mut block = |heading: &str, lines: &[String]| {
            if lines.is_empty() {
                return;
            }
            // Writing to a String cannot fail.
            let _ = writeln!(text, "\n{heading}");
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        };
        block("Refused", &self.refused);
        let changes: Vec<_> = self.changes.iter().map(Difference::line).collect();
        block("What differs", &changes);
        for effect in &self.effects {
            block(effect.on.heading(), &effect.sentences);
        }
        block("Without effect", &self.without_effect);
        block("Notes", &self.notes);
        text
    }

    fn headline(&self) -> &'static str {
        match (self.refused.is_empty(), self.is_new) {
            (false, _) => "nothing of this manifest would be done",
            (true, true) => "a new cluster would be made",
            (true, false) if self.changes.is_empty() => "nothing would change",
            (true, false) if self.effects.is_empty() => "nothing would change on the cluster",
            (true, false) => "this would be done",
        }
    }
}
