//! A clone, as an agent has it made.

use std::time::Duration;

use moco_agent::SqlError;
use moco_agent::host::As;
use moco_mysql::clone::Donor;
use moco_mysql::{Error, Session as _};

use super::SimHost;

/// Replaces the data of the host's mysqld by the donor's. mysqld ends afterwards.
pub(super) async fn from(host: &SimHost, donor: &Donor) -> Result<(), SqlError> {
    let mut server = host
        .login(As::Administrator, Duration::from_secs(10))
        .await?;
    host.scene
        .tell(format!("{} clones {}", host.id, donor.host));
    let failed = |error: Error| SqlError::of("the clone failed", error);
    let list = format!(
        "SET GLOBAL clone_valid_donor_list = '{}:{}', clone_ssl_ca = 'ca', \
         clone_ssl_cert = 'cert', clone_ssl_key = 'key'",
        donor.host, donor.port
    );
    server
        .run("prepare the clone", list)
        .await
        .map_err(failed)?;
    let sql = format!(
        "CLONE INSTANCE FROM '{}'@'{}':{} IDENTIFIED BY '{}' REQUIRE SSL",
        donor.user,
        donor.host,
        donor.port,
        donor.password.reveal()
    );
    match server.run_unbounded("clone the donor", &sql).await {
        // It cannot restart itself, and ends.
        Err(error) if error.code() == Some(3707) => Ok(()),
        other => other.map_err(failed),
    }
}
