//! The bench of real servers.
//!
//! The process makes a data directory once, sets it up once, and gives every server a copy. A server
//! that a fact leaves as it was is emptied and used again. Each listens on a free port of 127.0.0.1
//! and is killed, by the process id it was started with, at the end.

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use moco_model::{Account, GtidSet};
use moco_mysql::binlog::{self, Tail};
use moco_mysql::clone::Donor;
use moco_mysql::replication::Source;
use moco_mysql::{Error, Login, Server, Session};

use crate::bench::{Bench, Signal, TailKind, Transcript, passwords};

mod lab;
mod mysqld;

use lab::{copy_dir, lab};
use mysqld::Mysqld;

/// Bounds a whole script.
const SCRIPT_LIMIT: Duration = Duration::from_mins(3);
const TURN: Duration = Duration::from_millis(20);

/// Servers that are empty, closed and not in use.
static IDLE: Mutex<Vec<Mysqld>> = Mutex::new(Vec::new());

pub(crate) struct Real {
    servers: Vec<Mysqld>,
    transcript: Transcript,
}

/// Runs a script on `count` real servers; none, when there is no program to run.
pub(crate) fn run(count: usize, script: impl AsyncFnOnce(&mut Real)) -> Option<Transcript> {
    let lab = lab()?;
    let mut servers = Vec::new();
    while servers.len() < count {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        servers.push(idle.unwrap_or_else(|| lab.launch("prepared")));
    }
    servers.iter_mut().for_each(Mysqld::wait_until_it_listens);
    let mut bench = Real {
        servers,
        transcript: Transcript::default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let ended = tokio::time::timeout(SCRIPT_LIMIT, script(&mut bench)).await;
        assert!(
            ended.is_ok(),
            "the script did not end: {:?}",
            bench.transcript
        );
        for server in std::mem::take(&mut bench.servers) {
            if let Some(server) = emptied(server).await {
                let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
                idle.push(server);
            }
        }
    });
    Some(bench.transcript)
}

/// Empties a server for the next fact; none for one that is not worth it.
async fn emptied(server: Mysqld) -> Option<Mysqld> {
    if server.is_spent() {
        return None;
    }
    let password = passwords().of(Account::Admin).clone();
    let login = Login::admin(server.socket(), password);
    let mut admin = Server::open(&login, Duration::from_secs(10)).await.ok()?;
    let statements = [
        "SET GLOBAL rpl_semi_sync_source_enabled = OFF",
        "STOP REPLICA",
        "RESET REPLICA ALL",
        "SET GLOBAL super_read_only = OFF",
        "SET GLOBAL rpl_semi_sync_replica_enabled = OFF, \
         rpl_semi_sync_source_wait_for_replica_count = 1, \
         rpl_semi_sync_source_timeout = 1000000000000000000, event_scheduler = OFF, \
         offline_mode = OFF",
        "SET SESSION sql_log_bin = OFF",
        "DROP DATABASE IF EXISTS app",
        "DROP USER IF EXISTS 'somebody'@'%'",
        "DROP DATABASE IF EXISTS moco",
        "RESET BINARY LOGS AND GTIDS",
        "SET GLOBAL super_read_only = ON",
    ];
    for sql in statements {
        let done = admin.run("empty the server", sql).await;
        let no_channel = done.as_ref().is_err_and(|error| error.code() == Some(1200));
        if done.is_err() && !no_channel {
            return None;
        }
    }
    Some(server)
}

impl Bench for Real {
    type Session = Server;

    fn connect(
        &self,
        server: usize,
        account: Account,
        limit: Duration,
    ) -> impl Future<Output = Result<Server, Error>> + Send + 'static {
        let login = Login {
            socket: self.servers[server].socket(),
            user: account.user().to_owned(),
            password: Some(passwords().of(account).clone()),
        };
        async move { Server::open(&login, limit).await }
    }

    fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(work);
    }

    async fn turn(&mut self) {
        tokio::time::sleep(TURN).await;
    }

    fn signal(&mut self, server: usize, signal: Signal) {
        self.servers[server].signal(signal);
    }

    async fn start(&mut self, server: usize) {
        self.servers[server].start();
    }

    fn ended(&mut self, server: usize) -> Option<i32> {
        self.servers[server].ended()
    }

    fn source(&self, server: usize) -> Source {
        let mysqld = &self.servers[server];
        Source {
            host: "127.0.0.1".to_owned(),
            port: mysqld.port,
            user: Account::Replication.user().to_owned(),
            password: passwords().of(Account::Replication).clone(),
            tls: mysqld.tls.clone(),
        }
    }

    fn donor(&self, server: usize) -> Donor {
        let mysqld = &self.servers[server];
        Donor {
            host: "127.0.0.1".to_owned(),
            port: mysqld.port,
            user: Account::CloneDonor.user().to_owned(),
            password: passwords().of(Account::CloneDonor).clone(),
            tls: mysqld.tls.clone(),
        }
    }

    fn written(&self, server: usize, history: &GtidSet) -> u64 {
        match binlog::judge(&self.servers[server].data(), history).unwrap() {
            Tail::None { .. } => 0,
            Tail::Cut(cut) => cut.transactions.count(),
            Tail::NotCuttable { transactions, .. } => transactions.count(),
        }
    }

    fn judge(&self, server: usize, history: &GtidSet) -> TailKind {
        match binlog::judge(&self.servers[server].data(), history).unwrap() {
            Tail::None { .. } => TailKind::Nothing,
            Tail::Cut(cut) => TailKind::Cut(cut.transactions.count()),
            Tail::NotCuttable { .. } => TailKind::NotCuttable,
        }
    }

    fn cut(&mut self, server: usize, history: &GtidSet) {
        let mysqld = &mut self.servers[server];
        let Tail::Cut(cut) = binlog::judge(&mysqld.data(), history).unwrap() else {
            panic!("there is nothing to cut");
        };
        let evidence: PathBuf = mysqld.data().with_extension("evidence");
        binlog::cut(&cut, &evidence).unwrap();
        mysqld.spend();
    }

    fn forget_uuid(&mut self, server: usize) {
        binlog::forget_server_uuid(&self.servers[server].data()).unwrap();
    }

    fn save(&mut self, server: usize) {
        let data = self.servers[server].data();
        copy_dir(&data, &data.with_extension("saved"));
    }

    fn restore(&mut self, server: usize) {
        let mysqld = &mut self.servers[server];
        let data = mysqld.data();
        fs::remove_dir_all(&data).unwrap();
        fs::rename(data.with_extension("saved"), &data).unwrap();
        mysqld.spend();
    }

    fn transcript(&mut self) -> &mut Transcript {
        &mut self.transcript
    }
}
