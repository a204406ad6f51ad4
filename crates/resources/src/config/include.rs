//! Text that the user wants at the top of `[mysqld]` as it is.
//!
//! It exists for options that are given more than once. Lines pass unchanged, except those that would
//! undo what MOCO depends on: they become comments.

use super::fixed::Fixed;
use super::option::{Given, judge};
use super::{ConfigNote, NoteKind};

/// The text with unsafe lines turned into comments.
pub(super) fn filter(text: &str, fixed: &[Fixed], notes: &mut Vec<ConfigNote>) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        if let Some(line) = judge_line(line, fixed, notes) {
            kept.push_str(&line);
        } else {
            kept.push_str("# Not passed on by MOCO: ");
            kept.push_str(line.split(['=', ' ']).next().unwrap_or_default().trim());
        }
        kept.push('\n');
    }
    kept
}

fn judge_line(line: &str, fixed: &[Fixed], notes: &mut Vec<ConfigNote>) -> Option<String> {
    let trimmed = line.trim();
    if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
        return Some(line.to_owned());
    }
    if trimmed.starts_with(['[', '!']) || line.contains(['\r', '\0']) {
        notes.push(ConfigNote {
            key: "_include".to_owned(),
            kind: NoteKind::Refused,
            sentence: format!(
                "_include is passed on without the line {trimmed:?}: it may hold options of [mysqld] only"
            ),
        });
        return None;
    }
    let (key, value) = trimmed.split_once('=').unwrap_or((trimmed, ""));
    let key = key.trim();
    let taken = judge(Given { key, value }, fixed, notes)?;
    // Only a translated line differs from what the user wrote.
    let same = super::option::normalised(key).0 == taken.name && taken.value == value.trim();
    Some(if same {
        line.to_owned()
    } else {
        format!("{} = {}", taken.written_name(), taken.value)
    })
}
