//! The end of a primary that another one has replaced.

use std::sync::Arc;
use std::time::Duration;

use super::Failed;
use crate::host::{Host, within};
use crate::member::Member;
use crate::work::process::kill;

/// How long putting clients out may take. A mysqld that hangs has none that it could answer.
const OUT: Duration = Duration::from_secs(1);
/// How long a killed mysqld may take to be gone: the kernel gives back its memory first.
const KILL: Duration = Duration::from_secs(8);

/// Puts clients out, so that none of them is told OK any more, and ends mysqld at once. Commits that
/// wait stay in its binary log, where [`crate::work::tail`] finds them.
pub(super) async fn retire<H: Host>(member: &Arc<Member<H>>) -> Result<(), Failed> {
    if member.pid().is_none() {
        return Ok(());
    }
    let out = within(&*member.host, OUT, member.sql.put_clients_out()).await;
    let done = matches!(out, Some(Ok(())));
    tracing::info!(clients_put_out = done, "ending mysqld");
    kill(member, KILL).await?;
    Ok(())
}
