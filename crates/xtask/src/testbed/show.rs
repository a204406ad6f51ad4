//! What a user or a script asks about a running cluster.

use anyhow::{Result, bail};

use super::Testbed;
use super::layout::Host;
use super::up::missing_nodes;
use crate::images;

/// The namespace the operator is installed in.
pub(crate) const MOCO_NAMESPACE: &str = "moco-system";

/// `cargo xtask k8s status`: a line a process; an error if something is wrong.
pub(crate) fn status(name: &str) -> Result<()> {
    let testbed = Testbed::must_open(name)?;
    let mut wrong = 0;
    for daemon in testbed.daemons()? {
        let pid = daemon.pid(&testbed.layout);
        wrong += usize::from(pid.is_none());
        let state = pid.map_or("does not run".to_owned(), |pid| format!("runs, pid {pid}"));
        println!("{:<4} {:<24} {state}", daemon.host.to_string(), daemon.name);
    }
    println!("files: {}", testbed.layout.root.display());
    if wrong > 0 {
        bail!("{wrong} processes of the test cluster `{name}` do not run");
    }
    let seen = testbed.kubectl().get(&["nodes"])?.unwrap_or_default();
    if let Some(missing) = missing_nodes(&seen, testbed.config.nodes) {
        bail!("{missing}");
    }
    println!("all {} nodes are Ready", testbed.config.nodes);
    Ok(())
}

/// `cargo xtask k8s env`: shell lines, so that any script can drive the cluster.
pub(crate) fn env(name: &str) -> Result<()> {
    let testbed = Testbed::must_open(name)?;
    let layout = &testbed.layout;
    let mut lines = vec![
        ("KUBECTL".to_owned(), layout.kubectl().display().to_string()),
        ("MYSQL_IMAGE".to_owned(), images::mysql()),
        ("CLIENT_IMAGE".to_owned(), images::CLIENT.to_owned()),
        ("BUSYBOX_IMAGE".to_owned(), images::BUSYBOX.to_owned()),
        ("MOCO_IMAGE".to_owned(), images::MOCO.to_owned()),
        ("MOCO_NAMESPACE".to_owned(), MOCO_NAMESPACE.to_owned()),
        ("MOCO_TESTBED".to_owned(), layout.name.clone()),
        (
            "MOCO_TESTBED_NODES".to_owned(),
            testbed.config.nodes.to_string(),
        ),
        (
            "MOCO_TESTBED_FOLDER".to_owned(),
            layout.root.display().to_string(),
        ),
        (
            "MOCO_CTR".to_owned(),
            testbed.tools.ctr().display().to_string(),
        ),
    ];
    for node in testbed.nodes() {
        let variable = format!(
            "MOCO_CONTAINERD_{}",
            Host::Node(node).to_string().to_uppercase()
        );
        lines.push((
            variable,
            layout.containerd_socket(node).display().to_string(),
        ));
    }
    for (variable, value) in lines {
        println!("export {variable}={}", quoted(&value));
    }
    Ok(())
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_cannot_leave_its_word() {
        assert_eq!(quoted("a'b"), "'a'\\''b'");
    }
}
