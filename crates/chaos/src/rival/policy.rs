//! What MOCO does: gather, judge the state, and for a failed one fail over; then, in the next look,
//! configure.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures::future::join_all;
use moco_model::{Account, GtidSet, MemberId};
use mysql_async::prelude::Queryable as _;
use tokio::sync::watch;
use tokio::time::sleep;

use super::{socket, soon};
use crate::home::{Home, Status};
use crate::login::{Failure, Login, Session, within};

/// How often a member is asked, and the pause between.
const ATTEMPTS: u32 = 3;
const ATTEMPT_PAUSE: Duration = Duration::from_secs(3);
/// The time limit of a connection, and of a statement.
const DIAL: Duration = Duration::from_secs(5);
const STATEMENT: Duration = Duration::from_secs(60);
/// Sleeps of MOCO's: before the primary is read again, after the receivers were stopped, and after a
/// role was changed.
const SETTLE: Duration = Duration::from_millis(100);
const ROLE: Duration = Duration::from_millis(300);
/// How long the servers may take to start.
const START: Duration = Duration::from_secs(120);

/// The policy and what it knows.
pub(super) struct Policy {
    home: Home,
    links: BTreeMap<MemberId, Link>,
    replication: String,
    primary: MemberId,
    lead: watch::Sender<Option<SocketAddr>>,
}

/// How a member is reached.
struct Link {
    login: Login,
    address: SocketAddr,
}

/// What a member says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    /// Everything that it received or executed.
    all: GtidSet,
    writable: bool,
    /// The host that it follows, while its receiver runs.
    follows: Option<String>,
}

impl Policy {
    /// The policy over the members of a status, with the primary of the register.
    pub(super) fn new(
        home: Home,
        status: &Status,
        lead: watch::Sender<Option<SocketAddr>>,
    ) -> anyhow::Result<Self> {
        let primary = home.register()?.context("there is no register")?.primary;
        let mut links = BTreeMap::new();
        for member in &status.members {
            let socket = socket(&home, member.id)?;
            let login = Login::over_socket(&home, Account::Admin, socket)?;
            let address = member.address;
            links.insert(member.id, Link { login, address });
        }
        let password = home.password(Account::Replication)?;
        let replication = format!(
            "START REPLICA USER = '{}' PASSWORD = '{}'",
            Account::Replication.user(),
            password.reveal()
        );
        Ok(Self {
            home,
            links,
            replication,
            primary,
            lead,
        })
    }

    /// Waits for the servers and configures them for the first time.
    pub(super) async fn begin(&mut self) -> anyhow::Result<()> {
        let began = std::time::Instant::now();
        loop {
            let up = join_all(self.links.values().map(|link| link.login.connect(DIAL))).await;
            if up.iter().all(Result::is_ok) {
                break;
            }
            if began.elapsed() > START {
                bail!("they do not answer within {} s", START.as_secs());
            }
            soon().await;
        }
        self.configure(&self.gather().await).await
    }

    /// One look; whether to look again at once.
    pub(super) async fn look(&mut self) -> anyhow::Result<bool> {
        let states = self.gather().await;
        sleep(SETTLE).await;
        let need = self.links.len() / 2;
        let replicas = states.iter().filter(|(id, _)| **id != self.primary);
        let replicas: Vec<_> = replicas.map(|(_, state)| state).collect();
        let whole = |state: &State| state.follows.as_deref() == Some(&self.host(self.primary));
        match states.get(&self.primary) {
            None if replicas.len() > need => {
                self.fail_over(&states).await?;
                Ok(true)
            }
            None => Ok(false),
            Some(primary) => {
                let healthy =
                    primary.writable && replicas.iter().filter(|s| whole(s)).count() >= need;
                if !healthy {
                    self.configure(&states).await?;
                }
                Ok(!healthy)
            }
        }
    }

