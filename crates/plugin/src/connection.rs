//! Which API server, as whom, in which namespace: kubectl's flags, with kubectl's meanings.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use moco_model::Password;

use crate::times;

/// kubectl's flags about the connection.
#[derive(Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// The namespace; the context's when it is left out.
    #[arg(short, long, global = true)]
    pub(crate) namespace: Option<String>,
    /// The kubeconfig file; $KUBECONFIG or ~/.kube/config when it is left out.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig.
    #[arg(long, global = true)]
    pub(crate) context: Option<String>,
    /// The cluster of the kubeconfig.
    #[arg(
        long = "cluster",
        id = "kube_cluster",
        global = true,
        value_name = "NAME"
    )]
    pub(crate) cluster: Option<String>,
    /// The user of the kubeconfig.
    #[arg(long = "user", id = "kube_user", global = true, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Address of the API server.
    #[arg(short = 's', long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// File with the authorities that the API server's certificate is checked against.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) certificate_authority: Option<PathBuf>,
    /// The name that the API server's certificate must have.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,
    /// Do not check the API server's certificate.
    #[arg(long, global = true)]
    pub(crate) insecure_skip_tls_verify: bool,
    /// File with the client's certificate.
    #[arg(long, global = true, value_name = "FILE", requires = "client_key")]
    pub(crate) client_certificate: Option<PathBuf>,
    /// File with the key of the client's certificate.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        requires = "client_certificate"
    )]
    pub(crate) client_key: Option<PathBuf>,
    /// Bearer token.
    #[arg(long, global = true, value_parser = token)]
    pub(crate) token: Option<Password>,
    /// Act as this user.
    #[arg(long = "as", id = "act_as", global = true, value_name = "USER")]
    pub(crate) act_as: Option<String>,
    /// Act as a member of this group; may be given several times.
    #[arg(
        long = "as-group",
        id = "act_as_group",
        global = true,
        value_name = "GROUP"
    )]
    pub(crate) act_as_group: Vec<String>,
    /// How long one request may take, such as 30s.
    #[arg(long, global = true, value_name = "DURATION", value_parser = times::duration)]
    pub(crate) request_timeout: Option<Duration>,
}

