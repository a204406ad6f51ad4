//! Asks for a switchover and waits for it.

use std::pin::pin;

use anyhow::Context as _;
use futures::StreamExt as _;
use moco_model::{ClusterId, MemberId};

use super::wait::{End, Wait};
use super::{Plan, Wish, plan};
use crate::annotate::TRUE;
use crate::calls::Calls;
use crate::cli::Switchover;
use crate::commands::{Answer, refuse};
use crate::output::{complain, say};

/// Carries `kubectl moco switchover` out.
pub(crate) async fn run(
    calls: &Calls,
    id: &ClusterId,
    asked: &Switchover,
) -> anyhow::Result<Answer> {
    let to = asked.to.map(MemberId);
    let cluster = calls.cluster(id).await?;
    match plan(&cluster, to) {
        Err(refusal) => Ok(refuse(&refusal)),
        Ok(Plan::Already { member }) => {
            say(&format!("Member {member} is primary already."))?;
            Ok(Answer::Yes)
        }
        Ok(Plan::Join { to, start }) => {
            say(&format!("A switchover to member {to} is under way."))?;
            if asked.no_wait {
                return Ok(Answer::Yes);
            }
            let end = wait(calls, id, asked, Wait::joined(start, to)).await?;
            report(end)
        }
        Ok(Plan::Ask(wish)) => ask(calls, id, asked, wish).await,
    }
}

async fn ask(
    calls: &Calls,
    id: &ClusterId,
    asked: &Switchover,
    wish: Wish,
) -> anyhow::Result<Answer> {
    calls
        .annotate_pod(id, wish.member, wish.key, Some(TRUE))
        .await?;
    let (pod, key) = (id.pod_name(wish.member), wish.key);
    say(&format!(
        "Asked for a switchover: pod {pod} has the annotation {key}."
    ))?;
    if asked.no_wait {
        return Ok(Answer::Yes);
    }
    let waiting = Wait::asked(wish.start, asked.to.map(MemberId));
    let end = wait(calls, id, asked, waiting).await;
    match calls.annotate_pod(id, wish.member, wish.key, None).await {
        // A pod that is gone has taken the wish with it.
        Err(error) if !error.is_not_found() => complain(&format!(
            "warning: the wish is not taken back, remove the annotation {key} of pod {pod} yourself: {error}"
        )),
        _ => {}
    }
    report(end?)
}

/// Waits for the end, for the time that was asked for, or for Ctrl-C.
async fn wait(
    calls: &Calls,
    id: &ClusterId,
    asked: &Switchover,
    mut wait: Wait,
) -> anyhow::Result<End> {
    let mut changes = pin!(calls.changes(id));
    let mut timeout = pin!(tokio::time::sleep(asked.timeout));
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    loop {
        let seen = tokio::select! {
            () = &mut timeout => return Ok(wait.timed_out(asked.timeout)),
            Ok(()) = &mut interrupt => return Ok(wait.interrupted()),
            seen = changes.next() => seen,
        };
        let cluster = seen.context("the watch of the cluster ended")??;
        let look = wait.look(cluster.as_ref());
        for line in &look.said {
            say(line)?;
        }
        if let Some(end) = look.end {
            return Ok(end);
        }
    }
}

fn report(end: End) -> anyhow::Result<Answer> {
    match end {
        End::Done(sentence) => {
            say(&sentence)?;
            Ok(Answer::Yes)
        }
        End::Failed(sentence) => Ok(refuse(&sentence)),
    }
}

#[cfg(test)]
mod tests;
