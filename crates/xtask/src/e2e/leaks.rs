//! Whether a password stands where it must not: in a log, an event, an object that is no Secret, a process argument.

use anyhow::{Context as _, Result, ensure};

use super::cluster::Cluster;
use crate::testbed::process;
use crate::testbed::show::MOCO_NAMESPACE;

/// Passwords of a cluster: one for each of MOCO's accounts.
const PASSWORDS: usize = 8;
/// Kinds of objects in the cluster's namespace that many may read.
const READABLE: &str = "mysqlclusters,statefulsets,pods,services,configmaps,events";

/// An error if a password of the cluster called `name` is found where it must not be.
pub(crate) fn no_password_is_shown(cluster: &Cluster, name: &str) -> Result<()> {
    let passwords = passwords(cluster, name)?;
    let places = places(cluster)?;
    for (place, text) in &places {
        // The text that is searched must be the one that is meant.
        ensure!(text.contains("moco"), "nothing of MOCO was read of {place}");
        let shown = passwords.iter().filter(|one| text.contains(one.as_str()));
        ensure!(shown.count() == 0, "{place} shows a password of {name}");
    }
    cluster.step(&format!(
        "none of {} passwords is in the logs, events, objects or process arguments",
        passwords.len()
    ));
    Ok(())
}

fn passwords(cluster: &Cluster, name: &str) -> Result<Vec<String>> {
    let template = r#"--output=go-template={{range .data}}{{. | base64decode}}{{"\n"}}{{end}}"#;
    let text = cluster
        .kubectl(["get", "secret", &format!("moco-{name}"), template])
        .output()
        .with_context(|| format!("read the passwords of {name}"))?;
    let found: Vec<_> = text.lines().map(str::to_owned).collect();
    ensure!(
        found.len() == PASSWORDS && found.iter().all(|one| one.len() >= 16),
        "the Secret moco-{name} does not hold {PASSWORDS} passwords"
    );
    Ok(found)
}

fn places(cluster: &Cluster) -> Result<Vec<(&'static str, String)>> {
    let system = format!("--namespace={MOCO_NAMESPACE}");
    let operator = |args: &[&str]| {
        let call = cluster.testbed.kubectl().call([system.as_str()]);
        call.args(args).output()
    };
    let everything = ["--all-containers", "--prefix", "--tail=-1"];
    let of_members = ["logs", "--selector=app.kubernetes.io/created-by=moco"];
    let of_controllers = ["logs", "--selector=app.kubernetes.io/name=moco"];
    let arguments = process::all_pids()?
        .into_iter()
        .map(|pid| process::argv(pid).join(" "))
        .collect::<Vec<_>>();
    Ok(vec![
        (
            "the log of a member",
            cluster
                .kubectl(of_members.into_iter().chain(everything))
                .output()?,
        ),
        (
            "the log of a controller",
            operator(&[of_controllers.as_slice(), &everything].concat())?,
        ),
        (
            "an object of the cluster",
            cluster
                .kubectl(["get", READABLE, "--output=yaml"])
                .output()?,
        ),
        (
            "an object of the operator",
            operator(&["get", "deployments,pods,events,leases", "--output=yaml"])?,
        ),
        ("a process argument", arguments.join("\n")),
    ])
}
