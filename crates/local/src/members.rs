//! The members: a folder with files, and a process group of supervise, agent and mysqld each.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use moco_model::MemberId;
use moco_resources::config::{self, MyCnf, Place, TlsFiles};

use crate::home::{self, Home};
use crate::manifest::{Manifest, Settings};
use crate::processes::{self, Process};

/// Port of mysqld on the member's own address.
pub(crate) const MYSQL_PORT: u16 = 3306;
const AGENT_PORT: u16 = 9080;
const HEALTH_PORT: u16 = 9081;
const METRICS_PORT: u16 = 8080;

/// Seconds that a member may take to stop.
pub(crate) const GRACE_SECONDS: u64 = 60;

/// Where a member's agent is reached.
pub(crate) fn agent_address(settings: &Settings, member: MemberId) -> SocketAddr {
    (settings.member(member), AGENT_PORT).into()
}

/// The member's supervise, if it runs.
pub(crate) fn process(home: &Home, member: MemberId) -> anyhow::Result<Option<Process>> {
    processes::recorded(&home.member(member).join("supervise.json"))
}

/// Makes the member's files, and starts its supervise if it does not run. mysqld starts only when the
/// agent gets leave.
pub(crate) fn ensure(
    home: &Home,
    settings: &Settings,
    manifest: &Manifest,
    member: MemberId,
) -> anyhow::Result<()> {
    let folder = home.member(member);
    if process(home, member)?.is_some() {
        return Ok(());
    }
    for name in ["volume", "run", "tmp", "log"] {
        home::private_dir(&folder.join(name))?;
    }
    let option_file = folder.join("my.cnf");
    write_if_changed(&option_file, &my_cnf(home, settings, manifest, member).text)?;
    let mut command = settings.run_as(member, &settings.moco);
    command
        .args([
            "supervise",
            "--grace-seconds",
            &GRACE_SECONDS.to_string(),
            "--agent",
        ])
        .arg(&settings.moco)
        .arg("--last-good")
        .arg(folder.join("run/moco.good"))
        .arg("--")
        .args(agent_arguments(home, settings, manifest, member));
    let log = folder.join("agent.log");
    processes::start(&mut command, &log, &folder.join("supervise.json")).map(|_| ())
}

/// Asks members that are neither wanted nor recorded any more to end; their data stays.
pub(crate) fn dismiss(home: &Home, wanted: &[MemberId]) -> anyhow::Result<()> {
    for id in home.members() {
        if !wanted.contains(&id)
            && let Some(process) = process(home, id)?
        {
            process.signal(rustix::process::Signal::TERM)?;
        }
    }
    Ok(())
}

/// What became of the user's options that mysqld does not get as they were given, in sentences.
pub(crate) fn options_without_effect(
    home: &Home,
    settings: &Settings,
    manifest: &Manifest,
) -> Vec<String> {
    let notes = my_cnf(home, settings, manifest, MemberId(0)).notes;
    notes.into_iter().map(|note| note.sentence).collect()
}

fn my_cnf(home: &Home, settings: &Settings, manifest: &Manifest, member: MemberId) -> MyCnf {
    let folder = home.member(member);
    let file = |name: &str| folder.join(name).display().to_string();
    let address = settings.member(member).to_string();
    let place = Place {
        data_dir: file("volume/data"),
        socket: socket(&folder),
        mysqlx_socket: format!("{}x", socket(&folder)),
        pid_file: file("run/mysqld.pid"),
        tmp_dir: file("tmp"),
        slow_log: file("log/mysql.slow"),
        tls: TlsFiles::in_folder(&home.tls().display().to_string()),
        port: MYSQL_PORT,
        admin_port: 33062,
        mysqlx_port: 33060,
        bind_address: Some(address.clone()),
        admin_address: address,
    };
    config::of_cluster(&place, &manifest.cluster, &manifest.user_options)
}

/// The administrator's socket. Unix limits the length of its path to 107 bytes, so a deep folder is
/// reached through its hash in the folder for temporary files.
fn socket(folder: &Path) -> String {
    let direct = folder.join("run/mysqld.sock").display().to_string();
    if direct.len() <= 100 {
        return direct;
    }
    let short = moco_api::names::fnv32a(folder.as_os_str().as_encoded_bytes());
    std::env::temp_dir()
        .join(format!("moco-local-{short:08x}.sock"))
        .display()
        .to_string()
}

/// The administrator's socket of a member.
pub(crate) fn socket_of(home: &Home, member: MemberId) -> String {
    socket(&home.member(member))
}

fn agent_arguments(
    home: &Home,
    settings: &Settings,
    manifest: &Manifest,
    member: MemberId,
) -> Vec<String> {
    let folder = home.member(member);
    let host = settings.member(member);
    let path = |path: &Path| path.display().to_string();
    let cluster = &manifest.cluster;
    let pairs = [
        ("--cluster-namespace", cluster.id.namespace.clone()),
        ("--cluster-name", cluster.id.name.clone()),
        ("--cluster-uid", settings.uid.to_string()),
        ("--member", member.to_string()),
        ("--pod-uid", format!("local-{}", std::process::id())),
        ("--volume", path(&folder.join("volume"))),
        ("--defaults-file", path(&folder.join("my.cnf"))),
        ("--socket", socket(&folder)),
        ("--mysqld", path(&settings.mysqld)),
        ("--mysqld-log", path(&folder.join("mysqld.log"))),
        ("--report-host", host.to_string()),
        ("--server-id-base", cluster.server_id_base.to_string()),
        ("--credentials-dir", path(&home.credentials())),
        ("--tls-dir", path(&home.tls())),
        ("--controller", settings.notices().to_string()),
        ("--listen", SocketAddr::from((host, AGENT_PORT)).to_string()),
        (
            "--health-listen",
            SocketAddr::from((host, HEALTH_PORT)).to_string(),
        ),
        (
            "--metrics-listen",
            SocketAddr::from((host, METRICS_PORT)).to_string(),
        ),
        (
            "--startup-wait-seconds",
            cluster.startup_wait_secs.to_string(),
        ),
        ("--max-delay-seconds", cluster.max_delay_secs.to_string()),
    ];
    let pairs = pairs
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value]);
    std::iter::once("agent".to_owned()).chain(pairs).collect()
}

fn write_if_changed(path: &Path, text: &str) -> anyhow::Result<()> {
    if fs::read_to_string(path).is_ok_and(|found| found == text) {
        return Ok(());
    }
    home::replace(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}
