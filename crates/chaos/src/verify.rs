//! Before and after the writing: the table, every row of it, and whether all members hold the same.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use moco_model::{Account, MemberId};
use mysql_async::prelude::Queryable as _;
use tokio::time::sleep;

use crate::home::Home;
use crate::judgement::Rows;
use crate::login::{Failure, Login, Session, within};

/// Where the rows are; made anew for each run.
pub(crate) const TABLE: &str = "moco_chaos.ledger";
const MAKE: [&str; 3] = [
    "DROP DATABASE IF EXISTS moco_chaos",
    "CREATE DATABASE moco_chaos",
    "CREATE TABLE moco_chaos.ledger (writer INT UNSIGNED, seq BIGINT UNSIGNED, filler LONGTEXT \
     CHARACTER SET ascii NOT NULL, PRIMARY KEY (writer, seq))",
];

/// How long a primary is waited for, before and after.
const PRIMARY: Duration = Duration::from_secs(120);
/// How long a statement over the whole table may take.
const WHOLE_TABLE: Duration = Duration::from_secs(300);
/// How long a replica may take to apply what the primary has, seconds.
const CAUGHT_UP_SECONDS: u32 = 120;
/// Between two attempts to reach somebody.
const AGAIN: Duration = Duration::from_millis(100);

/// Makes the table, as soon as somebody takes writes.
pub(crate) async fn make_table(login: &Login) -> anyhow::Result<()> {
    let made = patiently(async || {
        let mut session = login.connect(AGAIN * 50).await?;
        for statement in MAKE {
            within(WHOLE_TABLE, session.conn.query_drop(statement)).await?;
        }
        Ok(())
    });
    made.await.context("cannot make the table of the ledger")
}

/// Every row, as the primary has it.
pub(crate) async fn rows(login: &Login) -> anyhow::Result<Rows> {
    let read = patiently(async || {
        let mut session = login.connect(AGAIN * 50).await?;
        let sql = format!("SELECT writer, seq FROM {TABLE}");
        let all = session.conn.query_fold(sql, Rows::default(), add);
        within(WHOLE_TABLE, all).await
    });
    read.await.context("cannot read the rows from the primary")
}

fn add(mut rows: Rows, (writer, seq): (u32, u64)) -> Rows {
    rows.add(writer, seq);
    rows
}

/// Tries until it works; the primary may have changed in the last moment.
async fn patiently<T>(mut call: impl AsyncFnMut() -> Result<T, Failure>) -> anyhow::Result<T> {
    let began = Instant::now();
    loop {
        match call().await {
            Ok(done) => return Ok(done),
            Err(failure) if began.elapsed() > PRIMARY => {
                let seconds = PRIMARY.as_secs();
                bail!("not within {seconds} s: {failure}");
            }
            Err(_) => sleep(AGAIN).await,
        }
    }
}

/// Each member's checksum of the table, after it has applied everything that the primary has; an
/// error's sentence where there is none.
pub(crate) async fn checksums(
    home: &Home,
    primary: &Login,
) -> anyhow::Result<BTreeMap<MemberId, Result<u64, String>>> {
    let executed = patiently(async || {
        let mut session = primary.connect(AGAIN * 50).await?;
        let sql = "SELECT @@GLOBAL.gtid_executed";
        let set: Option<String> = within(WHOLE_TABLE, session.conn.query_first(sql)).await?;
        Ok(set.unwrap_or_default())
    });
    let executed = executed
        .await
        .context("cannot ask the primary for its GTID set")?;
    let mut found = BTreeMap::new();
    for member in home.status()?.members {
        let login = Login::new(home, Account::Readonly, member.address)?;
        let sum = patiently(async || {
            let mut session = login.connect(AGAIN * 50).await?;
            checksum(&mut session, &executed).await
        });
        let sum = match sum.await {
            Ok(Some(sum)) => Ok(sum),
            Ok(None) => Err("it did not apply everything that the primary has".to_owned()),
            Err(error) => Err(format!("{error:#}")),
        };
        found.insert(member.id, sum);
    }
    Ok(found)
}

/// The member's checksum; none if it does not catch up.
async fn checksum(session: &mut Session, executed: &str) -> Result<Option<u64>, Failure> {
    // GTID sets are hexadecimal digits, dashes, colons, commas and line ends: nothing to escape.
    let wait = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{executed}', {CAUGHT_UP_SECONDS})");
    let late: Option<i64> = within(WHOLE_TABLE, session.conn.query_first(wait)).await?;
    if late != Some(0) {
        return Ok(None);
    }
    let sql = format!("CHECKSUM TABLE {TABLE}");
    let sum: Option<(String, Option<u64>)> =
        within(WHOLE_TABLE, session.conn.query_first(sql)).await?;
    Ok(sum.and_then(|(_, sum)| sum))
}