/// Never fails; a type that is not printed is what matters.
#[expect(clippy::unnecessary_wraps, reason = "the form that clap asks for")]
fn token(text: &str) -> Result<Password, String> {
    Ok(Password::new(text.to_owned()))
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The kubeconfig cannot be used.
    #[error("cannot use the kubeconfig")]
    Kubeconfig(#[source] KubeconfigError),
    /// No kubeconfig was found, and this is no pod either.
    #[error("there is no kubeconfig ({0}), and this program does not run in a pod")]
    Nowhere(KubeconfigError, #[source] kube::config::InClusterError),
    /// The client could not be made.
    #[error("cannot make a client for the API server")]
    Client(#[source] kube::Error),
}

/// A client and where it looks.
pub(crate) struct Connected {
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

impl Connection {
    /// Reads the kubeconfig. No request is made yet.
    pub(crate) async fn connect(&self) -> Result<Connected, ConnectError> {
        let mut config = self.config().await?;
        self.amend_user(&mut config);
        let namespace = self
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(ConnectError::Client)?;
        Ok(Connected { client, namespace })
    }

    async fn config(&self) -> Result<Config, ConnectError> {
        let read = match &self.kubeconfig {
            Some(file) => Kubeconfig::read_from(file),
            None => Kubeconfig::read(),
        };
        let mut kubeconfig = match read {
            Ok(kubeconfig) => kubeconfig,
            Err(error @ KubeconfigError::ReadConfig(..)) if self.kubeconfig.is_none() => {
                return Config::incluster().map_err(|cause| ConnectError::Nowhere(error, cause));
            }
            Err(error) => return Err(ConnectError::Kubeconfig(error)),
        };
        self.amend_cluster(&mut kubeconfig);
        let options = KubeConfigOptions {
            context: self.context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
        };
        Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(ConnectError::Kubeconfig)
    }

    /// Only one of the clusters is used, so all of them are amended.
    fn amend_cluster(&self, kubeconfig: &mut Kubeconfig) {
        let named = kubeconfig.clusters.iter_mut();
        for cluster in named.filter_map(|named| named.cluster.as_mut()) {
            if let Some(server) = &self.server {
                cluster.server = Some(server.clone());
            }
            if let Some(file) = &self.certificate_authority {
                cluster.certificate_authority = Some(file.display().to_string());
                cluster.certificate_authority_data = None;
            }
            if let Some(name) = &self.tls_server_name {
                cluster.tls_server_name = Some(name.clone());
            }
            if self.insecure_skip_tls_verify {
                cluster.insecure_skip_tls_verify = Some(true);
            }
        }
    }

    fn amend_user(&self, config: &mut Config) {
        let user = &mut config.auth_info;
        if let (Some(certificate), Some(key)) = (&self.client_certificate, &self.client_key) {
            user.client_certificate = Some(certificate.display().to_string());
            user.client_certificate_data = None;
            user.client_key = Some(key.display().to_string());
            user.client_key_data = None;
        }
        if let Some(token) = &self.token {
            user.token = Some(token.reveal().to_owned().into());
            // Whoever names a token means it, whatever else the kubeconfig has for this user.
            user.token_file = None;
            user.username = None;
            user.password = None;
            user.auth_provider = None;
            user.exec = None;
        }
        if let Some(name) = &self.act_as {
            user.impersonate = Some(name.clone());
        }
        if !self.act_as_group.is_empty() {
            user.impersonate_groups = Some(self.act_as_group.clone());
        }
    }

    /// The same flags for a child of kubectl, without the namespace.
    pub(crate) fn for_kubectl(&self) -> Vec<OsString> {
        let path = |path: &Option<PathBuf>| path.clone().map(PathBuf::into_os_string);
        let word = |word: &Option<String>| word.clone().map(OsString::from);
        let timeout = self
            .request_timeout
            .map(|timeout| format!("{}ms", timeout.as_millis()).into());
        let mut all = vec![
            ("kubeconfig", path(&self.kubeconfig)),
            ("context", word(&self.context)),
            ("cluster", word(&self.cluster)),
            ("user", word(&self.user)),
            ("server", word(&self.server)),
            ("certificate-authority", path(&self.certificate_authority)),
            ("tls-server-name", word(&self.tls_server_name)),
            ("client-certificate", path(&self.client_certificate)),
            ("client-key", path(&self.client_key)),
            (
                "token",
                self.token.as_ref().map(|token| token.reveal().into()),
            ),
            ("as", word(&self.act_as)),
            ("request-timeout", timeout),
        ];
        all.extend(
            self.act_as_group
                .iter()
                .map(|group| ("as-group", Some(group.into()))),
        );
        if self.insecure_skip_tls_verify {
            all.push(("insecure-skip-tls-verify", Some("true".into())));
        }
        all.into_iter()
            .filter_map(|(name, value)| {
                let mut flag = OsString::from(format!("--{name}="));
                flag.push(value?);
                Some(flag)
            })
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        connection: Connection,
    }

    /// The flags of a line.
    pub(crate) fn flags(line: &str) -> Connection {
        let words = std::iter::once("x").chain(line.split_whitespace());
        Line::try_parse_from(words).unwrap().connection
    }

    const KUBECONFIG: &str = r#"{
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443"}}],
        "users": [{"name": "u", "user": {"username": "me", "password": "pw"}}]
    }"#;

    #[test]
    fn kubectl_gets_the_flags_that_were_given_and_no_other() {
        assert!(flags("-n shop").for_kubectl().is_empty());
        let line = "--context c --as jane --as-group a --as-group b --request-timeout 1m \
                    --insecure-skip-tls-verify --kubeconfig /k -s https://x";
        assert_eq!(
            flags(line).for_kubectl(),
            [
                "--kubeconfig=/k",
                "--context=c",
                "--server=https://x",
                "--as=jane",
                "--request-timeout=60000ms",
                "--as-group=a",
                "--as-group=b",
                "--insecure-skip-tls-verify=true",
            ]
        );
    }

    #[test]
    fn flags_win_over_the_kubeconfig() {
        let flags = flags("-s https://other --token t --as jane --as-group g");
        let mut kubeconfig = Kubeconfig::from_yaml(KUBECONFIG).unwrap();
        flags.amend_cluster(&mut kubeconfig);
        let mut config = Config::try_from(kubeconfig).unwrap();
        flags.amend_user(&mut config);
        assert_eq!(config.cluster_url.to_string(), "https://other/");
        assert_eq!(config.auth_info.username, None);
        assert!(config.auth_info.token.is_some());
        assert_eq!(config.auth_info.impersonate.as_deref(), Some("jane"));
        assert_eq!(
            config.auth_info.impersonate_groups,
            Some(vec!["g".to_owned()])
        );
    }

    #[test]
    fn without_flags_the_kubeconfig_is_taken_as_it_is() {
        let flags = flags("");
        let mut kubeconfig = Kubeconfig::from_yaml(KUBECONFIG).unwrap();
        flags.amend_cluster(&mut kubeconfig);
        let mut config = Config::try_from(kubeconfig).unwrap();
        flags.amend_user(&mut config);
        assert_eq!(config.cluster_url.to_string(), "https://10.0.0.1:6443/");
        assert_eq!(config.auth_info.username.as_deref(), Some("me"));
        assert_eq!(config.default_namespace, "shop");
    }
}
