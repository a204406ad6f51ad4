//! A ledger of acknowledged writes: what a user was told is stored must be there afterwards.
//!
//! Writers are loops in client pods. Each inserts its own numbers 1, 2, 3 …, one transaction each, over one
//! connection that it makes again after an error, and notes for every number what it was told, when, and by which
//! server. The notes stay in the pods, so they survive the loss of the API server and of the pod's node.

mod notes;

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::client::{Client, Login};
pub(crate) use notes::Notes;

/// Starts [`LOOP`] so that it outlives this call: a program of its own, because a shell function in the background
/// would keep the caller's pipes open.
const START: &str = "\
IFS= read -r MYSQL_PWD; export MYSQL_PWD
f=/tmp/ledger.$5; rm -f $f $f.stop $f.done
script=$1; shift
setsid sh -c \"$script\" sh \"$@\" >/dev/null 2>&1 </dev/null &
";

/// Inserts until it is told to stop: host, user, table, writer, seconds to wait for an answer, pause after an error in
/// microseconds, seconds to wait for a connection. Times are seconds since the machine's start, the same in every pod. The client program is kept and
/// fed through a pipe; it ends at an error. A client without an answer is killed: that is what a user's time-out does.
const LOOP: &str = r#"
f=/tmp/ledger.$4 n=0 pid=
trap '' PIPE
open() {
  rm -f $f.in $f.out; mkfifo $f.in $f.out
  mysql --connect-timeout="$3" --batch --skip-column-names --unbuffered --host="$1" --user="$2" \
    <$f.in >$f.out 2>&1 &
  pid=$!; exec 3>$f.in 4<$f.out
}
shut() { exec 3>&- 4<&-; kill -9 $pid 2>/dev/null; wait $pid; pid=; }
while [ ! -e $f.stop ]; do
  n=$((n + 1))
  read -r begin rest </proc/uptime
  [ -n "$pid" ] || open "$1" "$2" "$7"
  echo "INSERT INTO $3 (writer, n) VALUES ($4, $n); SELECT 'ok', @@hostname;" >&3
  said="no answer in $5 s"; read -r -t "$5" said <&4
  read -r end rest </proc/uptime
  echo "$n $begin $end $said" >>$f
  case $said in ok*) usleep 5000 ;; *) shut; usleep "$6" ;; esac
done
[ -z "$pid" ] || shut
touch $f.done
"#;

/// Longest a running write takes to end after the loop was told to stop.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Seconds since the machine's start, as the writers note them.
pub(crate) fn uptime() -> Result<f64> {
    let text = fs::read_to_string("/proc/uptime").context("read /proc/uptime")?;
    let seconds = text.split(' ').next().and_then(|text| text.parse().ok());
    seconds.with_context(|| format!("read `{text}`"))
}

/// How a writer behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Waits a second for an answer and tries again at once: it sees how long nobody could write.
    Eager,
    /// As an application with a pool: waits patiently for an answer, and two seconds before it tries again.
    Patient,
    /// Tries now and then at a server that should refuse it.
    Stray,
}

impl Manner {
    /// Seconds to wait for an answer, microseconds before it tries again, seconds to wait for a connection.
    const fn times(self) -> [&'static str; 3] {
        match self {
            Self::Eager => ["1", "50000", "1"],
            Self::Patient => ["10", "2000000", "5"],
            Self::Stray => ["2", "400000", "1"],
        }
    }
}

struct Writer<'a> {
    client: &'a Client<'a>,
    number: usize,
    manner: Manner,
}

/// A running ledger.
pub(crate) struct Ledger<'a> {
    table: String,
    writers: Vec<Writer<'a>>,
}

impl<'a> Ledger<'a> {
    /// Makes the table `SCHEMA.ledger` anew and starts one eager writer.
    pub(crate) fn start(client: &'a Client<'a>, login: &Login, schema: &str) -> Result<Self> {
        let mut ledger = Self::prepare(client, login, schema)?;
        ledger.add(client, login, Manner::Eager)?;
        Ok(ledger)
    }

