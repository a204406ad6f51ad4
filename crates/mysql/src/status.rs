//! What a server says about itself.

use moco_model::GtidSet;
use moco_model::report::{ServerReport, ThreadState};

use crate::error::Error;
use crate::literal::text;
use crate::pinned::{self, PINNED};
use crate::semisync;
use crate::session::Session;

mod channel;
pub(crate) use channel::{ApplierSettings, Channel, ReceiverSettings};

const ATTEMPTED: &str = "read the server's status";

/// Reads everything a report holds about a running server. A missing plugin does not fail it:
/// semi-sync is then off and its pinned settings show as `(missing)` in the drift;
/// [`crate::plugins::check`] names the plugin.
///
/// The received set is read before the executed one: whatever is moved between the two readings is
/// in the second, so their union never lacks a transaction that this server holds.
pub async fn read<S: Session>(server: &mut S) -> Result<ServerReport, Error> {
    let channel = Channel::read(server).await?;
    let row = server
        .row(
            ATTEMPTED,
            "SELECT @@global.server_uuid AS uuid, @@global.version AS version, \
             @@global.gtid_executed AS executed, @@global.gtid_purged AS purged, \
             @@global.read_only AS read_only, @@global.offline_mode AS offline",
        )
        .await?;
    let executed: GtidSet = row.parse("executed")?;
    let pinned: Vec<String> = PINNED.iter().map(|pin| text(pin.variable)).collect();
    let values = semisync::name_value_pairs(
        server,
        ATTEMPTED,
        format!(
            "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.global_variables \
             WHERE VARIABLE_NAME LIKE 'rpl\\_semi\\_sync\\_%' OR VARIABLE_NAME IN ({})",
            pinned.join(", ")
        ),
    )
    .await?;
    let counters = semisync::name_value_pairs(server, ATTEMPTED, semisync::COUNTERS).await?;
    let mut semi_sync = semisync::report(ATTEMPTED, &values, &counters)?;
    // mysqld calls a receiver that has not reached its source yet active, too.
    semi_sync.replica_active &= channel
        .as_ref()
        .is_some_and(|channel| channel.receiver == ThreadState::On);
    let read_only: bool = row.get("read_only")?;
    Ok(ServerReport {
        server_uuid: row.parse("uuid")?,
        version: row.parse("version")?,
        purged: row.parse("purged")?,
        writable: !read_only,
        offline: row.get("offline")?,
        replication: channel.map(|channel| channel.report(&executed)),
        executed,
        semi_sync,
        drift: pinned::drift(&values),
    })
}

/// What this server holds, received or executed: nothing that it ever acknowledged is missing. Cheap,
/// for frequent asking.
///
/// The received set is read first. It only grows while its channel is there, so what is executed
/// meanwhile is in one of the two.
pub async fn held<S: Session>(server: &mut S) -> Result<GtidSet, Error> {
    let row = server
        .row(
            "read what the server holds",
            "SELECT COALESCE((SELECT RECEIVED_TRANSACTION_SET \
               FROM performance_schema.replication_connection_status WHERE CHANNEL_NAME = ''), '') \
               AS received, @@global.gtid_executed AS executed",
        )
        .await?;
    let received: GtidSet = row.parse("received")?;
    Ok(received.union(&row.parse("executed")?))
}
