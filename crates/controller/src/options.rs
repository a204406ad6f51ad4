//! What `moco controller` is told on its command line.

use std::net::{IpAddr, SocketAddr};

/// Arguments of `moco controller`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Namespace that the controller runs in: its lease, its authority and the clusters' passwords
    /// are kept there.
    #[arg(long, env = "POD_NAMESPACE")]
    pub namespace: String,
    /// Name of the controller's pod; two controllers never share it.
    #[arg(long, env = "POD_NAME")]
    pub pod_name: String,
    /// Address under which agents reach this controller.
    #[arg(long, env = "POD_IP")]
    pub pod_ip: IpAddr,
    /// The controller's own image, which members copy the program `moco` from.
    #[arg(long, env = "MOCO_IMAGE")]
    pub image: String,
    /// Where to take agents' notices.
    #[arg(long, default_value = "0.0.0.0:9443")]
    pub listen: SocketAddr,
    /// Where to serve the probes `/healthz` and `/readyz`.
    #[arg(long, default_value = "0.0.0.0:8081")]
    pub health_listen: SocketAddr,
    /// Where to serve `/metrics`.
    #[arg(long, default_value = "0.0.0.0:8080")]
    pub metrics_listen: SocketAddr,
    /// Look after the clusters of this namespace only.
    #[arg(long)]
    pub watch_namespace: Option<String>,
}

impl Options {
    /// Where agents reach this controller, `host:port`.
    pub(crate) fn own_address(&self) -> String {
        SocketAddr::new(self.pod_ip, self.listen.port()).to_string()
    }
}
