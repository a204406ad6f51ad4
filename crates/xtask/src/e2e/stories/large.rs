//! A transaction of 1 GB and a long ALTER TABLE are under way when a switchover is asked for, and when the primary dies.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::e2e::client::Client;
use crate::e2e::cluster::Cluster;
use crate::e2e::ledger::{Ledger, Manner};
use crate::e2e::stage::{NAME, SOME, Stage, WRITES};
use crate::testbed::fault::{Fault, Treatment};

/// Longest for one of the large things to end at all members.
const LIMIT: Duration = Duration::from_secs(300);
/// Rows of about 1 KiB; all of them are 1 GB.
const ROWS: u32 = 1_000_000;
/// An ALTER TABLE that copies the table and computes for one to two minutes, on few bytes. A switchover waits 30 s at
/// most for such a statement to end.
const ALTER: &str =
    "ALTER TABLE big.few ADD digest CHAR(128) AS (SHA2(REPEAT(d, 40000), 512)) STORED";
/// The name under which the large transaction is begun.
const FILL: &str = "fill";
/// Bytes by which the binary log must have grown for the large commit to be under way.
const COMMITTING: u64 = 50_000_000;

/// Tells the story.
pub(crate) fn run(cluster: &Cluster) -> Result<()> {
    let stage = Stage::set(cluster, 3)?;
    let record = stage.record()?;
    let client = stage.client_off(&[stage.node(record.primary()?)?])?;
    client.sql(
        &stage.writer,
        "CREATE DATABASE big; CREATE TABLE big.few (id INT PRIMARY KEY, d VARCHAR(1024)); \
         INSERT INTO big.few WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
         SELECT i, REPEAT('x', 1000) FROM n; \
         CREATE TABLE big.many (id INT AUTO_INCREMENT PRIMARY KEY, d VARBINARY(1024))",
    )?;
    given_up(
        &stage,
        client,
        "an ALTER TABLE",
        "alter",
        ALTER,
        "a statement of",
    )?;
    stage.wait_whole(3)?;
    given_up(
        &stage,
        client,
        "a transaction of 1 GB",
        "fill",
        &fill(),
        "connection",
    )?;
    client.sql(
        &stage.writer,
        "TRUNCATE TABLE big.many; ALTER TABLE big.few DROP COLUMN digest",
    )?;
    stage.wait_whole(3)?;
    primary_dies(
        &stage,
        "a commit of 1 GB",
        "fill",
        &fill(),
        |stage, primary, size| {
            let now = binlog_bytes(stage, primary)?;
            Ok((now < size + COMMITTING)
                .then(|| format!("the binary log grew by {} bytes", now - size)))
        },
    )?;
    primary_dies(
        &stage,
        "an ALTER TABLE",
        "alter",
        ALTER,
        |stage, primary, _| {
            let running = running(stage, primary)?;
            Ok((!running.contains("ALTER")).then_some(running))
        },
    )
}

fn fill() -> String {
    let side = f64::from(ROWS).sqrt().round();
    format!(
        "INSERT INTO big.many (d) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {side}) \
         SELECT RANDOM_BYTES(1000) FROM n AS a CROSS JOIN n AS b"
    )
}

/// What a member's clients run at the moment.
fn running(stage: &Stage<'_>, member: u64) -> Result<String> {
    let statement = "SELECT COALESCE(GROUP_CONCAT(INFO), '') FROM performance_schema.processlist \
                     WHERE COMMAND = 'Query' AND USER = 'moco-writable'";
    stage.member_says(member, "moco-admin", statement)
}

/// The size of a member's binary logs.
fn binlog_bytes(stage: &Stage<'_>, member: u64) -> Result<u64> {
    let said = stage.member_says(member, "moco-admin", "SHOW BINARY LOGS")?;
    let sizes = said
        .lines()
        .filter_map(|line| line.split('\t').nth(1)?.parse::<u64>().ok());
    Ok(sizes.sum())
}

/// Waits until what was begun has ended.
fn ended(stage: &Stage<'_>, client: &Client<'_>, name: &str) -> Result<Result<String, String>> {
    let mut outcome = None;
    stage.cluster.wait("the statement to end", LIMIT, || {
        outcome = client.outcome(name)?;
        Ok(outcome.is_none().then(|| "it runs".to_owned()))
    })?;
    outcome.context("no outcome")
}

/// A switchover that is asked for while `statement` runs says what it waits for, and is given up in time.
fn given_up(
    stage: &Stage<'_>,
    client: &Client<'_>,
    what: &str,
    name: &str,
    statement: &str,
    reason: &str,
) -> Result<()> {
    let before = stage.record()?;
    let ledger = stage.ledger(&[Manner::Eager])?;
    client.begin(name, &stage.writer, statement)?;
    let primary = before.primary()?;
    stage
        .cluster
        .wait(&format!("{what} to be under way"), WRITES, || {
            let seen = running(stage, primary)?;
            Ok((!seen.contains("big.")).then_some(seen))
        })?;
    let done = stage
        .plugin
        .call(stage.cluster, &["switchover", NAME])
        .finish()?;
    let said = done.stdout + &done.stderr;
    let now = stage.record()?;
    if done.status.success() {
        // The statement ended in time: then nothing was in the way any more.
        let outcome = ended(stage, client, name)?;
        ensure!(outcome.is_ok(), "a switchover broke {what}: {outcome:?}");
        stage
            .cluster
            .step(&format!("the switchover waited until {what} had ended"));
    } else {
        ensure!(
            said.contains("given up") && said.contains(reason),
            "the plugin said: {said}"
        );
        ensure!(
            now.primary()? == primary && now.epoch()? == before.epoch()?,
            "it was given up, and changed"
        );
        let last = said.lines().last().unwrap_or_default().to_owned();
        stage
            .cluster
            .step(&format!("while {what} is under way: {last}"));
    }
    ledger.goes_on(SOME, WRITES)?;
    let outcome = ended(stage, client, name)?;
    ensure!(outcome.is_ok(), "{what} failed: {outcome:?}");
    judge(stage, &ledger, &before, what)
}

