//! The end of a former primary's binary log: what nobody acknowledged is cut off before mysqld sees it.

use moco_model::report::{Evidence, Fault};
use moco_model::{Epoch, GtidSet};

use crate::host::{Host, Tail};
use crate::member::Member;

/// Cuts off what the last binary log file holds beyond `history`, if anything. mysqld must not run.
///
/// Killed at any point and asked again, it ends the same: the new incarnation is on disk and the
/// server's uuid is forgotten before anything is cut, the bytes are kept before they are cut, and what
/// was cut is not found again.
pub(crate) async fn cut<H: Host>(
    member: &Member<H>,
    epoch: Epoch,
    history: &GtidSet,
) -> Result<(), Fault> {
    let (transactions, bytes, at) = match member.host.judge(history.clone()).await? {
        Tail::Nothing(because) => {
            tracing::info!(%because, "nothing to cut off the binary log");
            return Ok(());
        }
        Tail::NotCuttable(because) => {
            // It shows when mysqld runs, as transactions that no other member has.
            tracing::warn!(%because, "the end of the binary log is left as it is");
            return Ok(());
        }
        Tail::Unacknowledged {
            transactions,
            bytes,
            cut,
        } => (transactions, bytes, cut),
    };
    tracing::warn!(
        %transactions,
        bytes,
        "cutting off what this former primary wrote and nobody acknowledged"
    );
    let drawn = member.host.draw();
    member.shared.note(|state| state.seen = None);
    member
        .amend(|guard| {
            guard.incarnation = drawn;
            guard.watermark = guard.watermark.subtract(&transactions);
        })
        .await?;
    // Others may have seen the numbers of what is cut: they are not used again.
    member.host.forget_server_uuid().await?;
    let entry = Evidence {
        at: member.host.clock(),
        epoch,
        transactions,
        file: None,
    };
    member.host.cut(at, entry).await?;
    member.read_evidence().await;
    Ok(())
}
