//! Starting a member: its mysqld runs closed afterwards. A volume without data gets an empty server.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use moco_model::command::{OnEmptyVolume, Order};
use moco_model::guard::DataState;
use moco_model::report::{Fault, FaultCode};
use moco_model::{Guard, Phase, ServerVersion};
use moco_supervisor::protocol::{Ended, Log};

use super::process::{As, ended, kill, serve, spawn};
use crate::member::Member;
use crate::{image, volume};
use moco_model::sentence::with_causes;

/// `mysqld --initialize` takes 3 to 5 s on an idle machine (`docs/mysql-facts.md`); disks differ.
const INITIALISE_DEADLINE: Duration = Duration::from_secs(600);

/// Starts mysqld closed. See [`moco_model::Command::Start`].
pub async fn start(member: &Member, order: &Order, on_empty: OnEmptyVolume) -> Result<(), Fault> {
    let version = image_version(member).await?;
    let guard = member.shared.read(|state| state.guard.clone());
    match guard.as_ref().map(|guard| guard.data) {
        Some(DataState::Empty | DataState::Holding) => {
            check_data(member)?;
            serve(member, As::Administrator).await?;
        }
        None | Some(DataState::Initialising | DataState::Cloning) => {
            if on_empty == OnEmptyVolume::Refuse {
                return Err(missing(member));
            }
            make(member, order, guard).await?;
        }
    }
    record_start(member, version)
}

async fn image_version(member: &Member) -> Result<ServerVersion, Fault> {
    let mysqld = member.options.mysqld.clone();
    let asked = tokio::task::spawn_blocking(move || image::version(&mysqld)).await;
    asked.unwrap_or_else(|_| {
        let sentence = "the agent was stopped while it asked for the version of mysqld".to_owned();
        Err(Fault {
            code: FaultCode::NoMysqld,
            sentence,
        })
    })
}

fn missing(member: &Member) -> Fault {
    Fault {
        code: FaultCode::DataMissing,
        sentence: format!(
            "the volume at {} should hold the primary's data and is empty; bring the volume back or restore a backup",
            member.options.volume.display()
        ),
    }
}

fn check_data(member: &Member) -> Result<(), Fault> {
    if member.options.data_dir().join("mysql.ibd").exists() {
        Ok(())
    } else {
        Err(missing(member))
    }
}

fn volume_fault(what: &str, error: &dyn std::error::Error) -> Fault {
    let sentence = format!("{what}: {}", with_causes(error));
    Fault {
        code: FaultCode::VolumeNotWritable,
        sentence,
    }
}

fn write_guard(member: &Member, guard: Guard) -> Result<(), Fault> {
    member
        .set_guard(guard)
        .map_err(|error| volume_fault("the member's promise is not kept", &error))
}

/// Makes an empty server. Cut at any point, it is begun again from nothing: until the end the guard
/// file says `Initialising`.
async fn make(member: &Member, order: &Order, guard: Option<Guard>) -> Result<(), Fault> {
    let mut guard = guard.unwrap_or_else(|| Guard {
        cluster: order.cluster.clone(),
        member: order.member,
        epoch: order.epoch,
        role: Some(order.role),
        membership: Some(order.membership.clone()),
        incarnation: String::new(),
        data: DataState::Initialising,
        boot_id: String::new(),
        pod_uid: String::new(),
        server_version: None,
    });
    guard.data = DataState::Initialising;
    guard.incarnation = incarnation();
    write_guard(member, guard)?;
    member
        .shared
        .change(|state| state.work = Some(Phase::Initialising));
    let data_dir = member.options.data_dir();
    volume::wipe(&data_dir)
        .map_err(|error| volume_fault("cannot empty the data directory", &error))?;
    initialise(member, &data_dir).await?;
    serve(member, As::FreshRoot).await?;
    let prepared = member.sql.prepare().await;
    if let Err(error) = prepared {
        kill(member).await?;
        let plugin = error.is_missing_plugin();
        let code = if plugin {
            FaultCode::PluginMissing
        } else {
            FaultCode::InitialiseFailed
        };
        return Err(Fault {
            code,
            sentence: with_causes(&error),
        });
    }
    set_data(member, DataState::Empty)
}

fn set_data(member: &Member, data: DataState) -> Result<(), Fault> {
    member
        .set_data(data)
        .map_err(|error| volume_fault("the member's promise is not kept", &error))
}

/// A number that no other data directory has.
pub fn incarnation() -> String {
    format!("{:032x}", rand::random::<u128>())
}

async fn initialise(member: &Member, data_dir: &Path) -> Result<(), Fault> {
    let mut arguments = vec![
        "--no-defaults".to_owned(),
        "--initialize-insecure".to_owned(),
        format!("--datadir={}", data_dir.display()),
        "--secure-file-priv=NULL".to_owned(),
        "--disable-log-bin".to_owned(),
    ];
    arguments.extend(creation_options(&member.options.defaults_file));
    if rustix::process::geteuid().is_root() {
        arguments.push("--user=root".to_owned());
    }
    let log = member.options.volume.join("moco-initialize.log");
    let _ = fs::remove_file(&log);
    spawn(member, arguments, Log::File(log.clone())).await?;
    let exit = ended(member, INITIALISE_DEADLINE).await?;
    if exit.is_some_and(|exit| exit.how == Ended::Code(0)) {
        let _ = fs::remove_file(&log);
        return Ok(());
    }
    let how = exit.map_or_else(
        || "without a trace".to_owned(),
        |exit| format!("with {}", exit.how),
    );
    let said = complaint(&log).unwrap_or_default();
    let sentence = format!("mysqld --initialize ended {how}: {said}");
    Err(Fault {
        code: FaultCode::InitialiseFailed,
        sentence,
    })
}

/// The first error in the log of `mysqld --initialize`.
fn complaint(log: &PathBuf) -> Option<String> {
    let text = fs::read_to_string(log).ok()?;
    text.lines()
        .find(|line| line.contains("[ERROR]"))
        .map(|line| image::message(line).to_owned())
}

/// Options that only count when a data directory is made (MySQL manual: `lower_case_table_names`,
/// `innodb_page_size`), taken over from the option file.
fn creation_options(defaults_file: &Path) -> Vec<String> {
    let text = fs::read_to_string(defaults_file).unwrap_or_default();
    let mut options = Vec::new();
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let name = name.trim().replace('-', "_");
        if matches!(name.as_str(), "lower_case_table_names" | "innodb_page_size") {
            options.push(format!("--{name}={}", value.trim()));
        }
    }
    options
}

/// Remembers which kernel, pod and version of mysqld had the volume open.
fn record_start(member: &Member, version: ServerVersion) -> Result<(), Fault> {
    let Some(guard) = member.shared.read(|state| state.guard.clone()) else {
        return Ok(());
    };
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let started = Guard {
        boot_id: boot_id.trim().to_owned(),
        pod_uid: member.options.pod_uid.clone(),
        server_version: Some(version),
        ..guard.clone()
    };
    if started == guard {
        Ok(())
    } else {
        write_guard(member, started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_count_at_creation_are_taken_over() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(
            &file,
            "[mysqld]\nlower-case-table-names = 1\nport=3306\ninnodb_page_size=8192\n",
        )
        .unwrap();
        assert_eq!(
            creation_options(file.path()),
            ["--lower_case_table_names=1", "--innodb_page_size=8192"]
        );
    }
}
