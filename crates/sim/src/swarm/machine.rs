//! The machine of a member: its volume, its pod, and what supervise knows.

use std::sync::Arc;
use std::time::Duration;

use moco_agent::Member;
use moco_agent::host::{Place, Process};
use moco_model::Guard;
use moco_model::report::Evidence;
use tokio::sync::watch;

use super::executor::Owner;
use super::host::SimHost;

/// The machine of a member.
pub struct Machine {
    /// There is a pod.
    pub there: bool,
    /// Counts its pods.
    pub pod: u32,
    /// Counts the boots of its kernel.
    pub boot: u32,
    /// Counts its volumes.
    pub volume: u32,
    /// The guard file as it is read.
    pub guard: Option<Guard>,
    /// The guard file as a power cut leaves it.
    pub synced: Option<Guard>,
    /// The disk tells that something is durable, and it is not.
    pub lies: bool,
    /// The record of what was cut off or given up.
    pub evidence: Vec<Evidence>,
    /// What supervise says of mysqld.
    pub process: watch::Sender<Process>,
    /// What supervise says of the end.
    pub leave: watch::Sender<Option<Duration>>,
    /// The agent's process.
    pub agent: Option<Owner>,
    /// The agent, once it has begun.
    pub member: Option<Arc<Member<SimHost>>>,
    /// Counts the agents, so that a late restart does not start a second one.
    pub turn: u64,
}

impl Machine {
    /// A new machine with an empty volume.
    pub fn new() -> Self {
        Self {
            there: false,
            pod: 0,
            boot: 1,
            volume: 1,
            guard: None,
            synced: None,
            lies: false,
            evidence: Vec::new(),
            process: watch::Sender::new(Process::Absent(None)),
            leave: watch::Sender::new(None),
            agent: None,
            member: None,
            turn: 0,
        }
    }

    /// Where the data is.
    pub fn place(&self) -> Place {
        Place {
            boot_id: format!("boot-{}", self.boot),
            pod_uid: format!("pod-{}", self.pod),
            volume_id: format!("volume-{}", self.volume),
        }
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}
