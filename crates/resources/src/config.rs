//! my.cnf: the same text for every member of a cluster.
//!
//! What differs between members (`server_id`, `report_host`, addresses) is given to mysqld on its
//! command line by the agent, and what changes while it runs (roles, semi-sync) by statements. The
//! file starts a server that is closed: read-only and not replicating.
//!
//! It is made of MOCO's defaults, replaced by the user's options, and of what safety or MOCO's own
//! programs depend on, which no user's option replaces. An option that is not passed on as it was
//! given is told in a [`ConfigNote`], never dropped in silence.
//!
//! Start reading at [`of_cluster`]; the tables are in `defaults`, `fixed`, `refused` and `renamed`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use moco_api::TrustedCluster;
use moco_api::constants::{paths, ports};
use moco_api::trusted::Size;

mod defaults;
mod fixed;
mod include;
mod option;
mod refused;
mod renamed;

pub use fixed::{Fixed, fixed};
use option::{Given, Taken};

/// Where mysqld keeps and offers things. Kubernetes and local mode differ in nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The data directory.
    pub data_dir: String,
    /// The socket for the agent, in a folder that nobody else can enter.
    pub socket: String,
    /// The X plugin's socket.
    pub mysqlx_socket: String,
    /// The file with mysqld's process id.
    pub pid_file: String,
    /// Scratch space.
    pub tmp_dir: String,
    /// The slow query log.
    pub slow_log: String,
    /// Certificates.
    pub tls: TlsFiles,
    /// Port of MySQL.
    pub port: u16,
    /// Port of the administrative interface.
    pub admin_port: u16,
    /// Port of the X plugin.
    pub mysqlx_port: u16,
    /// Address that clients reach; `None` for all.
    pub bind_address: Option<String>,
    /// Address of the administrative interface; MySQL allows no wildcard here.
    pub admin_address: String,
}

/// Files of a member's certificate, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities that peers are checked against.
    pub ca: String,
    /// The certificate.
    pub cert: String,
    /// Its key.
    pub key: String,
}

impl TlsFiles {
    /// Files of the usual names in a folder.
    pub fn in_folder(folder: &str) -> Self {
        Self {
            ca: format!("{folder}/ca.crt"),
            cert: format!("{folder}/tls.crt"),
            key: format!("{folder}/tls.key"),
        }
    }
}

impl Place {
    /// A member's pod.
    pub fn pod() -> Self {
        Self {
            data_dir: format!("{}/data", paths::DATA),
            socket: format!("{}/mysqld.sock", paths::SOCKETS),
            mysqlx_socket: format!("{}/mysqlx.sock", paths::SOCKETS),
            pid_file: format!("{}/mysqld.pid", paths::SOCKETS),
            tmp_dir: paths::TMP.to_owned(),
            slow_log: paths::SLOW_LOG.to_owned(),
            tls: TlsFiles::in_folder(paths::GRPC_CERT),
            port: ports::MYSQL,
            admin_port: ports::MYSQL_ADMIN,
            mysqlx_port: ports::MYSQLX,
            bind_address: None,
            admin_address: "127.0.0.1".to_owned(),
        }
    }
}

/// A finished my.cnf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MyCnf {
    /// The file.
    pub text: String,
    /// What became of the user's options that are not in it as they were given.
    pub notes: Vec<ConfigNote>,
}

/// What became of a user's option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigNote {
    /// The option, as the user spelt it.
    pub key: String,
    /// What became of it.
    pub kind: NoteKind,
    /// The same for people, with the reason. Never holds the option's value.
    pub sentence: String,
}

/// What became of a user's option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// It is left out.
    Refused,
    /// It is there under the name, or with the value, that MySQL 9.7 knows.
    Translated,
    /// MOCO's value is there in its place.
    Overridden,
}

/// my.cnf of a cluster's members. `user` holds the options of the user's ConfigMap, by name. An argument of the
/// container `mysqld` replaces one of them, as it would on mysqld's command line.
pub fn of_cluster(
    place: &Place,
    cluster: &TrustedCluster,
    user: &BTreeMap<String, String>,
) -> MyCnf {
    let mut options = user.clone();
    for (name, value) in &cluster.pod.mysqld_options {
        let same = |key: &String| key.replace('-', "_") == name.replace('-', "_");
        options.retain(|key, _| !same(key));
        options.insert(name.clone(), value.clone());
    }
    generate(place, cluster.pod.size, &options)
}

/// Makes my.cnf. `user` holds the user's options, by name.
pub fn generate(place: &Place, size: Size, user: &BTreeMap<String, String>) -> MyCnf {
    let fixed = fixed(place);
    let mut notes = Vec::new();
    let mut options: BTreeMap<String, Taken> = defaults::defaults(place, size)
        .into_iter()
        .map(|taken| (taken.name.clone(), taken))
        .collect();
    let mut plugins = Vec::new();
    let mut included = None;
    let mut redo_log = renamed::RedoLog::default();
    for (key, value) in user {
        if key == "_include" {
            included = Some(include::filter(value, &fixed, &mut notes));
            continue;
        }
        if redo_log.take(key, value, &mut notes) {
            continue;
        }
        match option::judge(Given { key, value }, &fixed, &mut notes) {
            Some(taken) if taken.name == "plugin_load_add" => plugins.push(taken.value),
            Some(taken) => drop(options.insert(taken.name.clone(), taken)),
            None => {}
        }
    }
    if let Some(taken) = redo_log.finish() {
        // What the user says in the new words wins over what the old words amount to.
        let said = user
            .keys()
            .any(|key| key.replace('-', "_").ends_with(taken.name.as_str()));
        if !said {
            options.insert(taken.name.clone(), taken);
        }
    }
    let mut text = String::from("# Made by MOCO; changes are overwritten.\n");
    if let Some(included) = included {
        section(
            &mut text,
            "mysqld",
            "From _include of the user's ConfigMap.",
        );
        text.push_str(&included);
    }
    section(
        &mut text,
        "mysqld",
        "Defaults, and options of the user's ConfigMap.",
    );
    for taken in options.values() {
        line(&mut text, &taken.written_name(), &taken.value);
    }
    for plugins in plugins {
        line(&mut text, "plugin_load_add", &plugins);
    }
    section(
        &mut text,
        "mysqld",
        "What MOCO depends on. Options of the user's do not replace it.",
    );
    for one in &fixed {
        line(&mut text, one.written_name, &one.value);
    }
    for plugin in fixed::PLUGINS {
        line(&mut text, "plugin_load_add", plugin);
    }
    clients(&mut text, place);
    notes.sort_by(|a, b| (&a.key, a.kind).cmp(&(&b.key, b.kind)));
    MyCnf { text, notes }
}

/// What command line clients in the pod read.
fn clients(text: &mut String, place: &Place) {
    section(text, "client", "Clients in the same place as the server.");
    line(text, "port", &place.port.to_string());
    line(text, "socket", &place.socket);
    line(text, "loose_default_character_set", "utf8mb4");
    section(text, "mysql", "People at a prompt.");
    line(text, "auto_rehash", "OFF");
    let command = "\"SET autocommit=0\"";
    line(text, "init_command", command);
}

fn section(text: &mut String, name: &str, comment: &str) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\n[{name}]\n# {comment}\n");
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name} = {value}");
}

#[cfg(test)]
mod tests;
