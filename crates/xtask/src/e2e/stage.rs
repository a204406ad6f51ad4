//! What most stories begin with: the operator, a healthy cluster, a client on every node.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::client::{Client, Login};
use super::cluster::Cluster;
use super::ledger::{Ledger, Manner, Notes};
use super::operator::{SETTLE, condition, install, login, manifest, wait_healthy, wait_reachable};
use super::plugin::Plugin;
use super::record::{Change, Record};
use crate::testbed::layout::Host;

/// The cluster's name.
pub(crate) const NAME: &str = "db";
/// Longest for writes to go on; the first of them may wait for a Service.
pub(crate) const WRITES: Duration = Duration::from_secs(60);
/// Acknowledged writes that are enough to see that writing goes on.
pub(crate) const SOME: usize = 20;

/// The set-up of a story.
pub(crate) struct Stage<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) plugin: Plugin,
    clients: Vec<(Host, Client<'a>)>,
    /// Writes through the Service of the primary.
    pub(crate) writer: Login,
}

impl<'a> Stage<'a> {
    /// Installs the operator and the plugin and makes a cluster.
    pub(crate) fn set(cluster: &'a Cluster, members: u32) -> Result<Self> {
        install(cluster)?;
        cluster.apply(&manifest(NAME, members))?;
        let plugin = Plugin::install(cluster)?;
        let mut clients = Vec::new();
        for node in cluster.testbed.nodes().map(Host::Node) {
            let client = Client::start_on(cluster, &format!("client-{node}"), node)?;
            clients.push((node, client));
        }
        wait_healthy(cluster, NAME, members as usize)?;
        let writer = login(cluster, NAME, "primary", "writable")?;
        for (_, client) in &clients {
            wait_reachable(client, &writer)?;
        }
        cluster.step(&format!(
            "a cluster of {members} is healthy, with a client on every node"
        ));
        Ok(Self {
            cluster,
            plugin,
            clients,
            writer,
        })
    }

    pub(crate) fn record(&self) -> Result<Record> {
        Record::read(self.cluster, NAME)
    }

    /// The pod of a member.
    pub(crate) fn pod(member: u64) -> String {
        format!("moco-{NAME}-{member}")
    }

    /// The node of a member's pod.
    pub(crate) fn node(&self, member: u64) -> Result<Host> {
        let pod = self.cluster.must_get(&["pod", &Self::pod(member)])?;
        let node = pod.pointer("/spec/nodeName").and_then(Value::as_str);
        node.context("a pod on no node")?.parse()
    }

    /// A member's own address.
    pub(crate) fn own_login(&self, member: u64) -> Login {
        Login {
            host: format!(
                "{}.moco-{NAME}.{}.svc",
                Self::pod(member),
                self.cluster.namespace
            ),
            ..self.writer.clone()
        }
    }

