//! A ledger of acknowledged writes: what a user was told is stored must be there afterwards.
//!
//! A loop in the client pod inserts the numbers 1, 2, 3 … one transaction each, over a new connection each, and notes
//! for every number whether the server acknowledged it and when. The notes stay in the pod, so they survive the loss
//! of the API server.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::client::{Client, Login};

/// Starts [`LOOP`] so that it outlives this call: a program of its own, because a shell function in the background
/// would keep the caller's pipes open.
const START: &str = "\
IFS= read -r MYSQL_PWD; export MYSQL_PWD
rm -f /tmp/ledger /tmp/ledger.stop /tmp/ledger.done
script=$1; shift
setsid sh -c \"$script\" sh \"$@\" >/dev/null 2>&1 </dev/null &
";

/// Inserts until it is told to stop. Times are seconds since the machine's start.
const LOOP: &str = r#"
n=0
while [ ! -e /tmp/ledger.stop ]; do
  n=$((n + 1))
  if said=$(timeout 15 mysql --connect-timeout=3 --host="$1" --user="$2" \
    --execute="INSERT INTO $3.ledger (n) VALUES ($n)" 2>&1)
  then word=ok; else word=refused; fi
  read -r now rest </proc/uptime
  echo "$n $word $now $said" | head -n 1 >>/tmp/ledger
  [ "$word" = ok ] || usleep 100000
done
touch /tmp/ledger.done
"#;

/// Longest a running write takes to end after the loop was told to stop.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running ledger.
pub(crate) struct Ledger<'a> {
    client: &'a Client<'a>,
    schema: String,
}

/// What the ledger noted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Notes {
    /// The numbers whose commit the server acknowledged.
    pub(crate) acknowledged: BTreeSet<u64>,
    /// The others, with what the client was told; their rows may or may not exist.
    pub(crate) refused: Vec<(u64, String)>,
    /// The longest time between two acknowledgements.
    pub(crate) longest_gap: Duration,
}

impl<'a> Ledger<'a> {
    /// Makes the schema and the table and starts to write.
    pub(crate) fn start(client: &'a Client<'a>, login: &Login, schema: &str) -> Result<Self> {
        client
            .sql(
                login,
                &format!(
                    "CREATE DATABASE IF NOT EXISTS {schema}; \
                     CREATE TABLE {schema}.ledger (n BIGINT UNSIGNED PRIMARY KEY)"
                ),
            )
            .context("make the ledger's table")?;
        let args = [LOOP, &login.host, &login.user, schema];
        client
            .shell(START, &args, &format!("{}\n", login.password))
            .context("start the ledger")?;
        Ok(Self {
            client,
            schema: schema.to_owned(),
        })
    }

    /// What it has noted until now.
    pub(crate) fn notes(&self) -> Result<Notes> {
        let text = self
            .client
            .shell("cat /tmp/ledger 2>/dev/null || true", &[], "")?;
        notes_in(&text)
    }

    /// Ends the writing and returns the notes.
    pub(crate) fn stop(&self) -> Result<Notes> {
        self.client
            .shell("touch /tmp/ledger.stop", &[], "")
            .context("stop the ledger")?;
        self.client
            .cluster
            .wait("the ledger's last write", STOP_LIMIT, || {
                let script = "test -e /tmp/ledger.done && echo done || true";
                let said = self.client.shell(script, &[], "")?;
                Ok((said.trim() != "done").then(|| "it is still writing".to_owned()))
            })?;
        self.notes()
    }

    /// An error unless every acknowledged number is stored at `login`'s server.
    pub(crate) fn verify(&self, notes: &Notes, login: &Login) -> Result<()> {
        let rows = self
            .client
            .sql(login, &format!("SELECT n FROM {}.ledger", self.schema))?;
        let stored: BTreeSet<u64> = rows
            .iter()
            .filter_map(|row| row.first()?.parse().ok())
            .collect();
        let lost: Vec<_> = notes.acknowledged.difference(&stored).collect();
        if !lost.is_empty() {
            bail!(
                "{} of {} acknowledged writes are lost at {}: {lost:?}",
                lost.len(),
                notes.acknowledged.len(),
                login.host
            );
        }
        Ok(())
    }
}

fn notes_in(text: &str) -> Result<Notes> {
    let mut notes = Notes::default();
    let mut last: Option<f64> = None;
    for line in text.lines() {
        let mut fields = line.splitn(4, ' ');
        let mut field = || {
            fields
                .next()
                .with_context(|| format!("a note is cut short: `{line}`"))
        };
        let (number, word, at) = (field()?, field()?, field()?);
        let said = field().unwrap_or_default();
        let number = number
            .parse()
            .with_context(|| format!("read the note `{line}`"))?;
        if word != "ok" {
            notes.refused.push((number, said.to_owned()));
            continue;
        }
        let at: f64 = at
            .parse()
            .with_context(|| format!("read the note `{line}`"))?;
        let gap = last.map_or(0.0, |last| (at - last).max(0.0));
        notes.longest_gap = notes.longest_gap.max(Duration::from_secs_f64(gap));
        last = Some(at);
        notes.acknowledged.insert(number);
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_tell_acknowledged_from_refused_and_find_the_gap() {
        let text =
            "1 ok 100.00 \n2 refused 101.00 ERROR 2003 (HY000): no\n3 ok 104.50 \n4 ok 105.00 \n";
        let notes = notes_in(text).unwrap();
        assert_eq!(notes.acknowledged, BTreeSet::from([1, 3, 4]));
        assert_eq!(notes.refused, [(2, "ERROR 2003 (HY000): no".to_owned())]);
        assert_eq!(notes.longest_gap, Duration::from_millis(4500));
    }

    #[test]
    fn a_broken_note_is_an_error() {
        assert!(notes_in("1 ok").is_err());
        assert!(notes_in("x ok 1.0 ").is_err());
    }
}
