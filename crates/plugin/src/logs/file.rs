//! The slow query log, which is a file of the container `mysqld` and read by `kubectl exec`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context as _, bail};
use futures::future::join_all;
use jiff::Timestamp;
use moco_model::ClusterId;
use moco_resources::config::Place;
use tokio::sync::mpsc::{self, Sender};

use super::run::{LINES_WAITING, print_all};
use super::{Source, merged, prefix, slow, tail};
use crate::cli::Logs;
use crate::commands::Answer;
use crate::connection::Connection;
use crate::kubectl;
use crate::output::{complain, print};

/// Prints the slow query logs, and follows them.
pub(super) async fn show(
    connection: &Connection,
    id: &ClusterId,
    asked: &Logs,
    sources: &[Source],
) -> anyhow::Result<Answer> {
    let calls = sources
        .iter()
        .map(|source| (prefix(source, sources), call(connection, id, source, asked)));
    if asked.follow {
        follow(calls.collect()).await?;
        return Ok(Answer::Yes);
    }
    let read =
        join_all(calls.map(|(prefix, call)| async move { (prefix, read(call).await) })).await;
    let none_read = read.iter().all(|(_, log)| log.is_err());
    let mut all = Vec::new();
    for (prefix, log) in read {
        match log {
            Ok(log) => {
                let entries = slow::entries(&log);
                let from = asked.since.map(|since| Timestamp::now() - since);
                all.push((prefix, slow::since(entries, from.unwrap_or(Timestamp::MIN))));
            }
            Err(error) if none_read => return Err(error),
            Err(error) => complain(&format!("warning: {prefix}{error:#}")),
        }
    }
    print(&merged(all))?;
    Ok(Answer::Yes)
}

/// `tail` in the container: no more of a large file is sent than is wanted.
pub(super) fn call(
    connection: &Connection,
    id: &ClusterId,
    source: &Source,
    asked: &Logs,
) -> Command {
    let mut command = kubectl::exec(connection, id, source.member);
    command.args(["--", "tail", "-n", &tail(asked).to_string()]);
    if asked.follow {
        command.arg("-F");
    }
    command.arg(Place::pod().slow_log);
    command
}

async fn read(mut command: Command) -> anyhow::Result<String> {
    let run = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output());
    let ended = run
        .await
        .context("the thread that waits for kubectl ended")?;
    let Output {
        status,
        stdout,
        stderr,
    } = ended.context("cannot run kubectl")?;
    if !status.success() {
        let said = String::from_utf8_lossy(&stderr);
        bail!("kubectl could not read the slow query log: {}", said.trim());
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// Lines as they are written, in the order in which they arrive.
async fn follow(calls: Vec<(String, Command)>) -> anyhow::Result<()> {
    let (send, lines) = mpsc::channel(LINES_WAITING);
    let mut children = Vec::new();
    for (prefix, mut command) in calls {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.context("cannot run kubectl")?;
        let output = child.stdout.take().context("kubectl has no output")?;
        children.push(Running(child));
        let send = send.clone();
        tokio::task::spawn_blocking(move || pass_on(output, &prefix, &send));
    }
    drop(send);
    print_all(lines).await
}

/// A child that ends when nobody reads it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pass_on(output: impl std::io::Read, prefix: &str, send: &Sender<String>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output
        .read_until(b'\n', &mut line)
        .is_ok_and(|read| read > 0)
    {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches('\n');
        if send.blocking_send(format!("{prefix}{text}\n")).is_err() {
            return;
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use moco_model::MemberId;

    use super::*;
    use crate::connection::tests::flags;
    use crate::kubectl::words;

    #[test]
    fn the_file_is_read_in_the_container_of_mysqld_from_its_end() {
        let id = ClusterId::new("shop", "orders").unwrap();
        let source = Source {
            member: MemberId(1),
            container: "mysqld".to_owned(),
        };
        let asked = crate::logs::tests::asked("orders --slow --tail 7 --follow");
        let command = call(&flags(""), &id, &source, &asked);
        assert_eq!(
            words(&command),
            [
                "--namespace=shop",
                "exec",
                "moco-orders-1",
                "--container=mysqld",
                "--",
                "tail",
                "-n",
                "7",
                "-F",
                "/var/log/mysql/mysql.slow",
            ]
        );
    }

    #[test]
    fn lines_are_passed_on_also_the_last_one_without_its_end() {
        let (send, mut lines) = mpsc::channel(8);
        pass_on("a\nb".as_bytes(), "[0] ", &send);
        assert_eq!(lines.try_recv().unwrap(), "[0] a\n");
        assert_eq!(lines.try_recv().unwrap(), "[0] b\n");
    }
}
