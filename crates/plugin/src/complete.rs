//! Completion, in the form that kubectl asks of plugins: it runs `kubectl_complete-moco` with the words
//! so far and reads one candidate a line, a tab before its description, and a number in the last line
//! that says how the shell treats them. The scripts for `kubectl-moco` itself ask for the same, so that
//! every shell completes the same, names of clusters included.
//!
//! An error completes nothing; there is nobody to show it to.

use std::fmt::Write as _;
use std::time::Duration;

use clap::{Arg, Command, CommandFactory as _, Parser, ValueHint};

use crate::calls::Calls;
use crate::cli::{Cli, ForShell};
use crate::connection::Connection;

/// "Offer no files": bit 2 of the number that kubectl reads (cobra's `ShellCompDirectiveNoFileComp`).
const NO_FILES: &str = ":4";
/// The shell offers files where nothing else is offered (cobra's `ShellCompDirectiveDefault`).
const FILES: &str = ":0";

/// The script that completes `kubectl-moco` in a shell.
pub(crate) const fn script(shell: ForShell) -> &'static str {
    match shell {
        ForShell::Bash => include_str!("complete/bash.sh"),
        ForShell::Zsh => include_str!("complete/zsh.sh"),
        ForShell::Fish => include_str!("complete/fish.fish"),
    }
}

/// Who presses the tab key does not wait longer for the API server.
const PATIENCE: Duration = Duration::from_secs(2);

/// What can stand at the place of the last word.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// One of these: the word, and what it means.
    Words(Vec<(String, String)>),
    /// The name of a cluster.
    Cluster,
    /// The name of a file.
    File,
    /// Nothing that is known.
    Unknown,
}

/// What the words before the last one say.
#[derive(Debug, PartialEq, Eq)]
struct Context {
    place: Place,
    /// The flags about the connection, as they were given.
    connection: Vec<String>,
}

/// Only the flags about the connection.
#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    connection: Connection,
}

/// The answer to kubectl. The last word is the one that is being typed, and may be empty.
pub(crate) async fn answer(words: &[String]) -> String {
    let (typed, before) = words
        .split_last()
        .map_or(("", words), |(typed, before)| (typed.as_str(), before));
    let context = context(before, typed);
    let (candidates, files) = match context.place {
        Place::Words(words) => (words, NO_FILES),
        Place::Cluster => (clusters(&context.connection).await, NO_FILES),
        Place::File => (Vec::new(), FILES),
        Place::Unknown => (Vec::new(), NO_FILES),
    };
    text(&candidates, typed, files)
}

fn text(candidates: &[(String, String)], typed: &str, files: &str) -> String {
    let mut text = String::new();
    for (word, help) in candidates
        .iter()
        .filter(|(word, _)| word.starts_with(typed))
    {
        let _ = match help.as_str() {
            "" => writeln!(text, "{word}"),
            help => writeln!(text, "{word}\t{help}"),
        };
    }
    text + files + "\n"
}

async fn clusters(flags: &[String]) -> Vec<(String, String)> {
    let words = std::iter::once("kubectl-moco".to_owned()).chain(flags.iter().cloned());
    let Ok(Flags { connection }) = Flags::try_parse_from(words) else {
        return Vec::new();
    };
    let Ok(connected) = connection.connect().await else {
        return Vec::new();
    };
    let calls = Calls::new(connected.client, connected.namespace, Some(PATIENCE));
    let names = calls.cluster_names().await.unwrap_or_default();
    names
        .into_iter()
        .map(|name| (name, String::new()))
        .collect()
}

/// Walks through the words before the last one.
fn context(before: &[String], typed: &str) -> Context {
    let mut root = Cli::command();
    root.build();
    let mut command = &root;
    let mut connection = Vec::new();
    let mut positionals = 0;
    let mut words = before.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            return Context {
                place: Place::Unknown,
                connection,
            };
        }
        let Some(flag) = word.strip_prefix('-').and_then(|_| flag(command, word)) else {
            match command.find_subcommand(word) {
                Some(found) if !word.starts_with('-') => (command, positionals) = (found, 0),
                _ => positionals += usize::from(!word.starts_with('-')),
            }
            continue;
        };
        let value = flag.wants_next.then(|| words.next());
        if value == Some(None) {
            let place = values(flag.arg);
            return Context { place, connection };
        }
        if flag.arg.get_help_heading() == Some("Connection") {
            connection.push(word.clone());
            connection.extend(value.flatten().cloned());
        }
    }
    let place = place(command, positionals, typed);
    Context { place, connection }
}

/// A flag that was found.
struct Flag<'a> {
    arg: &'a Arg,
    /// Its value is the next word.
    wants_next: bool,
}

/// Which flag a word is: `--name`, `--name=value`, `-n`, `-nvalue`, or several short ones.
fn flag<'a>(command: &'a Command, word: &str) -> Option<Flag<'a>> {
    let takes = |arg: &Arg| arg.get_action().takes_values();
    if let Some(long) = word.strip_prefix("--") {
        let name = long.split('=').next();
        let arg = command.get_arguments().find(|arg| arg.get_long() == name)?;
        let wants_next = takes(arg) && !long.contains('=');
        return Some(Flag { arg, wants_next });
    }
    let letters = word.strip_prefix('-')?;
    let mut found = None;
    for (at, letter) in letters.char_indices() {
        let arg = command
            .get_arguments()
            .find(|arg| arg.get_short() == Some(letter))?;
        let is_last = at + letter.len_utf8() == letters.len();
        found = Some(Flag {
            arg,
            wants_next: takes(arg) && is_last,
        });
        if takes(arg) {
            break;
        }
    }
    found
}

/// What can stand after the words, in this command.
fn place(command: &Command, positionals: usize, typed: &str) -> Place {
    if typed.starts_with('-') {
        let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let flags = shown.filter_map(|arg| Some((format!("--{}", arg.get_long()?), help(arg))));
        return Place::Words(flags.collect());
    }
    if let Some(arg) = command.get_positionals().nth(positionals) {
        return values(arg);
    }
    let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    let verbs: Vec<_> = shown
        .map(|one| (one.get_name().to_owned(), first_line(one.get_about())))
        .collect();
    if positionals > 0 || verbs.is_empty() {
        Place::Unknown
    } else {
        Place::Words(verbs)
    }
}

/// The values of an argument.
fn values(arg: &Arg) -> Place {
    if arg.get_id() == "cluster" {
        return Place::Cluster;
    }
    if arg.get_value_hint() == ValueHint::FilePath {
        return Place::File;
    }
    let known: Vec<_> = arg
        .get_possible_values()
        .iter()
        .map(|value| (value.get_name().to_owned(), first_line(value.get_help())))
        .collect();
    if known.is_empty() || !arg.get_action().takes_values() {
        Place::Unknown
    } else {
        Place::Words(known)
    }
}

fn help(arg: &Arg) -> String {
    first_line(arg.get_help())
}

fn first_line(text: Option<&clap::builder::StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