/// The members are whole, hold the ledger's rows, and agree on the large tables.
fn judge(
    stage: &Stage<'_>,
    ledger: &Ledger<'_>,
    before: &crate::e2e::record::Record,
    what: &str,
) -> Result<()> {
    stage.wait_whole(3)?;
    applied(stage, what)?;
    let notes = stage.judge(ledger, before)?;
    stage.cluster.step(&format!(
        "{what}: {} writes acknowledged beside it, none lost, nobody acknowledged for {:.1} s",
        notes.acknowledged(),
        notes.longest_gap().as_secs_f64()
    ));
    Ok(())
}

/// Waits until every replica has applied what the primary has by now: that takes as long as it took the primary.
fn applied(stage: &Stage<'_>, what: &str) -> Result<()> {
    let record = stage.record()?;
    let primary = record.primary()?;
    let all = "SELECT REPLACE(@@global.gtid_executed, '\\n', '')";
    let all = stage.member_says(primary, "moco-admin", all)?;
    let holds = format!("SELECT GTID_SUBSET('{all}', @@global.gtid_executed)");
    for replica in record.members().into_iter().filter(|id| *id != primary) {
        stage
            .cluster
            .wait(&format!("member {replica} to apply {what}"), LIMIT, || {
                let said = stage.member_says(replica, "moco-admin", &holds)?;
                Ok((said != "1").then(|| "it is at it".to_owned()))
            })?;
    }
    Ok(())
}

/// The primary is killed when `begun` says that the statement is under way.
fn primary_dies(
    stage: &Stage<'_>,
    what: &str,
    name: &str,
    statement: &str,
    begun: impl Fn(&Stage<'_>, u64, u64) -> Result<Option<String>>,
) -> Result<()> {
    let cluster = stage.cluster;
    let before = stage.record()?;
    let primary = before.primary()?;
    let client = stage.client_off(&[stage.node(primary)?])?;
    let ledger = stage.ledger(&[Manner::Eager])?;
    let size = binlog_bytes(stage, primary)?;
    client.begin(name, &stage.writer, statement)?;
    cluster.wait(&format!("{what} to be under way"), LIMIT, || {
        begun(stage, primary, size)
    })?;
    cluster.fault(&Fault::Process {
        pod: format!("{}/{}", cluster.namespace, Stage::pod(primary)),
        treatment: Treatment::Kill,
        name: "mysqld".to_owned(),
    })?;
    stage.wait_for_change(&before, LIMIT)?;
    ledger.goes_on(SOME, WRITES)?;
    let outcome = ended(stage, client, name)?;
    judge(
        stage,
        &ledger,
        &before,
        &format!("the primary died during {what}"),
    )?;
    agree(stage, name, outcome.is_ok())
}

/// The large tables are the same at every member: each large thing is there as a whole or not at all, and it is there
/// if the client was told so.
fn agree(stage: &Stage<'_>, name: &str, told: bool) -> Result<()> {
    let record = stage.record()?;
    let found_at = |member: u64| -> Result<String> {
        let statement = "SELECT (SELECT COUNT(*) FROM big.many), (SELECT COUNT(*) FROM information_schema.columns \
             WHERE table_name = 'few' AND table_schema = 'big'), (SELECT COALESCE(SUM(id), 0) FROM big.many)";
        stage.member_says(member, "moco-readonly", statement)
    };
    let wanted = found_at(record.primary()?)?;
    let field = |at| {
        wanted
            .split('\t')
            .nth(at)
            .and_then(|text: &str| text.parse::<u32>().ok())
    };
    let (rows, columns) = (
        field(0).context("no rows")?,
        field(1).context("no columns")?,
    );
    ensure!(rows == 0 || rows == ROWS, "{rows} rows of one transaction");
    let whole = match name {
        FILL => rows == ROWS,
        _ => columns == 3,
    };
    ensure!(
        whole || !told,
        "the client was told that it is committed, and it is not: {wanted}"
    );
    for member in record.members() {
        stage
            .cluster
            .wait(&format!("member {member} to agree"), LIMIT, || {
                let found = found_at(member)?;
                Ok((found != wanted).then(|| format!("{found} instead of {wanted}")))
            })?;
    }
    let outcome = if told { "committed" } else { "nothing certain" };
    stage.cluster.step(&format!(
        "the members agree: {rows} rows, {columns} columns; the client was told: {outcome}"
    ));
    Ok(())
}
