//! What `moco-local status` shows.

use std::fmt::Write as _;
use std::net::SocketAddr;

use moco_model::{MemberId, Phase, Role};
use moco_planner::{Decision, Member, Observation, Seen, Verdict};
use serde::{Deserialize, Serialize};

use crate::manifest::{Manifest, Settings};

/// The cluster as the background process saw it last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// NAMESPACE/NAME.
    pub(crate) cluster: String,
    /// [`Manifest::mark`] of the manifest that this is about.
    #[serde(default)]
    pub(crate) manifest: String,
    /// How it is.
    pub(crate) verdict: Verdict,
    /// The number of the decision in force, 0 before the first.
    pub(crate) epoch: u64,
    /// Acknowledgements that each commit waits for.
    pub(crate) acknowledgements: u32,
    /// Where clients write.
    pub(crate) primary_address: SocketAddr,
    /// Where clients read.
    pub(crate) replica_address: SocketAddr,
    /// The members.
    pub(crate) members: Vec<MemberLine>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MemberLine {
    /// Its number.
    pub(crate) member: MemberId,
    /// What it is.
    pub(crate) role: Role,
    /// What it does.
    pub(crate) doing: String,
    /// Where its mysqld is.
    pub(crate) address: String,
    /// The process id of its mysqld.
    pub(crate) mysqld_pid: Option<u32>,
    /// How many transactions it has executed.
    pub(crate) transactions: u64,
    /// Milliseconds of replication lag.
    pub(crate) lag_ms: u64,
    /// Whether it acknowledges the primary's commits, or, on the primary, waits for acknowledgements.
    pub(crate) semi_sync: bool,
    /// What is wrong with it.
    pub(crate) fault: Option<String>,
}

impl Status {
    /// What was seen and decided about the cluster of a manifest.
    pub(crate) fn of(
        settings: &Settings,
        manifest: &Manifest,
        seen: &Observation,
        decision: &Decision,
    ) -> Self {
        let register = seen.register.as_ref();
        let primary = register.map(|register| register.primary);
        let line = |(id, member): (&MemberId, &Member)| member_line(*id, member, primary);
        let acks = seen.primary().and_then(|(_, primary)| primary.server());
        Self {
            cluster: seen.cluster.to_string(),
            manifest: manifest.mark(),
            verdict: decision.verdict.clone(),
            epoch: register.map_or(0, |register| register.epoch.0),
            acknowledgements: acks.map_or(0, |server| server.semi_sync.wait_for),
            primary_address: settings.primary_front(),
            replica_address: settings.replica_front(),
            members: seen.members.iter().map(line).collect(),
        }
    }

    /// One screen for people.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{}: {}: {}\n\n",
            self.cluster, self.verdict.code, self.verdict.sentence
        );
        let row = |text: &mut String, cells: [&str; 7]| {
            let [member, role, doing, gtids, lag, semi, pid] = cells;
            let line = format!(
                "  {member:<7} {role:<8} {doing:<32} {gtids:>12} {lag:>7} {semi:<10} {pid}"
            );
            let _ = writeln!(text, "{}", line.trim_end());
        };
        row(
            &mut text,
            [
                "MEMBER",
                "ROLE",
                "STATE",
                "TRANSACTIONS",
                "LAG",
                "SEMI-SYNC",
                "MYSQLD",
            ],
        );
        for line in &self.members {
            let semi = match (line.semi_sync, line.role) {
                (false, _) => "off".to_owned(),
                (true, Role::Primary) => format!("waits for {}", self.acknowledgements),
                (true, Role::Replica) => "acks".to_owned(),
            };
            let pid = line
                .mysqld_pid
                .map_or_else(|| "-".to_owned(), |pid| format!("pid {pid}"));
            row(
                &mut text,
                [
                    &line.member.to_string(),
                    line.role.as_str(),
                    &line.doing,
                    &line.transactions.to_string(),
                    &format!("{} ms", line.lag_ms),
                    &semi,
                    &pid,
                ],
            );
            if let Some(fault) = &line.fault {
                let _ = writeln!(text, "          {fault}");
            }
        }
        let _ = write!(
            text,
            "\n  writes: {}    reads: {}    epoch {}\n",
            self.primary_address, self.replica_address, self.epoch
        );
        text
    }
}

fn member_line(id: MemberId, member: &Member, primary: Option<MemberId>) -> MemberLine {
    let report = member.report.fresh();
    let server = member.server();
    let role = if primary == Some(id) {
        Role::Primary
    } else {
        Role::Replica
    };
    let doing = match (&member.report, server) {
        (Seen::Silent { because, .. }, _) => format!("silent: {because}"),
        (Seen::Fresh(_), Some(server)) if server.writable => "takes writes".to_owned(),
        (Seen::Fresh(report), Some(_)) if report.phase == Phase::Running => "read-only".to_owned(),
        (Seen::Fresh(report), _) => report.phase.to_string(),
    };
    let semi = server.map(|server| &server.semi_sync);
    MemberLine {
        member: id,
        role,
        doing,
        address: format!("{}:{}", member.endpoint.host, member.endpoint.port),
        mysqld_pid: report.and_then(|report| report.mysqld_pid),
        transactions: server.map_or(0, |server| server.executed.count()),
        lag_ms: server
            .and_then(|s| s.replication.as_ref())
            .map_or(0, |channel| channel.lag_ms),
        semi_sync: semi.is_some_and(|semi| match role {
            Role::Primary => semi.source_active,
            Role::Replica => semi.replica_active,
        }),
        fault: report.and_then(|report| Some(report.fault.as_ref()?.sentence.clone())),
    }
}
