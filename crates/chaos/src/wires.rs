//! Cutting wires: each member has a network namespace of its own, everything else has one more.
//!
//! Packets are dropped where they arrive, before connection tracking, so that open connections are cut,
//! too. Nobody is told that they are: what was cut is silent.

use std::process::Command;

use anyhow::{Context as _, ensure};
use moco_model::MemberId;

use crate::home::Status;

/// The namespaces of a cluster: `NAME-N` for member N, and `NAME` for the background process, the
/// fronts, and the clients.
#[derive(Clone, Debug)]
pub(crate) struct Wires {
    name: String,
}

/// One end of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A member.
    Member(MemberId),
    /// The background process and the clients.
    Hub,
    /// Of those only what is said between the background process and agents.
    Controller,
}

/// One direction of a wire that carries nothing, or not everything, any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Who is not heard.
    pub(crate) from: End,
    /// Who does not hear.
    pub(crate) to: End,
    /// How much is dropped.
    pub(crate) share: Share,
}

/// How much of what passes is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// Everything.
    All,
    /// Every fourth packet, by chance: what is sent again comes late.
    Quarter,
}

/// Ports that only the background process and agents use: the agents' and its own.
const AGENT: &str = "9080";
const NOTICES: &str = "9443";

impl Wires {
    /// The namespaces with this name.
    pub(crate) const fn new(name: String) -> Self {
        Self { name }
    }

    /// Cuts.
    pub(crate) fn cut(&self, status: &Status, cuts: &[Cut]) -> anyhow::Result<()> {
        cuts.iter()
            .try_for_each(|cut| self.change(status, *cut, "-A"))
    }

    /// Mends what was cut.
    pub(crate) fn mend(&self, status: &Status, cuts: &[Cut]) -> anyhow::Result<()> {
        cuts.iter()
            .try_for_each(|cut| self.change(status, *cut, "-D"))
    }

    fn change(&self, status: &Status, cut: Cut, action: &str) -> anyhow::Result<()> {
        let source = source(status, cut.from)?;
        for ports in ports(cut) {
            let mut words = vec!["-w", "-t", "raw", action, "PREROUTING", "-s", &source];
            words.extend(ports);
            if cut.share == Share::Quarter {
                let chance = ["statistic", "--mode", "random", "--probability", "0.25"];
                words.push("-m");
                words.extend(chance);
            }
            words.extend(["-j", "DROP"]);
            self.iptables(cut.to, &words)?;
        }
        Ok(())
    }

    fn iptables(&self, at: End, words: &[&str]) -> anyhow::Result<()> {
        let namespace = match at {
            End::Member(member) => format!("{}-{member}", self.name),
            End::Hub | End::Controller => self.name.clone(),
        };
        let output = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{namespace}"))
            .arg("iptables")
            .args(words)
            .output()
            .with_context(|| format!("cannot cut a wire of {namespace}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let words = words.join(" ");
        let failed = format!("iptables {words} in {namespace}: {}", said.trim());
        ensure!(output.status.success(), failed);
        Ok(())
    }
}

/// The addresses of one end. The hub has the first eight of the network; members come later.
fn source(status: &Status, end: End) -> anyhow::Result<String> {
    match end {
        End::Member(id) => {
            let member = status.members.iter().find(|member| member.id == id);
            let member = member.with_context(|| format!("there is no member {id}"))?;
            Ok(member.address.ip().to_string())
        }
        End::Hub | End::Controller => Ok(format!("{}/29", status.primary_address.ip())),
    }
}

/// What is cut of a direction: all of it, or the packets of two conversations.
fn ports(cut: Cut) -> Vec<Vec<&'static str>> {
    let port = |which, port| vec!["-p", "tcp", which, port];
    match (cut.from, cut.to) {
        (End::Controller, _) => vec![port("--dport", AGENT), port("--sport", NOTICES)],
        (_, End::Controller) => vec![port("--sport", AGENT), port("--dport", NOTICES)],
        _ => vec![vec![]],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controllers_own_conversations_are_cut_apart_from_those_of_clients() {
        let member = End::Member(MemberId(1));
        let cut = |from, to| {
            ports(Cut {
                from,
                to,
                share: Share::All,
            })
        };
        assert_eq!(cut(member, End::Hub), [vec![""; 0]]);
        let told = cut(End::Controller, member);
        assert_eq!(told[0], ["-p", "tcp", "--dport", "9080"]);
        assert_eq!(told[1], ["-p", "tcp", "--sport", "9443"]);
        let heard = cut(member, End::Controller);
        assert_eq!(heard[0], ["-p", "tcp", "--sport", "9080"]);
        assert_eq!(heard[1], ["-p", "tcp", "--dport", "9443"]);
    }
}
