//! One option: what a user wrote, and what is taken of it.

use super::fixed::{Fixed, PLUGINS};
use super::refused::{refused, refused_value};
use super::renamed::{Renamed, renamed};
use super::{ConfigNote, NoteKind};

/// An option as a user wrote it.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) key: &'a str,
    pub(super) value: &'a str,
}

/// An option that goes into the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Lower case, with `_`, without `loose_`.
    pub(super) name: String,
    /// Whether a server that does not know it may go on.
    pub(super) loose: Loose,
    pub(super) value: String,
}

/// Whether a server that does not know an option may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loose {
    Yes,
    No,
}

impl Taken {
    pub(super) fn written_name(&self) -> String {
        match self.loose {
            Loose::Yes => format!("loose_{}", self.name),
            Loose::No => self.name.clone(),
        }
    }
}

/// Prefixes by which mysqld takes an option's opposite, default or limit ("Program Option
/// Modifiers" in the manual).
const MODIFIERS: [&str; 4] = ["skip_", "disable_", "enable_", "maximum_"];

/// Says what of a user's option goes into the file; notes what does not, or not as it was given.
pub(super) fn judge(
    given: Given<'_>,
    fixed: &[Fixed],
    notes: &mut Vec<ConfigNote>,
) -> Option<Taken> {
    let mut note = |kind, because: &str| notes.push(explain(given.key, kind, because));
    let value = given.value.trim();
    let (name, loose) = normalised(given.key);
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.');
    if name.is_empty() || !name.chars().all(word) {
        note(NoteKind::Refused, "it is not the name of an option");
        return None;
    }
    if value.contains(['\n', '\r', '\0']) {
        note(NoteKind::Refused, "its value must be one line");
        return None;
    }
    let mut translated = None;
    let (name, value) = match renamed(&name, value) {
        Renamed::Same => (name, value.to_owned()),
        Renamed::Implied => return None,
        Renamed::To {
            name,
            value,
            because,
        } => {
            translated = Some(because);
            (name, value)
        }
        Renamed::Gone { because } => {
            note(NoteKind::Refused, &because);
            return None;
        }
    };
    if let Some(ours) = fixed_by_moco(&name, fixed) {
        if ours.name != name || !same_value(&ours.value, &value) {
            let because = format!("MOCO sets {} = {}: {}", ours.name, ours.value, ours.because);
            note(NoteKind::Overridden, &because);
        }
        return None;
    }
    if let Some(because) = refused(&name).or_else(|| refused_value(&name, &value)) {
        note(NoteKind::Refused, because);
        return None;
    }
    let value = if name == "plugin_load_add" {
        without_our_plugins(&value)?
    } else {
        value
    };
    if let Some(because) = translated {
        note(NoteKind::Translated, &because);
    }
    Some(Taken { name, loose, value })
}

fn explain(key: &str, kind: NoteKind, because: &str) -> ConfigNote {
    let what = match kind {
        NoteKind::Refused => "is not passed on to mysqld",
        NoteKind::Translated => "is passed on in the words of MySQL 9.7",
        NoteKind::Overridden => "has no effect",
    };
    ConfigNote {
        key: key.to_owned(),
        kind,
        sentence: format!("{key} {what}: {because}"),
    }
}

/// A list of plugins without those that MOCO loads, under their names of today or before 8.0.26: a
/// plugin cannot be loaded twice.
fn without_our_plugins(list: &str) -> Option<String> {
    let old = ["semisync_master.so", "semisync_slave.so"];
    let ours = |library: &str| PLUGINS.contains(&library) || old.contains(&library);
    let others: Vec<_> = list
        .trim_matches(['"', '\''])
        .split(';')
        .filter(|entry| !ours(entry.rsplit('=').next().unwrap_or(entry).trim()))
        .filter(|entry| !entry.trim().is_empty())
        .collect();
    (!others.is_empty()).then(|| others.join(";"))
}

/// The option's own name: `-` and `_` mean the same to mysqld, and `loose_` is not part of it.
pub(super) fn normalised(key: &str) -> (String, Loose) {
    let name = key.trim().to_ascii_lowercase().replace('-', "_");
    match name.strip_prefix("loose_") {
        Some(inner) => (inner.to_owned(), Loose::Yes),
        None => (name, Loose::No),
    }
}

/// MOCO's option that this is, or that this would turn around.
fn fixed_by_moco<'a>(name: &str, fixed: &'a [Fixed]) -> Option<&'a Fixed> {
    let exact = |name: &str| fixed.iter().find(|one| one.name == name);
    exact(name).or_else(|| {
        MODIFIERS
            .iter()
            .find_map(|prefix| exact(name.strip_prefix(prefix)?))
    })
}

/// The name without the prefix that turns the option around.
pub(super) fn without_modifier(name: &str) -> &str {
    MODIFIERS
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name)
}

/// Whether two values mean the same to mysqld.
fn same_value(ours: &str, theirs: &str) -> bool {
    let plain = |value: &str| {
        let value = value.trim_matches(['"', '\'']).to_ascii_uppercase();
        match value.as_str() {
            "1" | "TRUE" | "YES" => "ON".to_owned(),
            "0" | "FALSE" | "NO" => "OFF".to_owned(),
            _ => value,
        }
    };
    plain(ours) == plain(theirs)
}
