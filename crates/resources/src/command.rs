//! The command lines of MOCO's programs in a member's pod, all in one place.
//!
//! They never hold a secret: everybody who may look at pods can read them.

use moco_api::TrustedCluster;
use moco_api::constants::{paths, ports};

use crate::config::Place;

/// Where the program is in MOCO's own image.
pub const PROGRAM_IN_IMAGE: &str = "/moco";
/// Where the init container sees the volume that it copies the program to.
pub const SHARED: &str = "/shared";
/// Environment variable with the member's ordinal.
pub const MEMBER: &str = "MOCO_MEMBER";
/// Environment variable with the pod's uid.
pub const POD_UID: &str = "MOCO_POD_UID";
/// Seconds before the end of the grace period at which supervise gives up and leaves, so that what it
/// says about it is still written.
const LEAVE_EARLY_SECS: i64 = 10;

/// Copies the program into the pod.
pub fn init_command() -> Vec<String> {
    [PROGRAM_IN_IMAGE, "init", "--to", SHARED]
        .map(str::to_owned)
        .into()
}

/// The first process of the container `mysqld`: supervise, with the agent's arguments after `--`.
///
/// `$(NAME)` is replaced by Kubernetes, from the container's environment.
pub fn agent_command(
    cluster: &TrustedCluster,
    system_namespace: &str,
    grace_period_secs: i64,
) -> Vec<String> {
    let program = format!("{}/moco", paths::MOCO);
    let grace_secs = grace_period_secs.saturating_sub(LEAVE_EARLY_SECS).max(1);
    let place = Place::pod();
    let id = &cluster.id;
    let controller = format!(
        "{}.{system_namespace}.svc:{}",
        crate::install::CONTROLLER,
        ports::CONTROLLER_NOTIFY
    );
    // The headless Service's name for the pod, as `ClusterId::pod_host` has it for a known ordinal.
    let host = format!(
        "{0}-$({MEMBER}).{0}.{1}.svc",
        id.prefixed_name(),
        id.namespace
    );
    let mut command = vec![
        program.clone(),
        "supervise".to_owned(),
        format!("--agent={program}"),
        format!("--last-good={program}.last-good"),
        format!("--grace-seconds={grace_secs}"),
        "--".to_owned(),
        "agent".to_owned(),
    ];
    let options = [
        ("cluster-namespace", id.namespace.clone()),
        ("cluster-name", id.name.clone()),
        ("cluster-uid", cluster.uid.to_string()),
        ("member", format!("$({MEMBER})")),
        ("pod-uid", format!("$({POD_UID})")),
        ("volume", paths::DATA.to_owned()),
        ("defaults-file", format!("{}/my.cnf", paths::CONF)),
        ("socket", place.socket),
        ("report-host", host),
        ("mysql-port", place.port.to_string()),
        ("server-id-base", cluster.server_id_base.to_string()),
        ("credentials-dir", paths::CREDENTIALS.to_owned()),
        ("tls-dir", paths::GRPC_CERT.to_owned()),
        ("controller", controller),
        (
            "startup-wait-seconds",
            cluster.startup_wait_secs.to_string(),
        ),
        ("max-delay-seconds", cluster.max_delay_secs.to_string()),
    ];
    command.extend(options.map(|(name, value)| format!("--{name}={value}")));
    command
}
