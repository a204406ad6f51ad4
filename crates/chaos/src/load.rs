//! The load: all writers and readers of a run, from their start to the report.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use moco_model::Account;
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::cli::Writing;
use crate::clock::{Clock, millis};
use crate::ended::Ended;
use crate::gaps::{self, Mark, Stretch};
use crate::home::{Home, Status};
use crate::ledger::{Page, Path};
use crate::login::Login;
use crate::reader::{self, Sights};
use crate::reigns::Reign;
use crate::report::Report;
use crate::seed::Seed;
use crate::{register, verify, writer};

/// Writers at members' own addresses have higher numbers than this.
const AT_MEMBER: u32 = 1_000;
/// How long the first acknowledged write of every writer is waited for.
const FIRST: Duration = Duration::from_secs(60);

/// A load that runs.
pub(crate) struct Load {
    home: Home,
    writing: Writing,
    clock: Clock,
    stop: Arc<AtomicBool>,
    primary: Login,
    pages: Vec<Arc<Page>>,
    writers: Vec<JoinHandle<()>>,
    readers: Vec<JoinHandle<Sights>>,
    reigns: JoinHandle<Vec<Reign>>,
    marks: Vec<Mark>,
    /// The members' own addresses that are written to.
    known: BTreeSet<SocketAddr>,
}

/// What is seen of a load while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Look {
    /// Acknowledged writes at the primary address.
    pub(crate) acked: usize,
    /// Attempts there that failed.
    pub(crate) failed: usize,
    /// Milliseconds since the last acknowledgement there.
    pub(crate) quiet_ms: Option<f64>,
    /// `@@server_id` of who gave it.
    pub(crate) server: Option<u32>,
}

impl Load {
    /// Makes the table and starts everybody; waits until every writer has written.
    pub(crate) async fn start(home: Home, writing: Writing) -> anyhow::Result<Self> {
        let status = home.status()?;
        let primary = Login::new(&home, Account::Writable, status.primary_address)?;
        verify::make_table(&primary).await?;
        let (clock, stop) = (Clock::start(), Arc::new(AtomicBool::new(false)));
        let follow = register::follow(home.clone(), clock, Arc::clone(&stop));
        let mut load = Self {
            reigns: tokio::spawn(follow),
            home,
            writing,
            clock,
            stop,
            primary: primary.clone(),
            pages: Vec::new(),
            writers: Vec::new(),
            readers: Vec::new(),
            marks: Vec::new(),
            known: BTreeSet::new(),
        };
        for number in 0..load.writing.writers {
            let every = load.writing.every();
            load.add_writer(number, Path::Primary, primary.clone(), every);
        }
        load.add_members(&status)?;
        for address in [status.primary_address, status.replica_address] {
            load.add_reader(address)?;
        }
        load.all_have_written().await?;
        Ok(load)
    }

    fn add_writer(&mut self, number: u32, path: Path, login: Login, every: Duration) {
        let page = Arc::new(Page::new(number, path));
        let filler = Seed::new(u64::from(number)).text(self.writing.rows_bytes as usize);
        let orders = writer::Orders {
            login,
            filler,
            every,
            connect: Duration::from_millis(self.writing.connect_ms),
            statement: Duration::from_millis(self.writing.statement_ms),
            stop: Arc::clone(&self.stop),
            clock: self.clock,
        };
        let writing = writer::write(orders, Arc::clone(&page));
        self.writers.push(tokio::spawn(writing));
        self.pages.push(page);
    }

    /// A writer at the own address of every member that has none there yet; those at addresses that
    /// members had before stay.
    pub(crate) fn add_members(&mut self, status: &Status) -> anyhow::Result<()> {
        for member in &status.members {
            if !self.known.insert(member.address) {
                continue;
            }
            let number = AT_MEMBER + u32::try_from(self.known.len()).unwrap_or(0);
            let path = Path::Member(member.id);
            let login = Login::new(&self.home, Account::Writable, member.address)?;
            let every = Duration::from_millis(self.writing.stray_ms.max(1));
            self.add_writer(number, path, login, every);
        }
        Ok(())
    }

    fn add_reader(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let orders = reader::Orders {
            login: Login::new(&self.home, Account::Readonly, address)?,
            every: Duration::from_millis(self.writing.read_ms.max(1)),
            connect: Duration::from_millis(self.writing.connect_ms),
            statement: Duration::from_millis(self.writing.statement_ms),
            stop: Arc::clone(&self.stop),
            clock: self.clock,
        };
        let reading = reader::read(orders, self.pages.clone());
        self.readers.push(tokio::spawn(reading));
        Ok(())
    }

    fn at_primary(&self) -> impl Iterator<Item = &Arc<Page>> {
        self.pages.iter().filter(|page| page.path == Path::Primary)
    }

    async fn all_have_written(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let silent = self
                .at_primary()
                .filter(|page| page.notes().last_acknowledged.is_none())
                .count();
            if silent == 0 {
                return Ok(());
            }
            if began.elapsed() > FIRST {
                let seconds = FIRST.as_secs();
                bail!("{silent} writers have not written anything after {seconds} s");
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Begins a stretch of the report.
    pub(crate) fn mark(&mut self, name: &str) {
        self.marks.push(Mark {
            name: name.to_owned(),
            at: self.clock.now(),
        });
    }

    /// The stretches until now.
    pub(crate) fn stretches(&self) -> Vec<Stretch> {
        let notes: Vec<_> = self.at_primary().map(|page| page.notes().clone()).collect();
        gaps::stretches(&self.marks, &notes)
    }

    /// The counts of now.
    pub(crate) fn look(&self) -> Look {
        let (mut acked, mut all, mut last) = (0, 0, None);
        for page in self.at_primary() {
            let notes = page.notes();
            let failed: u64 = notes.errors.values().sum();
            all += usize::try_from(failed).unwrap_or(usize::MAX);
            acked += notes.attempts.len();
            let own = notes
                .last_acknowledged
                .and_then(|at| notes.attempts.get(at));
            last = last.max(own.map(|attempt| (attempt.ended, attempt.server)));
        }
        Look {
            acked: acked.saturating_sub(all),
            failed: all,
            quiet_ms: last.map(|(ended, _)| millis(self.clock.now().saturating_sub(ended))),
            server: last.map(|(_, server)| server),
        }
    }

    /// Ends the writing, reads every row, and judges.
    pub(crate) async fn stop(self) -> anyhow::Result<Report> {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await.context("a writer broke off")?;
        }
        let ran_ms = millis(self.clock.now());
        let mut sights = Vec::new();
        for reader in self.readers {
            sights.push(reader.await.context("a reader broke off")?);
        }
        let reigns = self.reigns.await.context("the register was not followed")?;
        let ended = Ended {
            rows: verify::rows(&self.primary).await?,
            pages: self.pages,
            reigns,
            sights,
            marks: self.marks,
        };
        let mut report = ended.report();
        report.ran_ms = ran_ms;
        report.compared(verify::checksums(&self.home, &self.primary).await?);
        report.clean = report.violations.is_empty();
        Ok(report)
    }
}