    /// Makes the table `SCHEMA.ledger` anew, without a writer.
    pub(crate) fn prepare(client: &Client<'_>, login: &Login, schema: &str) -> Result<Self> {
        let table = format!("{schema}.ledger");
        client
            .sql(
                login,
                &format!(
                    "CREATE DATABASE IF NOT EXISTS {schema}; DROP TABLE IF EXISTS {table}; \
                     CREATE TABLE {table} (writer INT, n BIGINT, PRIMARY KEY (writer, n))"
                ),
            )
            .context("make the ledger's table")?;
        Ok(Self {
            table,
            writers: Vec::new(),
        })
    }

    /// Starts one more writer.
    pub(crate) fn add(
        &mut self,
        client: &'a Client<'a>,
        login: &Login,
        manner: Manner,
    ) -> Result<()> {
        let number = self.writers.len();
        let text = number.to_string();
        let mut args = vec![LOOP, &login.host, &login.user, &self.table, &text];
        args.extend(manner.times());
        client
            .shell(START, &args, &format!("{}\n", login.password))
            .context("start a writer of the ledger")?;
        self.writers.push(Writer {
            client,
            number,
            manner,
        });
        Ok(())
    }

    /// The table's name with its schema.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// What was noted until now.
    pub(crate) fn notes(&self) -> Result<Notes> {
        self.notes_of(|_| true)
    }

    fn notes_of(&self, which: impl Fn(Manner) -> bool) -> Result<Notes> {
        let mut notes = Notes::default();
        for writer in self.writers.iter().filter(|writer| which(writer.manner)) {
            let file = format!("/tmp/ledger.{}", writer.number);
            let script = "cat \"$1\" 2>/dev/null || true";
            let text = writer.client.shell(script, &[&file], "")?;
            notes.read(writer.number, writer.manner, &text)?;
        }
        Ok(notes)
    }

    /// Waits until `more` writes than now were acknowledged to others than strays, whose pods may be cut off.
    pub(crate) fn goes_on(&self, more: usize, limit: Duration) -> Result<()> {
        let acknowledged = || -> Result<usize> {
            Ok(self
                .notes_of(|manner| manner != Manner::Stray)?
                .acknowledged())
        };
        let Some(writer) = self.writers.first() else {
            return Ok(());
        };
        let before = acknowledged()?;
        let cluster = writer.client.cluster;
        cluster.wait("acknowledged writes", limit, || {
            let now = acknowledged()? - before;
            Ok((now < more).then(|| format!("{now} of {more}")))
        })
    }

    /// Ends the writing and returns the notes.
    pub(crate) fn stop(&self) -> Result<Notes> {
        for writer in &self.writers {
            let file = format!("/tmp/ledger.{}.stop", writer.number);
            let touched = writer.client.shell("touch \"$1\"", &[&file], "");
            touched.context("stop the ledger")?;
        }
        for writer in &self.writers {
            let file = format!("/tmp/ledger.{}.done", writer.number);
            let cluster = writer.client.cluster;
            cluster.wait("a writer's last write", STOP_LIMIT, || {
                let script = "test -e \"$1\" && echo done || true";
                let said = writer.client.shell(script, &[&file], "")?;
                Ok((said.trim() != "done").then(|| "it is still writing".to_owned()))
            })?;
        }
        self.notes()
    }

    /// An error unless the table at `login`'s server holds every acknowledged row and no row that it must not hold.
    pub(crate) fn verify(&self, notes: &Notes, client: &Client<'_>, login: &Login) -> Result<()> {
        let rows = client.sql(login, &format!("SELECT writer, n FROM {}", self.table))?;
        let row = |row: &Vec<String>| {
            let writer = row.first()?.parse().ok()?;
            Some((writer, row.get(1)?.parse().ok()?))
        };
        let stored = rows.iter().filter_map(row).collect();
        notes
            .compare(&stored)
            .with_context(|| format!("the ledger at {}", login.host))
    }
}
