//! Secrets: passwords and certificates, as values that somebody else made.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moco_api::constants::{annotations, labels, ports};
use moco_api::{TrustedCluster, names};
use moco_model::{Account, Passwords};

use crate::metadata::{member_labels, metadata};
use crate::objects::{Certificate, Facts};

/// The passwords in the operator's namespace.
pub(crate) fn controller(cluster: &TrustedCluster, facts: &Facts) -> Secret {
    let mut own_labels = member_labels(&cluster.id);
    own_labels.insert(
        labels::INSTANCE_NAMESPACE.to_owned(),
        cluster.id.namespace.clone(),
    );
    let version = (
        annotations::SECRET_VERSION.to_owned(),
        annotations::SECRET_VERSION_1.to_owned(),
    );
    let metadata = ObjectMeta {
        name: Some(names::controller_secret(&cluster.id)),
        namespace: Some(facts.system_namespace.clone()),
        labels: Some(own_labels),
        annotations: Some([version].into()),
        ..ObjectMeta::default()
    };
    secret(metadata, passwords(&facts.passwords))
}

/// The passwords in the cluster's namespace.
pub(crate) fn user(cluster: &TrustedCluster, all: &Passwords) -> Secret {
    secret(
        metadata(cluster, names::user_secret(&cluster.id)),
        passwords(all),
    )
}

/// The members' certificate.
pub(crate) fn grpc(cluster: &TrustedCluster, certificate: &Certificate) -> Secret {
    let files = [
        ("ca.crt", &certificate.ca),
        ("tls.crt", &certificate.cert),
        ("tls.key", &certificate.key),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.clone()));
    secret(
        metadata(cluster, names::grpc_secret(&cluster.id)),
        files.into(),
    )
}

/// Accounts that have an option file.
const WITH_OPTION_FILE: [Account; 5] = [
    Account::Admin,
    Account::Exporter,
    Account::Backup,
    Account::Readonly,
    Account::Writable,
];

/// The key of an account's option file.
pub(crate) fn option_file(account: Account) -> String {
    format!("{}-my.cnf", account.user())
}

/// Option files, one an account.
pub(crate) fn my_cnf(cluster: &TrustedCluster, all: &Passwords) -> Secret {
    let files = WITH_OPTION_FILE.map(|account| {
        let password = all.of(account).reveal();
        let mut text = format!(
            "[client]\nuser=\"{}\"\npassword=\"{password}\"\n",
            account.user()
        );
        if account == Account::Exporter {
            // Sidecars do not reach the socket, which is the administrator's too.
            let _ = write!(text, "host=\"127.0.0.1\"\nport=\"{}\"\n", ports::MYSQL);
        }
        (option_file(account), text)
    });
    secret(
        metadata(cluster, names::my_cnf_secret(&cluster.id)),
        files.into(),
    )
}

fn passwords(all: &Passwords) -> BTreeMap<String, String> {
    Account::ALL
        .map(|account| {
            let password = all.of(account).reveal().to_owned();
            (account.secret_key().to_owned(), password)
        })
        .into()
}

fn secret(metadata: ObjectMeta, texts: BTreeMap<String, String>) -> Secret {
    let bytes = |(key, text): (String, String)| (key, ByteString(text.into_bytes()));
    Secret {
        metadata,
        data: Some(texts.into_iter().map(bytes).collect()),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}
