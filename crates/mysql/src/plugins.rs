//! The plugins that MOCO needs and that my.cnf loads.

use crate::error::Error;
use crate::session::Session;

/// The plugins, by the names that `plugin-load-add` gives them.
pub const NEEDED: [&str; 3] = ["rpl_semi_sync_source", "rpl_semi_sync_replica", "clone"];

/// Why the plugins are not known to be there.
#[derive(Debug, thiserror::Error)]
pub enum PluginsError {
    /// Some are not loaded, or not active.
    #[error("the image lacks the plugins {}; use one that has them", .0.join(", "))]
    Missing(Vec<&'static str>),
    /// mysqld could not be asked.
    #[error("the plugins could not be listed")]
    Statement(#[source] Error),
}

/// Checks that all of [`NEEDED`] are active.
pub async fn check<S: Session>(server: &mut S) -> Result<(), PluginsError> {
    let rows = server
        .rows(
            "list the plugins",
            "SELECT PLUGIN_NAME FROM information_schema.PLUGINS WHERE PLUGIN_STATUS = 'ACTIVE'",
        )
        .await
        .map_err(PluginsError::Statement)?;
    let mut active = Vec::new();
    for row in rows {
        let name: String = row.get("PLUGIN_NAME").map_err(PluginsError::Statement)?;
        active.push(name.to_ascii_lowercase());
    }
    let missing: Vec<_> = NEEDED
        .into_iter()
        .filter(|needed| !active.iter().any(|name| name == needed))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(PluginsError::Missing(missing))
    }
}
