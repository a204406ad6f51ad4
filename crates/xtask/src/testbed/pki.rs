//! Keys, certificates and kubeconfigs of the cluster's own components. They live as long as the cluster.

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result, anyhow};

use super::layout::{API_SERVICE, Host, Layout, text};
use super::network::hosts;
use crate::cmd::Cmd;

/// Who gets a certificate: file name, subject, alternative names.
struct Leaf {
    name: String,
    subject: String,
    alternatives: String,
}

impl Leaf {
    fn client(name: &str, subject: &str) -> Self {
        Self {
            name: name.to_owned(),
            subject: subject.to_owned(),
            alternatives: String::new(),
        }
    }
}

/// The kubeconfigs' users and the names of their certificates.
pub(crate) const ADMIN: &str = "admin";
pub(crate) const CONTROLLER_MANAGER: &str = "controller-manager";
pub(crate) const SCHEDULER: &str = "scheduler";
pub(crate) const PROXY: &str = "proxy";

/// Writes everything for a cluster of `nodes` nodes.
pub(crate) fn create(layout: &Layout, nodes: u8) -> Result<()> {
    let folder = layout.pki();
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    // The machine's own openssl.cnf would add extensions that contradict ours.
    fs::write(
        folder.join("openssl.cnf"),
        "[req]\ndistinguished_name = dn\n[dn]\n",
    )
    .context("write openssl.cnf")?;
    authority(&folder)?;
    service_account_key(&folder)?;
    let leaves = leaves(nodes);
    thread::scope(|scope| {
        let running: Vec<_> = leaves
            .iter()
            .map(|leaf| scope.spawn(|| certificate(&folder, leaf)))
            .collect();
        running
            .into_iter()
            .try_for_each(|leaf| leaf.join().map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    let users = [ADMIN, CONTROLLER_MANAGER, SCHEDULER, PROXY].map(str::to_owned);
    let nodes = hosts(nodes)
        .filter(|host| *host != Host::Api)
        .map(|host| host.to_string());
    for user in users.into_iter().chain(nodes) {
        kubeconfig(layout, &user)?;
    }
    Ok(())
}

fn leaves(nodes: u8) -> Vec<Leaf> {
    let mut leaves = vec![
        Leaf {
            name: "apiserver".to_owned(),
            subject: "/CN=kube-apiserver".to_owned(),
            alternatives: format!(
                "IP:{},IP:127.0.0.1,IP:{API_SERVICE},DNS:kubernetes,DNS:kubernetes.default,\
                 DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local",
                Host::Api.address(),
            ),
        },
        Leaf::client(ADMIN, "/O=system:masters/CN=admin"),
        Leaf::client(CONTROLLER_MANAGER, "/CN=system:kube-controller-manager"),
        Leaf::client(SCHEDULER, "/CN=system:kube-scheduler"),
        Leaf::client(PROXY, "/CN=system:kube-proxy"),
        Leaf::client(
            "apiserver-kubelet",
            "/O=system:masters/CN=kube-apiserver-kubelet-client",
        ),
    ];
    leaves.extend((0..nodes).map(Host::Node).map(|host| Leaf {
        name: host.to_string(),
        subject: format!("/O=system:nodes/CN=system:node:{host}"),
        alternatives: format!("IP:{},DNS:{host}", host.address()),
    }));
    leaves
}

fn authority(folder: &Path) -> Result<()> {
    new_certificate(folder, "ca", "/CN=test cluster")
        .args(["-addext", "basicConstraints=critical,CA:TRUE"])
        .args(["-addext", "keyUsage=critical,keyCertSign,cRLSign"])
        .args(["-addext", "subjectKeyIdentifier=hash"])
        .run()
        .context("make the cluster's certificate authority")
}

fn certificate(folder: &Path, leaf: &Leaf) -> Result<()> {
    let mut call = new_certificate(folder, &leaf.name, &leaf.subject)
        .args(["-CA", "ca.crt", "-CAkey", "ca.key"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-addext", "extendedKeyUsage=serverAuth,clientAuth"]);
    if !leaf.alternatives.is_empty() {
        call = call.args(["-addext", &format!("subjectAltName={}", leaf.alternatives)]);
    }
    call.run()
        .with_context(|| format!("make the certificate {}", leaf.name))
}

fn new_certificate(folder: &Path, name: &str, subject: &str) -> Cmd {
    Cmd::new("openssl")
        .args([
            "req",
            "-x509",
            "-config",
            "openssl.cnf",
            "-days",
            "30",
            "-sha256",
            "-noenc",
        ])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-subj", subject])
        .args([
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.crt"),
        ])
        .dir(folder)
}

fn service_account_key(folder: &Path) -> Result<()> {
    Cmd::new("openssl")
        .args([
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-out", "sa.key"])
        .dir(folder)
        .run()?;
    Cmd::new("openssl")
        .args(["pkey", "-in", "sa.key", "-pubout", "-out", "sa.pub"])
        .dir(folder)
        .run()
}

fn kubeconfig(layout: &Layout, user: &str) -> Result<()> {
    let pki = layout.pki();
    let pki = text(&pki)?;
    let server = Host::Api.address();
    let content = format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters: [{{name: testbed, cluster: {{server: \"https://{server}:6443\", \
         certificate-authority: {pki}/ca.crt}}}}]\n\
         users: [{{name: user, user: {{client-certificate: {pki}/{user}.crt, \
         client-key: {pki}/{user}.key}}}}]\n\
         contexts: [{{name: testbed, context: {{cluster: testbed, user: user}}}}]\n\
         current-context: testbed\n"
    );
    let file = layout.kubeconfig(user);
    fs::write(&file, content).with_context(|| format!("write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_accepted_by_its_authority_for_its_address() {
        let place = tempfile::tempdir().unwrap();
        let layout = Layout {
            name: "t".to_owned(),
            root: place.path().to_path_buf(),
        };
        create(&layout, 1).unwrap();
        Cmd::new("openssl")
            .args([
                "verify",
                "-CAfile",
                "ca.crt",
                "-verify_ip",
                "198.18.0.20",
                "n0.crt",
            ])
            .dir(&layout.pki())
            .run()
            .unwrap();
        assert!(layout.kubeconfig("n0").exists() && layout.kubeconfig(ADMIN).exists());
    }
}
