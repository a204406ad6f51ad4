//! Calls of kubectl, for what runs inside of a pod.

use std::process::Command;

use moco_api::constants::containers;
use moco_model::{ClusterId, MemberId};

use crate::connection::Connection;

/// `kubectl exec` into the container `mysqld` of a member; what is run, and further flags, are added.
pub(crate) fn exec(connection: &Connection, id: &ClusterId, member: MemberId) -> Command {
    let mut command = Command::new("kubectl");
    command
        .args(connection.for_kubectl())
        .arg(format!("--namespace={}", id.namespace))
        .arg("exec")
        .arg(id.pod_name(member))
        .arg(format!("--container={}", containers::MYSQLD));
    command
}

/// Becomes kubectl, so that terminal, signals and exit code are its own. Returns only on failure.
pub(crate) fn become_it(mut command: Command) -> std::io::Error {
    use std::os::unix::process::CommandExt as _;
    command.exec()
}

/// The words of a call.
#[cfg(test)]
pub(crate) fn words(command: &Command) -> Vec<&std::ffi::OsStr> {
    command.get_args().collect()
}
