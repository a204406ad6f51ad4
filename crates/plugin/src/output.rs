//! What is printed, and where.

use std::io::{ErrorKind, Write as _};

use anyhow::Context as _;
use serde::Serialize;

use crate::cli::Format;

/// Whether somebody reads what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// As far as is known.
    There,
    /// It has seen enough (`| head`).
    Gone,
}

/// Prints text. A reader that has seen enough is no error.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    offer(text).map(drop)
}

/// Prints text, and says whether more is wanted.
pub(crate) fn offer(text: &str) -> anyhow::Result<Reader> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}

/// Prints a line.
pub(crate) fn say(line: &str) -> anyhow::Result<()> {
    print(&format!("{line}\n"))
}

/// Prints a line for people beside what programs read; there is nobody to tell if it fails.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A value in the form that was asked for.
pub(crate) fn formatted(value: &impl Serialize, format: Format) -> anyhow::Result<String> {
    match format {
        Format::Json => serde_json::to_string_pretty(value)
            .map(|text| format!("{text}\n"))
            .context("cannot write as JSON"),
        Format::Yaml => serde_saphyr::to_string(value).context("cannot write as YAML"),
    }
}