    /// The client on a node.
    pub(crate) fn client_on(&self, node: Host) -> Result<&Client<'a>> {
        let mut clients = self.clients.iter();
        let found = clients.find(|(at, _)| *at == node);
        found
            .map(|(_, client)| client)
            .with_context(|| format!("no client on {node}"))
    }

    /// A client on none of these nodes.
    pub(crate) fn client_off(&self, nodes: &[Host]) -> Result<&Client<'a>> {
        let mut clients = self.clients.iter();
        let found = clients.find(|(at, _)| !nodes.contains(at));
        found
            .map(|(_, client)| client)
            .with_context(|| format!("no client off {nodes:?}"))
    }

    /// A ledger with writers in the given manner, all on nodes other than the primary's, and with a stray writer
    /// beside every member, at the member's own address.
    pub(crate) fn ledger(&self, manners: &[Manner]) -> Result<Ledger<'_>> {
        self.ledger_off(&[], manners)
    }

    /// The same, with all but the strays off these nodes as well: what clients there have noted cannot be read while
    /// the node is cut from the API server.
    pub(crate) fn ledger_off(&self, nodes: &[Host], manners: &[Manner]) -> Result<Ledger<'_>> {
        let mut ledger = self.writers_off(nodes, manners)?;
        for member in self.record()?.members() {
            let beside = self.client_on(self.node(member)?)?;
            ledger.add(beside, &self.own_login(member), Manner::Stray)?;
        }
        Ok(ledger)
    }

    /// The same without stray writers, for a story in which a member takes writes by somebody's hand.
    pub(crate) fn ledger_without_strays(&self, manners: &[Manner]) -> Result<Ledger<'_>> {
        self.writers_off(&[], manners)
    }

    fn writers_off(&self, nodes: &[Host], manners: &[Manner]) -> Result<Ledger<'_>> {
        let primary = self.record()?.primary()?;
        let client = self.client_off(&[nodes, &[self.node(primary)?]].concat())?;
        let mut ledger = Ledger::prepare(client, &self.writer, "story")?;
        for manner in manners {
            ledger.add(client, &self.writer, *manner)?;
        }
        ledger.goes_on(SOME, WRITES)?;
        Ok(ledger)
    }

    /// Waits until another member took over from the primary of `before`, and takes writes.
    pub(crate) fn wait_for_change(&self, before: &Record, limit: Duration) -> Result<Change> {
        let epoch = before.epoch()?;
        let mut found = None;
        self.cluster
            .wait("another primary that takes writes", limit, || {
                let record = self.record()?;
                found = record.changes_since(epoch).pop();
                let done = found.as_ref().is_some_and(Change::is_complete);
                Ok((!done).then(|| super::operator::sentence(record.object())))
            })?;
        found.context("no change is recorded")
    }

    /// Ends a ledger and judges it: every acknowledged row at every member, no phantom, and each reign a recorded one.
    /// The members must be whole again.
    pub(crate) fn judge(&self, ledger: &Ledger<'_>, before: &Record) -> Result<Notes> {
        let notes = ledger.stop()?;
        let record = self.record()?;
        let changes = record.changes_since(before.epoch()?);
        let mut wanted = vec![Self::pod(before.primary()?)];
        wanted.extend(
            changes
                .iter()
                .filter_map(|change| change.number("to").map(Self::pod)),
        );
        let reigns = notes.reigns();
        ensure!(
            reigns == wanted,
            "acknowledged by {reigns:?}, one after the other, and recorded as primary were {wanted:?}"
        );
        let client = self.client_off(&[self.node(record.primary()?)?])?;
        ledger.verify(&notes, client, &self.own_login(record.primary()?))?;
        self.are_identical(&record, ledger.table())?;
        Ok(notes)
    }

    /// Waits until every member holds the same rows as the primary; read by `kubectl moco mysql`.
    fn are_identical(&self, record: &Record, table: &str) -> Result<()> {
        let primary = record.primary()?;
        let wanted = self.rows(primary, table)?;
        for member in record.members() {
            let what = format!("member {member} to hold the rows of member {primary}");
            self.cluster.wait(&what, WRITES, || {
                let found = self.rows(member, table)?;
                Ok((found != wanted).then(|| format!("{found} instead of {wanted}")))
            })?;
        }
        Ok(())
    }

    /// Count and sum of a table's rows at a member.
    fn rows(&self, member: u64, table: &str) -> Result<String> {
        let statement = format!(
            "SELECT COUNT(*), COALESCE(SUM(CRC32(CONCAT(writer, ' ', n))), 0) FROM {table}"
        );
        self.member_says(member, "moco-readonly", &statement)
    }

    /// What a member answers to a statement of one of the cluster's users.
    pub(crate) fn member_says(&self, member: u64, user: &str, statement: &str) -> Result<String> {
        let member = member.to_string();
        let words = [
            "mysql", NAME, "-u", user, "--index", &member, "--", "-N", "-e", statement,
        ];
        let said = self.plugin.yes(self.cluster, &words)?;
        Ok(said.trim().to_owned())
    }

    /// The label and the Services lead to the primary; every other member is labelled a replica.
    pub(crate) fn services_follow(&self, primary: u64) -> Result<()> {
        let selector = "--selector=app.kubernetes.io/created-by=moco";
        let pods = self.cluster.must_get(&["pods", selector])?;
        let pods = pods
            .get("items")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        for pod in &pods {
            let text = |path| {
                pod.pointer(path)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let (name, role) = (
                text("/metadata/name"),
                text("/metadata/labels/moco.cybozu.com~1role"),
            );
            let wanted = if name == Self::pod(primary) {
                "primary"
            } else {
                "replica"
            };
            ensure!(role == wanted, "{name} is labelled `{role}`, not {wanted}");
        }
        let reader = login(self.cluster, NAME, "replica", "readonly")?;
        let client = self.client_off(&[self.node(primary)?])?;
        let at = client.value(&self.writer, "SELECT @@hostname")?;
        ensure!(
            at == Self::pod(primary),
            "the primary's Service leads to {at}"
        );
        if pods.len() < 2 {
            return Ok(());
        }
        wait_reachable(client, &reader)?;
        let at = client.value(&reader, "SELECT @@hostname")?;
        ensure!(
            at != Self::pod(primary),
            "the replicas' Service leads to the primary"
        );
        Ok(())
    }

    /// Waits until all members are whole.
    pub(crate) fn wait_whole(&self, members: usize) -> Result<()> {
        wait_healthy(self.cluster, NAME, members)
    }

    /// How often the agent of a member's pod has cloned since its start, and which process it is.
    pub(crate) fn clones(&self, member: u64) -> Result<Clones> {
        let pod = Self::pod(member);
        let seen = self.cluster.must_get(&["pod", &pod])?;
        let address = seen.pointer("/status/podIP").and_then(Value::as_str);
        let address = address.context("a pod without address")?;
        let client = self.client_on(self.node(member)?)?;
        let page = client.shell("wget -q -O - \"http://$1:8080/metrics\"", &[address], "")?;
        let mut lines = page.lines();
        let line = lines.find(|line| line.starts_with("moco_instance_clone_total{"));
        let count = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        Ok(Clones {
            agent: self.cluster.processes(&pod, "agent")?,
            count: count.context("the metrics do not count clones")?,
        })
    }

    /// Events of a reason about the cluster, repetitions counted.
    pub(crate) fn events(&self, reason: &str) -> Result<u64> {
        let selector = format!("--field-selector=reason={reason}");
        // Without any, kubectl answers nothing.
        let events = self.cluster.get(&["events", &selector])?;
        let events = events.and_then(|events| events.get("items")?.as_array().cloned());
        let count = |event: &Value| {
            let single = event.get("count").and_then(Value::as_u64);
            let series = event.pointer("/series/count").and_then(Value::as_u64);
            series.or(single).unwrap_or(1)
        };
        Ok(events.unwrap_or_default().iter().map(count).sum())
    }

    /// Waits until a pod that is not the one with this uid is ready.
    pub(crate) fn wait_for_new_pod(&self, member: u64, uid: &str) -> Result<()> {
        let pod = Self::pod(member);
        self.cluster.wait(&format!("a new pod {pod}"), SETTLE, || {
            let Some(seen) = self.cluster.get(&["pod", &pod])? else {
                return Ok(Some("it does not exist".to_owned()));
            };
            let new = uid_of(&seen) != uid;
            let ready = condition(&seen, "Ready").0 == "True";
            Ok((!(new && ready)).then(|| format!("new: {new}, ready: {ready}")))
        })
    }

    /// The uid of a member's pod.
    pub(crate) fn pod_uid(&self, member: u64) -> Result<String> {
        let pod = self.cluster.must_get(&["pod", &Self::pod(member)])?;
        Ok(uid_of(&pod).to_owned())
    }
}

fn uid_of(object: &Value) -> &str {
    let uid = object.pointer("/metadata/uid").and_then(Value::as_str);
    uid.unwrap_or_default()
}

/// Clones that an agent has counted since its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clones {
    agent: Vec<i32>,
    count: u64,
}

impl Clones {
    /// An error if there was a clone since then.
    pub(crate) fn none_since(&self, then: &Self) -> Result<()> {
        let known = if self.agent == then.agent {
            then.count
        } else {
            0
        };
        ensure!(
            self.count == known,
            "it was cloned: {} clones, not {known}",
            self.count
        );
        Ok(())
    }
}