    /// Every member at once; each that does not answer is asked again, with the pause between.
    async fn gather(&self) -> BTreeMap<MemberId, State> {
        let asked = self.links.iter().map(async |(id, link)| {
            for attempt in 1..=ATTEMPTS {
                if let Ok(state) = state(&link.login).await {
                    return Some((*id, state));
                }
                if attempt < ATTEMPTS {
                    sleep(ATTEMPT_PAUSE).await;
                }
            }
            None
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn fail_over(&mut self, states: &BTreeMap<MemberId, State>) -> anyhow::Result<()> {
        for id in states.keys() {
            self.run(*id, &["STOP REPLICA IO_THREAD"]).await?;
        }
        sleep(SETTLE).await;
        let best = self.best(states.keys()).await?;
        self.drained(best).await?;
        self.decide(best)
    }

    /// The one that received most.
    async fn best(&self, of: impl Iterator<Item = &MemberId>) -> anyhow::Result<MemberId> {
        let mut best: Option<(MemberId, State)> = None;
        for id in of {
            let state = state(&self.link(*id)?.login).await?;
            let better = best
                .as_ref()
                .is_none_or(|(_, best)| !best.all.contains(&state.all));
            if better {
                best = Some((*id, state));
            }
        }
        Ok(best.context("there is no candidate")?.0)
    }

    /// Waits until everything that was received is executed.
    async fn drained(&self, id: MemberId) -> anyhow::Result<()> {
        let link = self.link(id)?;
        let received = state(&link.login).await?.all;
        let sql = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{received}', 50)");
        let mut session = link.login.connect(DIAL).await?;
        let late: Option<u8> = within(STATEMENT, session.conn.query_first(sql)).await?;
        ensure!(
            late == Some(0),
            "member {id} does not execute what it received"
        );
        Ok(())
    }

    /// Writes down who is primary, where who judges reads it.
    fn decide(&mut self, primary: MemberId) -> anyhow::Result<()> {
        self.primary = primary;
        self.home.record_primary(primary)
    }

    /// Roles, the primary, the replicas one after the other, and the opening.
    async fn configure(&self, states: &BTreeMap<MemberId, State>) -> anyhow::Result<()> {
        let address = self.link(self.primary)?.address;
        let led = *self.lead.borrow();
        if led != Some(address) {
            self.lead.send_replace(None);
            sleep(ROLE).await;
        }
        if states
            .get(&self.primary)
            .is_some_and(|state| state.follows.is_some())
        {
            self.run(self.primary, &["STOP REPLICA IO_THREAD"]).await?;
            sleep(SETTLE).await;
        }
        self.drained(self.primary).await?;
        self.run(self.primary, &SEMI_SYNC_SOURCE).await?;
        for (id, state) in states.iter().filter(|(id, _)| **id != self.primary) {
            if state.follows.as_deref() != Some(&self.host(self.primary)) {
                self.follow(*id).await?;
            }
        }
        self.lead.send_replace(Some(address));
        self.run(self.primary, &OPEN).await
    }

    async fn follow(&self, id: MemberId) -> anyhow::Result<()> {
        let address = self.link(self.primary)?.address;
        let tls = self.home.file("tls");
        let change = format!(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{}', SOURCE_PORT = {}, SOURCE_AUTO_POSITION = 1, \
             SOURCE_SSL = 1, SOURCE_SSL_CA = '{tls}/ca.crt', SOURCE_SSL_CERT = '{tls}/tls.crt', \
             SOURCE_SSL_KEY = '{tls}/tls.key', SOURCE_CONNECT_RETRY = 1",
            address.ip(),
            address.port(),
            tls = tls.display()
        );
        let statements = [
            "SET GLOBAL super_read_only = ON",
            "STOP REPLICA",
            &change,
            "SET GLOBAL rpl_semi_sync_source_enabled = OFF, rpl_semi_sync_replica_enabled = ON",
            &self.replication,
        ];
        self.run(id, &statements).await
    }

    /// The floor: promises of both replicas at once, the better one drained and opened, the other one
    /// pointed at it meanwhile.
    pub(super) async fn at_once(&mut self, dead: MemberId) -> anyhow::Result<()> {
        if dead != self.primary {
            return Ok(());
        }
        self.lead.send_replace(None);
        let others: Vec<_> = self
            .links
            .keys()
            .copied()
            .filter(|id| *id != dead)
            .collect();
        let stop = ["STOP REPLICA IO_THREAD"];
        let stopped = join_all(others.iter().map(|id| self.run(*id, &stop))).await;
        stopped.into_iter().collect::<Result<(), _>>()?;
        let best = self.best(others.iter()).await?;
        self.drained(best).await?;
        self.decide(best)?;
        self.run(best, &SEMI_SYNC_SOURCE).await?;
        let address = self.link(best)?.address;
        let follow = join_all(
            others
                .iter()
                .filter(|id| **id != best)
                .map(|id| self.follow(*id)),
        );
        let (opened, followed) = tokio::join!(self.run(best, &OPEN), async {
            self.lead.send_replace(Some(address));
            follow.await
        });
        opened?;
        followed.into_iter().collect()
    }

    fn link(&self, id: MemberId) -> anyhow::Result<&Link> {
        self.links
            .get(&id)
            .with_context(|| format!("there is no member {id}"))
    }

    fn host(&self, id: MemberId) -> String {
        let address = self
            .links
            .get(&id)
            .map(|link| link.address.ip().to_string());
        address.unwrap_or_default()
    }

    async fn run(&self, id: MemberId, statements: &[&str]) -> anyhow::Result<()> {
        let mut session = self
            .link(id)?
            .login
            .connect(DIAL)
            .await
            .with_context(|| format!("cannot connect to member {id}"))?;
        for statement in statements {
            let words: Vec<_> = statement.split(' ').take(2).collect();
            within(STATEMENT, session.conn.query_drop(*statement))
                .await
                .with_context(|| format!("member {id}: {} failed", words.join(" ")))?;
        }
        Ok(())
    }
}

const SEMI_SYNC_SOURCE: [&str; 1] = ["SET GLOBAL rpl_semi_sync_replica_enabled = OFF, \
     rpl_semi_sync_source_timeout = 86400000, rpl_semi_sync_source_wait_for_replica_count = 1, \
     rpl_semi_sync_source_enabled = ON"];
const OPEN: [&str; 3] = [
    "STOP REPLICA",
    "RESET REPLICA ALL",
    "SET GLOBAL super_read_only = OFF, read_only = OFF",
];

/// What a member says of itself.
async fn state(login: &Login) -> Result<State, Failure> {
    let mut session: Session = login.connect(DIAL).await?;
    let sql = "SELECT @@GLOBAL.gtid_executed, NOT @@GLOBAL.read_only";
    let own: Option<(String, bool)> = within(STATEMENT, session.conn.query_first(sql)).await?;
    let (executed, writable) = own.unwrap_or_default();
    let sql = "SELECT s.RECEIVED_TRANSACTION_SET, c.HOST, s.SERVICE_STATE \
               FROM performance_schema.replication_connection_status s \
               JOIN performance_schema.replication_connection_configuration c USING (CHANNEL_NAME)";
    let channel: Option<(String, String, String)> =
        within(STATEMENT, session.conn.query_first(sql)).await?;
    let executed: GtidSet = executed.parse().unwrap_or_default();
    let (received, host, service) = channel.unwrap_or_default();
    let received: GtidSet = received.parse().unwrap_or_default();
    Ok(State {
        all: executed.union(&received),
        writable,
        follows: (service == "ON").then_some(host),
    })
}
