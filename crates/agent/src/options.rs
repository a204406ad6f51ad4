//! What `moco agent` is told on its command line. Secrets come as files, never as arguments.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use moco_model::ids::NameError;
use moco_model::{ClusterId, ClusterUid, MemberId};
use moco_mysql::replication::TlsFiles;

/// Arguments of `moco agent`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Namespace of the cluster.
    #[arg(long)]
    pub cluster_namespace: String,
    /// Name of the cluster.
    #[arg(long)]
    pub cluster_name: String,
    /// The cluster's uid, which every command must carry.
    #[arg(long)]
    pub cluster_uid: String,
    /// The member's number, or the name of its pod, which ends in the number.
    #[arg(long, value_parser = member_number)]
    pub member: u32,
    /// What tells this pod (or process group) from the one before it.
    #[arg(long, default_value = "")]
    pub pod_uid: String,
    /// The volume: holds the guard file and the data directory `data`.
    #[arg(long, default_value = "/var/lib/mysql")]
    pub volume: PathBuf,
    /// The option file of mysqld.
    #[arg(long, default_value = "/etc/mysql/my.cnf")]
    pub defaults_file: PathBuf,
    /// The administrator's socket, as in the option file.
    #[arg(long, default_value = "/moco-run/mysqld.sock")]
    pub socket: PathBuf,
    /// The program mysqld, a path or a name to be searched in PATH.
    #[arg(long, default_value = "mysqld")]
    pub mysqld: PathBuf,
    /// Where the output of mysqld goes; without it, where the agent's own goes.
    #[arg(long)]
    pub mysqld_log: Option<PathBuf>,
    /// Host under which the other members reach this mysqld.
    #[arg(long)]
    pub report_host: String,
    /// Port of mysqld.
    #[arg(long, default_value_t = 3306)]
    pub mysql_port: u16,
    /// Server id of member 0; member i has this plus i.
    #[arg(long)]
    pub server_id_base: u32,
    /// Folder with one file for each password.
    #[arg(long, default_value = "/moco-credentials")]
    pub credentials_dir: PathBuf,
    /// Folder with `ca.crt`, `tls.crt` and `tls.key`.
    #[arg(long, default_value = "/grpc-cert")]
    pub tls_dir: PathBuf,
    /// `host:port` of the controller.
    #[arg(long)]
    pub controller: String,
    /// Where to serve the agent protocol.
    #[arg(long, default_value = "0.0.0.0:9080")]
    pub listen: SocketAddr,
    /// Where to serve the probes `/healthz` and `/readyz`.
    #[arg(long, default_value = "0.0.0.0:9081")]
    pub health_listen: SocketAddr,
    /// Where to serve `/metrics`.
    #[arg(long, default_value = "0.0.0.0:8080")]
    pub metrics_listen: SocketAddr,
    /// Seconds that mysqld may take to answer after a start, crash recovery included.
    #[arg(long, default_value_t = 3600)]
    pub startup_wait_seconds: u64,
    /// Seconds of replication lag above which a replica is not ready; 0 switches the check off.
    #[arg(long, default_value_t = 60)]
    pub max_delay_seconds: u64,
}

fn member_number(text: &str) -> Result<u32, String> {
    let digits = text.rsplit('-').next().unwrap_or_default();
    digits
        .parse()
        .map_err(|_| format!("{text:?} is no number and does not end in one"))
}

impl Options {
    /// The cluster, with both names checked.
    pub fn cluster(&self) -> Result<ClusterId, NameError> {
        ClusterId::new(&self.cluster_namespace, &self.cluster_name)
    }

    /// The cluster's uid.
    pub fn uid(&self) -> ClusterUid {
        ClusterUid(self.cluster_uid.clone())
    }

    /// The member's number.
    pub const fn member(&self) -> MemberId {
        MemberId(self.member)
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.volume.join("data")
    }

    /// The certificate files, as mysqld reads them.
    pub fn tls_files(&self) -> TlsFiles {
        TlsFiles {
            ca: self.tls_dir.join("ca.crt"),
            certificate: self.tls_dir.join("tls.crt"),
            key: self.tls_dir.join("tls.key"),
        }
    }

    /// How long mysqld may take to answer.
    pub const fn startup_wait(&self) -> Duration {
        Duration::from_secs(self.startup_wait_seconds)
    }

    /// The arguments of mysqld that differ between members.
    pub fn mysqld_arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--defaults-file={}", self.defaults_file.display()),
            format!(
                "--server-id={}",
                self.server_id_base.saturating_add(self.member)
            ),
            format!("--report-host={}", self.report_host),
            format!("--report-port={}", self.mysql_port),
        ];
        if rustix::process::geteuid().is_root() {
            // mysqld refuses to run as root unless told so; that is local mode, never a pod.
            arguments.push("--user=root".to_owned());
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_member_is_read_from_a_pod_name() {
        assert_eq!(member_number("moco-orders-2"), Ok(2));
        assert_eq!(member_number("7"), Ok(7));
        assert!(member_number("moco-orders").is_err());
    }
}
