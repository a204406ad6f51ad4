//! What keeps members apart from each other, or from their data: wires and volumes.

use std::time::Duration;

use anyhow::Context as _;
use moco_model::MemberId;
use rustix::process::Signal;
use tokio::time::sleep;

use super::act::{Cluster, primary, replica, signal_all, told};
use super::plan::{Event, Kind};
use crate::home::Status;
use crate::processes::{Process, daemon};
use crate::volume;
use crate::wires::{Cut, End, Share};

impl Cluster {
    /// Cuts wires for as long as the event says.
    pub(super) async fn cut(&self, status: &Status, event: &Event) -> anyhow::Result<String> {
        let wires = self.wires.as_ref();
        let wires = wires.context("members share one network: start them in namespaces")?;
        let about = match event.kind {
            Kind::CutReplica => replica(status, event),
            _ => primary(status),
        };
        let Some(member) = about else {
            return Ok("there is none".to_owned());
        };
        let others = status.members.iter().map(|other| other.id);
        let others: Vec<_> = others.filter(|other| *other != member).collect();
        let cuts = cuts(event.kind, member, &others);
        let cut = wires.cut(status, &cuts);
        if cut.is_ok() {
            sleep(event.hold).await;
        }
        // A cut that failed half-way is mended as far as it goes.
        let mended = wires.mend(status, &cuts);
        cut.and(mended)?;
        let seconds = event.hold.as_secs_f64();
        Ok(format!("member {member}, for {seconds:.1} s"))
    }

    /// Leaves no space on a member's volume for as long as the event says.
    pub(super) async fn fill(
        &self,
        member: Option<MemberId>,
        hold: Duration,
    ) -> anyhow::Result<String> {
        let Some(member) = member else {
            return Ok("there is none".to_owned());
        };
        let Some(volume) = volume::own(&self.home, member)? else {
            return Ok(format!(
                "member {member}: its volume is no file system of its own"
            ));
        };
        let filled = volume::fill(&volume);
        if filled.is_ok() {
            sleep(hold).await;
        }
        volume::relieve(&volume)?;
        filled?;
        Ok(format!("member {member}, for {:.1} s", hold.as_secs_f64()))
    }

    /// Kills a member and removes everything from its volume. The background process stands still
    /// meanwhile, because it would start the member again.
    pub(super) async fn lose_volume(&self, member: Option<MemberId>) -> anyhow::Result<String> {
        let daemon = daemon(&self.home)?;
        signal_all(daemon.as_slice(), Signal::STOP)?;
        let all: Vec<_> = self.processes(member)?.all().into_iter().cloned().collect();
        let lost = self.kill_and_empty(member, &all).await;
        signal_all(daemon.as_slice(), Signal::CONT)?;
        lost?;
        Ok(told("killed and emptied", member, &all))
    }

    async fn kill_and_empty(
        &self,
        member: Option<MemberId>,
        all: &[Process],
    ) -> anyhow::Result<()> {
        signal_all(all, Signal::KILL)?;
        for process in all {
            process.ended().await?;
        }
        member.map_or(Ok(()), |member| volume::lose(&self.home, member))
    }
}

/// The wires that an event cuts around `member`.
fn cuts(kind: Kind, member: MemberId, others: &[MemberId]) -> Vec<Cut> {
    let about = End::Member(member);
    let share = match kind {
        Kind::LossyPrimary => Share::Quarter,
        _ => Share::All,
    };
    let peers: Vec<_> = others.iter().copied().map(End::Member).collect();
    let everybody = || peers.iter().copied().chain([End::Hub]);
    let inward = |from: End| Cut {
        from,
        to: about,
        share,
    };
    let outward = |to: End| Cut {
        from: about,
        to,
        share,
    };
    match kind {
        Kind::PartPrimary => both(peers.iter().copied(), inward, outward),
        Kind::DeafenPrimary => peers.iter().copied().map(inward).collect(),
        Kind::MutePrimary => peers.iter().copied().map(outward).collect(),
        Kind::HidePrimary => vec![outward(End::Controller)],
        Kind::ForsakePrimary => vec![inward(End::Controller)],
        _ => both(everybody(), inward, outward),
    }
}

fn both(
    ends: impl Iterator<Item = End>,
    inward: impl Fn(End) -> Cut,
    outward: impl Fn(End) -> Cut,
) -> Vec<Cut> {
    ends.flat_map(|end| [inward(end), outward(end)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_is_cut_and_the_other_one_stays() {
        let (primary, others) = (MemberId(0), [1, 2].map(MemberId));
        let deaf = cuts(Kind::DeafenPrimary, primary, &others);
        assert!(deaf.iter().all(|cut| cut.to == End::Member(primary)));
        let mute = cuts(Kind::MutePrimary, primary, &others);
        assert!(mute.iter().all(|cut| cut.from == End::Member(primary)));
        assert_eq!((deaf.len(), mute.len()), (2, 2));
        assert_eq!(cuts(Kind::PartPrimary, primary, &others).len(), 4);
        let all = cuts(Kind::CutPrimary, primary, &others);
        assert_eq!(all.len(), 6);
        assert!(all.iter().all(|cut| cut.share == Share::All));
        let lossy = cuts(Kind::LossyPrimary, primary, &others);
        assert!(lossy.iter().all(|cut| cut.share == Share::Quarter));
    }
}
