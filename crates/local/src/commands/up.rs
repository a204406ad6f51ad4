//! `up`: make what is missing, start the background process, wait until the cluster is healthy.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command as Program, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use moco_model::{Account, ClusterId, ClusterUid, MemberId};
use moco_pki::{Authority, Bundle, ClusterName, KeyPem, LeafRequest, Namespace, issue};
use rustix::process::Signal;

use super::{say, wait};
use crate::cli::Up;
use crate::home::{self, Home};
use crate::manifest::{Manifest, Settings};
use crate::{daemon, members, processes};

pub(super) fn up(dir: Option<PathBuf>, arguments: &Up) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let root = home::root(dir)?;
    let unknown = ClusterUid("00000000".to_owned());
    let manifest = Manifest::read(&arguments.file, &unknown)?;
    let id = &manifest.cluster.id;
    let home = Home::of(&root, id);
    home::private_dir(home.path())?;
    let settings = settle(&root, &home, arguments)?;
    make_secrets(&home, &settings, id)?;
    let options = members::options_without_effect(&home, &settings, &manifest);
    for sentence in manifest.without_effect.iter().chain(&options) {
        say(&format!("note: {sentence}"));
    }
    home::replace(&home.manifest(), manifest.text.as_bytes())
        .context("cannot keep the manifest")?;
    match processes::recorded(&home.daemon())? {
        Some(daemon) => daemon.signal(Signal::HUP)?,
        None => start_daemon(&home)?,
    }
    let within = Duration::from_secs(arguments.timeout);
    wait::healthy(&home, &manifest.mark(), began, within)
}

/// What is settled at the first start is kept; the programs may be other ones each time.
fn settle(root: &Path, home: &Home, arguments: &Up) -> anyhow::Result<Settings> {
    let moco = match &arguments.moco {
        Some(moco) => moco.clone(),
        None => std::env::current_exe()
            .context("cannot find this program's own file")?
            .with_file_name("moco"),
    };
    let moco = program(&moco)?;
    let mysqld = program(&arguments.mysqld)?;
    let launcher = arguments.launcher.as_deref().map(program).transpose()?;
    let settings = match Settings::read(home)? {
        Some(known) => Settings {
            mysqld,
            moco,
            launcher: launcher.or(known.launcher),
            ..known
        },
        None => Settings {
            uid: new_uid(),
            network: match arguments.network {
                Some(network) => network,
                None => free_network(root, &moco)?,
            },
            mysqld,
            moco,
            launcher,
        },
    };
    home::write_json(&home.settings(), &settings)?;
    Ok(settings)
}

/// The absolute path of a program, searched in PATH if it is a bare name.
fn program(given: &Path) -> anyhow::Result<PathBuf> {
    let found = if given.components().count() > 1 {
        Some(given.to_owned())
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .map(|folder| folder.join(given))
            .find(|file| file.is_file())
    };
    let file = found.filter(|file| file.is_file()).with_context(|| {
        format!(
            "there is no program {}; name it with --mysqld, --moco or --launcher",
            given.display()
        )
    })?;
    std::path::absolute(&file).with_context(|| format!("cannot use {}", file.display()))
}

fn new_uid() -> ClusterUid {
    ClusterUid(format!("local-{:016x}", rand::random::<u64>()))
}

/// The first network that no other cluster has and whose addresses are free.
fn free_network(root: &Path, program: &Path) -> anyhow::Result<Ipv4Addr> {
    let others = fs::read_dir(root).into_iter().flatten().flatten();
    let taken: Vec<_> = others
        .filter_map(|entry| {
            Settings::read(&Home::at(entry.path()))
                .ok()??
                .network
                .into()
        })
        .collect();
    let free = |network: &Ipv4Addr| {
        let program = program.to_owned();
        let trial = Settings {
            uid: new_uid(),
            network: *network,
            mysqld: program.clone(),
            moco: program,
            launcher: None,
        };
        !taken.contains(network) && daemon::network_is_free(&trial)
    };
    (1..=250)
        .map(|third| Ipv4Addr::new(127, 77, third, 0))
        .find(free)
        .context("no network 127.77.N.0 has the ports 3306, 9080 and 9443 free")
}

/// Passwords and authority are made once; certificates each time, long before they end.
fn make_secrets(home: &Home, settings: &Settings, id: &ClusterId) -> anyhow::Result<()> {
    for folder in [home.credentials(), home.authority(), home.tls()] {
        home::private_dir(&folder)?;
    }
    for account in Account::ALL {
        let file = home.credentials().join(account.secret_key());
        if !file.exists() {
            let password = format!("{:032x}", rand::random::<u128>());
            write(&file, &password)?;
        }
    }
    let now = jiff::Timestamp::now();
    let (ca_file, key_file) = (
        home.authority().join("ca.crt"),
        home.authority().join("ca.key"),
    );
    let authority = if key_file.exists() {
        let key = KeyPem::new(read(&key_file)?);
        Authority::from_pem(&read(&ca_file)?, &key)
            .context("cannot read the cluster's authority")?
    } else {
        let new = Authority::create(1, now).context("cannot make the cluster's authority")?;
        let pem = new.to_pem();
        write(&ca_file, &pem.certificate)?;
        write(&key_file, pem.key.expose())?;
        new
    };
    let bundle = Bundle::from(authority.certificate().clone());
    let addresses =
        (0..moco_api::trusted::REPLICAS_MAX).map(|i| settings.member(MemberId(i)).into());
    let fronts = [settings.primary_front().ip(), settings.replica_front().ip()];
    let namespace: Namespace = id
        .namespace
        .parse()
        .context("cannot name the certificates")?;
    let name: ClusterName = id.name.parse().context("cannot name the certificates")?;
    let member =
        LeafRequest::cluster(namespace.clone(), name).with_ip_addresses(addresses.chain(fronts));
    let own = LeafRequest::controller(&namespace).with_ip_addresses([settings.notices().ip()]);
    for (folder, request) in [(home.tls(), member), (home.authority(), own)] {
        let leaf =
            issue(&authority, &bundle, &request, now).context("cannot issue a certificate")?;
        write(&folder.join("ca.crt"), &bundle.to_pem())?;
        write(&folder.join("tls.crt"), &leaf.cert_pem)?;
        write(&folder.join("tls.key"), leaf.key_pem.expose())?;
    }
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    home::replace(file, text.as_bytes()).with_context(|| format!("cannot write {}", file.display()))
}

fn start_daemon(home: &Home) -> anyhow::Result<()> {
    let own = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = Program::new(own);
    command.arg("run").arg("--home").arg(home.path());
    let _ = fs::remove_file(home.status()); // of an earlier run
    processes::start(&mut command, &home.log(), &home.daemon()).map(|_| ())
}
