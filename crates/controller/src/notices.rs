//! Agents' notices: the leader wakes the cluster's task, the others say who leads.

use moco_wire::{ControllerHandler, Notice, NoticeAnswer};
use tokio::sync::watch;

use crate::lease::Leadership;
use crate::wake::Bells;

/// Takes notices, on every controller.
pub(crate) struct Notices {
    leadership: watch::Receiver<Leadership>,
    bells: Bells,
}

impl Notices {
    pub(crate) const fn new(leadership: watch::Receiver<Leadership>, bells: Bells) -> Self {
        Self { leadership, bells }
    }
}

impl ControllerHandler for Notices {
    /// A notice only says that it is worthwhile to look: the pass that it causes asks the agent
    /// itself. So a notice for a cluster that has no task yet is taken, too.
    async fn notify(&self, notice: Notice) -> NoticeAnswer {
        let leadership = self.leadership.borrow().clone();
        match leadership {
            Leadership::Own(tenure) if tenure.holds() => {
                self.bells.ring(&notice.cluster);
                NoticeAnswer::Taken
            }
            Leadership::Other(address) => NoticeAnswer::Leader(address),
            Leadership::Own(_) | Leadership::Unknown => NoticeAnswer::NoLeader,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use moco_model::{ClusterId, ClusterUid, MemberId, MemberReport, Phase};
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::lease::Tenure;

    async fn answer(leadership: Leadership, bells: &Bells) -> NoticeAnswer {
        let (_told, heard) = watch::channel(leadership);
        let report = MemberReport {
            cluster: ClusterUid("u".to_owned()),
            member: MemberId(0),
            agent_version: String::new(),
            phase: Phase::AtGate,
            guard: None,
            server: None,
            fault: None,
            mysqld_pid: None,
            leaving: false,
            hearing: None,
            commits: None,
            evidence: Vec::new(),
        };
        let cluster = ClusterId::new("app", "db").unwrap();
        let notice = Notice {
            cluster,
            sequence: 1,
            report,
        };
        Notices::new(heard, bells.clone()).notify(notice).await
    }

    #[tokio::test]
    async fn only_the_leader_takes_a_notice_and_it_wakes_the_task() {
        let bells = Bells::default();
        let bell = bells.hang(&ClusterId::new("app", "db").unwrap());
        let other = Leadership::Other("10.0.0.2:9443".to_owned());
        let expected = NoticeAnswer::Leader("10.0.0.2:9443".to_owned());
        assert_eq!(answer(other, &bells).await, expected);
        assert_eq!(
            answer(Leadership::Unknown, &bells).await,
            NoticeAnswer::NoLeader
        );
        let over = Leadership::Own(Tenure::new(Instant::now()));
        assert_eq!(answer(over, &bells).await, NoticeAnswer::NoLeader);
        let short = Duration::from_millis(20);
        assert!(timeout(short, bell.notified()).await.is_err());
        let own = Leadership::Own(Tenure::new(Instant::now() + Duration::from_secs(60)));
        assert_eq!(answer(own, &bells).await, NoticeAnswer::Taken);
        assert!(timeout(short, bell.notified()).await.is_ok());
    }
}
