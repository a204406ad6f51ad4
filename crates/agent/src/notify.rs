//! Events: the agent tells the controller when something changed, and repeats it until answered.

use std::sync::Arc;
use std::time::Duration;

use moco_wire::Notice;
use tokio::sync::watch;

use crate::host::Host;
use crate::member::Member;
use crate::state::Leaving;
use crate::watch::News;

/// How soon an event that was not answered is repeated: 0.2 s, doubling up to 5 s.
const FIRST_REPEAT: Duration = Duration::from_millis(200);
const LONGEST_REPEAT: Duration = Duration::from_secs(5);

/// Tells the controller about every change, for as long as the agent lives.
pub async fn run<H: Host>(member: Arc<Member<H>>) {
    let mut news = member.news.subscribe();
    loop {
        let newest = news.borrow_and_update().clone();
        if let Some(newest) = newest {
            tell(&member, &mut news, newest).await;
        }
        if news.changed().await.is_err() {
            return;
        }
    }
}

/// Repeats the newest state until it is taken.
async fn tell<H: Host>(
    member: &Arc<Member<H>>,
    news: &mut watch::Receiver<Option<News>>,
    newest: News,
) {
    let (mut sequence, mut report) = (newest.sequence, newest.report);
    let mut wait = FIRST_REPEAT;
    loop {
        let notice = Notice {
            cluster: member.settings.cluster.clone(),
            sequence,
            report,
        };
        let leaving = notice.report.leaving;
        if member.host.notify(notice).await {
            let now = member.host.now();
            member
                .shared
                .note(|state| state.peers.heard_controller(now));
            if leaving {
                member
                    .shared
                    .change(|state| state.leaving = state.leaving.max(Leaving::Known));
            }
            return;
        }
        // A change shortens the pause, but does not end it: changes may come fast.
        tokio::select! {
            biased;
            _ = news.changed() => {}
            () = member.host.sleep(wait) => {}
        }
        member.host.sleep(FIRST_REPEAT).await;
        wait = wait.saturating_mul(2).min(LONGEST_REPEAT);
        let newest = news.borrow_and_update().as_ref().map(|news| news.sequence);
        sequence = newest.unwrap_or(sequence);
        report = member.report().await;
    }
}
