//! The end of a primary that another one has replaced.

use crate::error::Error;
use crate::session::Session;
use crate::shutdown;

/// Puts clients out, so that nobody who waits for an acknowledgement is told OK, and nobody reads
/// what is no longer true. Works while commits hang, the volume is full or `super_read_only` cannot
/// be set. The caller then ends mysqld by SIGKILL: asked to stop, it would answer waiting commits OK
/// (docs/mysql-facts.md).
pub async fn retire<S: Session>(server: &mut S) -> Result<(), Error> {
    shutdown::put_clients_out(server).await
}
