//! The primary's mysqld is killed under load: the failover, the way back without a clone, and the ledger.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Local;
use crate::chaos::Load;
use crate::say::{Watch, say, wait_until};
use crate::testbed::process::argv;

/// The writers of the tour, and their rows a second.
const LOAD: [&str; 4] = ["--writers", "8", "--rate", "400"];
/// How long nobody may be able to write.
const GAP_SECONDS: f64 = 5.0;
/// How long the record of the failover may take to be complete.
const RECORDED: Duration = Duration::from_secs(30);

/// Kills the primary's mysqld under load, and checks everything that is said about it.
pub(super) fn tell(local: &Local, program: &Path, watch: Watch) -> Result<()> {
    let mut load = Load::start(program, local, &LOAD)?;
    let before = load.look()?;
    let (primary, pid) = primary(local)?;
    let clones = clones(local, primary)?;
    watch.say(&format!(
        "8 writers insert 400 rows a second; kill -9 {pid}, the mysqld of the primary, member {primary}"
    ));
    load.tell("mark kill")?;
    let killed_at = now()?;
    kill(local, primary, pid)?;
    load.wait_for_change(before.server)?;
    watch.say("writes go on");
    let record = record(local, primary)?;
    load.wait_until_whole()?;
    watch.say(&format!(
        "member {primary} is back, and acknowledges as a replica"
    ));
    ensure!(
        self::clones(local, primary)? == clones,
        "member {primary} was cloned to come back"
    );
    watch.say("checked: it came back with its own data, without a clone");

    let report = load.stop().context("the ledger")?;
    let stretch = report.marks.first().context("the load told no mark")?;
    let first = stretch
        .first_ms
        .context("no write was acknowledged after the kill")?;
    let gap = stretch
        .longest_gap_ms
        .context("no write was acknowledged after the kill")?
        / 1000.0;
    timeline(&record, killed_at, first)?;
    ensure!(
        gap <= GAP_SECONDS,
        "nobody could write for {gap:.2} s, which is more than {GAP_SECONDS} s"
    );
    check_members(local)?;
    watch.say(&format!(
        "checked: ledger: acked {}, found {}, lost {}, phantom {}, of unknown outcome {}; acknowledged by an old \
         primary {}; all members hold the same rows; longest time without writes {gap:.2} s",
        report.acked, report.found, report.lost, report.phantom, report.unknown, report.overlapping
    ));
    Ok(())
}

/// The primary's number, and the process id of its mysqld.
pub(crate) fn primary(local: &Local) -> Result<(u64, i32)> {
    let status = local.status()?;
    let members = status.get("members").and_then(Value::as_array);
    let primary = members
        .into_iter()
        .flatten()
        .find(|member| member.get("role").is_some_and(|role| role == "primary"))
        .context("there is no primary")?;
    let number = |name: &str| primary.get(name).and_then(Value::as_u64);
    let member = number("member").context("a member without a number")?;
    let pid = number("mysqldPid").and_then(|pid| pid.try_into().ok());
    Ok((member, pid.context("the primary's mysqld does not run")?))
}

/// SIGKILL, after a look whether the process with this id is the member's mysqld.
fn kill(local: &Local, member: u64, pid: i32) -> Result<()> {
    let options = local.home().join(format!("member-{member}/my.cnf"));
    let own = format!("--defaults-file={}", options.display());
    ensure!(
        argv(pid).contains(&own),
        "process {pid} is not the mysqld of member {member}"
    );
    let pid = Pid::from_raw(pid).context("a process without an id")?;
    kill_process(pid, Signal::KILL).context("kill the primary's mysqld")
}

/// What a member's mysqld remembers of clones that it took.
pub(crate) fn clones(local: &Local, member: u64) -> Result<String> {
    let taken = "SELECT COUNT(*), MAX(BEGIN_TIME) FROM performance_schema.clone_status";
    local
        .call(&["sql", "--member", &member.to_string(), taken])
        .output()
        .with_context(|| format!("ask member {member} for its clones"))
}

/// The record of the failover that took the place of `from`, once it is complete.
fn record(local: &Local, from: u64) -> Result<Value> {
    let mut found = Value::Null;
    wait_until("the record of the failover", RECORDED, || {
        let text = local.call(&["failovers", "--output", "json"]).output()?;
        let all: Vec<Value> = serde_json::from_str(&text).context("read the failovers")?;
        let last = all.into_iter().next_back().unwrap_or_default();
        let complete = last.get("from").is_some_and(|member| *member == from)
            && last.get("openedAt").is_some_and(Value::is_i64);
        let missing = (!complete).then(|| format!("the last one is {last}"));
        found = last;
        Ok(missing)
    })?;
    ensure!(
        found.get("kind").is_some_and(|kind| kind == "failover"),
        "it was no failover: {found}"
    );
    Ok(found)
}

fn timeline(record: &Value, killed_at: i64, first_ms: f64) -> Result<()> {
    let after = |name: &str| {
        let at = record.get(name).and_then(Value::as_i64);
        at.map(|at| at - killed_at)
            .with_context(|| format!("the record has no {name}"))
    };
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    say(&format!(
        "           after the kill, milliseconds:\n\
         {:>17}  noticed: {}\n\
         {:>17}  decided: member {} shall be primary; {}\n\
         {:>17}  opened\n\
         {first_ms:>17.0}  the first write after the kill is acknowledged",
        after("noticedAt")?,
        text("because"),
        after("decidedAt")?,
        record.get("to").unwrap_or(&Value::Null),
        text("proof"),
        after("openedAt")?,
    ));
    Ok(())
}

/// Every member has executed what the first one had when it was asked. The sets themselves go on growing: the primary's
/// agent writes a heartbeat now and then.
fn check_members(local: &Local) -> Result<()> {
    let ask = |member: &str, statement: &str| -> Result<String> {
        let words = ["sql", "--member", member, statement];
        let answer = local.call(&words).output()?;
        Ok(answer
            .lines()
            .skip(1)
            .collect::<Vec<_>>()
            .concat()
            .replace("\\n", ""))
    };
    for source in ["0", "1", "2"] {
        let set = ask(source, "SELECT @@gtid_executed")?;
        let statement = format!("SELECT GTID_SUBSET('{set}', @@gtid_executed)");
        wait_until(
            "all members to have the same transactions",
            RECORDED,
            || {
                let mut behind = Vec::new();
                for member in ["0", "1", "2"] {
                    if ask(member, &statement)? != "1" {
                        behind.push(member);
                    }
                }
                let missing = format!("members {behind:?} lack transactions of member {source}");
                Ok((!behind.is_empty()).then_some(missing))
            },
        )?;
    }
    Ok(())
}

/// Milliseconds since 1970, the clock of the record.
fn now() -> Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.context("the clock is before 1970")?.as_millis();
    i64::try_from(millis).context("the clock is far off")
}
