//! Reads the logs, and follows them.

use std::pin::pin;
use std::time::Duration;

use anyhow::bail;
use futures::future::join_all;
use futures::io::{AsyncBufRead, AsyncBufReadExt as _};
use jiff::Timestamp;
use kube::api::LogParams;
use moco_model::ClusterId;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::Instant;

use super::{Source, entries, entry, file, merged, prefix, sources, tail};
use crate::calls::{CallError, Calls, LogOf};
use crate::cli::Logs;
use crate::commands::{Answer, refuse};
use crate::connection::Connection;
use crate::output::{Reader, complain, offer, print};
use crate::pods;

/// Lines that wait to be printed before the logs are read on.
pub(super) const LINES_WAITING: usize = 1_024;
/// A stream that breaks sooner is not opened again.
const SHORTEST: Duration = Duration::from_secs(1);

/// Carries `kubectl moco logs` out.
pub(crate) async fn run(
    connection: &Connection,
    calls: &Calls,
    asked: &Logs,
) -> anyhow::Result<Answer> {
    let id = calls.id(&asked.cluster)?;
    let pods = pods::by_member(&id, calls.pods_of(&id).await?);
    let sources = match sources(&pods, asked) {
        Ok(sources) => sources,
        Err(refusal) => return Ok(refuse(&refusal)),
    };
    if asked.slow {
        return file::show(connection, &id, asked, &sources).await;
    }
    let logs = sources.iter().map(|source| log_of(&id, source, asked));
    let logs: Vec<_> = logs.collect();
    let last = show(calls, &logs, &sources).await?;
    if asked.follow {
        let (send, lines) = mpsc::channel(LINES_WAITING);
        for ((of, last), source) in logs.into_iter().zip(last).zip(&sources) {
            let prefix = prefix(source, &sources);
            tokio::spawn(follow(calls.clone(), of, prefix, last, send.clone()));
        }
        drop(send);
        print_all(lines).await?;
    }
    Ok(Answer::Yes)
}

fn log_of(id: &ClusterId, source: &Source, asked: &Logs) -> LogOf {
    let seconds = asked.since.map(|since| since.as_secs().max(1));
    LogOf {
        pod: id.pod_name(source.member),
        container: source.container.clone(),
        params: LogParams {
            previous: asked.previous,
            since_seconds: seconds.and_then(|seconds| i64::try_from(seconds).ok()),
            tail_lines: Some(tail(asked)),
            timestamps: true,
            ..LogParams::default()
        },
    }
}

/// Prints what the logs hold now; one that cannot be read hides no other. Gives the time of the last line of each.
async fn show(
    calls: &Calls,
    logs: &[LogOf],
    sources: &[Source],
) -> anyhow::Result<Vec<Option<Timestamp>>> {
    let read: Vec<Result<String, CallError>> = join_all(logs.iter().map(|of| calls.log(of))).await;
    let none_read = read.iter().all(Result::is_err);
    let (mut all, mut last) = (Vec::new(), Vec::new());
    for (log, source) in read.into_iter().zip(sources) {
        let entries = match log {
            Ok(log) => entries(&log),
            Err(error) if none_read => bail!(error),
            Err(error) => {
                complain(&format!("warning: {error}"));
                Vec::new()
            }
        };
        last.push(entries.last().map(|entry| entry.at));
        all.push((prefix(source, sources), entries));
    }
    print(&merged(all))?;
    Ok(last)
}

/// Prints lines until there are no more, until nobody reads them, or until Ctrl-C.
pub(super) async fn print_all(mut lines: Receiver<String>) -> anyhow::Result<()> {
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    loop {
        let line = tokio::select! {
            Ok(()) = &mut interrupt => return Ok(()),
            line = lines.recv() => line,
        };
        let Some(line) = line else { return Ok(()) };
        if offer(&line)? == Reader::Gone {
            return Ok(());
        }
    }
}

/// Why a stream is no longer read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// The container ended, or its log was closed.
    Ended,
    /// The connection broke, or nothing was printed for as long as a connection may be quiet.
    Broke,
    /// Nobody prints the lines any more.
    Unwanted,
}

/// Passes on what is printed after `last`, over breaks of the connection.
async fn follow(
    calls: Calls,
    mut of: LogOf,
    prefix: String,
    mut last: Option<Timestamp>,
    send: Sender<String>,
) {
    of.params.follow = true;
    loop {
        if let Some(last) = last {
            // Whole seconds are all that the API server takes; what was printed already is left out here.
            of.params.since_seconds = None;
            of.params.since_time = Some(last);
            of.params.tail_lines = None;
        }
        let opened = Instant::now();
        let over = match calls.follow_log(&of).await {
            Ok(stream) => pass_on(stream, &prefix, &mut last, &send).await,
            Err(error) => return complain(&format!("warning: {error}")),
        };
        match over {
            Over::Broke if opened.elapsed() >= SHORTEST => {}
            Over::Unwanted => return,
            Over::Broke | Over::Ended => {
                let LogOf { pod, container, .. } = &of;
                return complain(&format!("{prefix}the log of {container} in {pod} ended"));
            }
        }
    }
}

async fn pass_on(
    stream: impl AsyncBufRead,
    prefix: &str,
    last: &mut Option<Timestamp>,
    send: &Sender<String>,
) -> Over {
    let mut stream = pin!(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match stream.read_until(b'\n', &mut line).await {
            Ok(0) => return Over::Ended,
            Ok(_) => {}
            Err(_) => return Over::Broke,
        }
        let text = String::from_utf8_lossy(&line);
        let Some(entry) = entry(text.trim_end_matches('\n')) else {
            continue;
        };
        if last.is_some_and(|last| entry.at <= last) {
            continue;
        }
        *last = Some(entry.at);
        if send
            .send(format!("{prefix}{}\n", entry.text))
            .await
            .is_err()
        {
            return Over::Unwanted;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_printed_before_a_break_is_not_printed_again() {
        let log = "2026-02-03T04:05:06.1Z a\n2026-02-03T04:05:06.2Z b\n2026-02-03T04:05:06.3Z c\n";
        let (send, mut lines) = mpsc::channel(8);
        let mut last = Some("2026-02-03T04:05:06.1Z".parse().unwrap());
        let over = pass_on(log.as_bytes(), "[1] ", &mut last, &send).await;
        drop(send);
        assert_eq!(over, Over::Ended);
        assert_eq!(lines.recv().await.as_deref(), Some("[1] b\n"));
        assert_eq!(lines.recv().await.as_deref(), Some("[1] c\n"));
        assert_eq!(lines.recv().await, None);
        assert_eq!(last, Some("2026-02-03T04:05:06.3Z".parse().unwrap()));
    }
}
