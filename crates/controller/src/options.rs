//! What `moco controller` is told on its command line.

use std::net::{IpAddr, SocketAddr};

use moco_resources::Images;

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
    /// The image of fluent-bit, which prints members' slow query logs; without it nothing does.
    #[arg(long, env = "MOCO_FLUENT_BIT_IMAGE")]
    pub fluent_bit_image: Option<String>,
    /// The image of mysqld_exporter, for clusters that name collectors; without it there is none.
    #[arg(long, env = "MOCO_MYSQLD_EXPORTER_IMAGE")]
    pub mysqld_exporter_image: Option<String>,
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
    /// The images of containers that MOCO adds to pods. An empty name says no more than none.
    pub(crate) fn images(&self) -> Images {
        let given = |image: &Option<String>| image.clone().filter(|image| !image.is_empty());
        Images {
            moco: self.image.clone(),
            fluent_bit: given(&self.fluent_bit_image),
            exporter: given(&self.mysqld_exporter_image),
        }
    }

    /// Where agents reach this controller, `host:port`.
    pub(crate) fn own_address(&self) -> String {
        SocketAddr::new(self.pod_ip, self.listen.port()).to_string()
    }
}
