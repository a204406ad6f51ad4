//! What the image offers: which mysqld, and what it says about its configuration.

use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use moco_model::ServerVersion;
use moco_model::report::{Fault, FaultCode};
use moco_model::version::Support;

/// `mysqld --version` and `--validate-config` take well under a second; a cold disk may need more.
const DEADLINE: Duration = Duration::from_secs(60);

/// The version of `mysqld`, if it is one that MOCO runs. Blocks for the run of `mysqld --version`.
pub fn version(mysqld: &Path) -> Result<ServerVersion, Fault> {
    let advice = "use an image with mysqld 9.7";
    let unusable = |code, what: String| Fault {
        code,
        sentence: format!("{what}; {advice}"),
    };
    let output = captured(Command::new(mysqld).arg("--version")).map_err(|error| {
        unusable(
            FaultCode::NoMysqld,
            format!("cannot run {} of the image: {error}", mysqld.display()),
        )
    })?;
    // "/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))"
    let mut words = output.split_whitespace();
    let number = words
        .by_ref()
        .find(|word| *word == "Ver")
        .and_then(|_| words.next());
    let version = number
        .and_then(|word| word.parse::<ServerVersion>().ok())
        .ok_or_else(|| {
            let said = output.lines().next().unwrap_or_default();
            unusable(
                FaultCode::NoMysqld,
                format!("mysqld --version does not tell a version: {said:?}"),
            )
        })?;
    match version.support() {
        Support::Tested | Support::Untested => Ok(version),
        Support::Refused => Err(unusable(
            FaultCode::VersionRefused,
            format!("the image has mysqld {version}, which MOCO does not run"),
        )),
    }
}

/// What mysqld says against its configuration, if anything. Asked only after it ended early.
pub fn configuration_fault(mysqld: &Path, arguments: &[String]) -> Option<Fault> {
    let output = captured(
        Command::new(mysqld)
            .args(arguments)
            .arg("--validate-config"),
    )
    .ok()?;
    let complaint = output
        .lines()
        .find(|line| line.contains("[ERROR]") && !line.contains("Aborting"))?;
    let missing = complaint.contains("plugin") || complaint.contains("Plugin");
    let (code, advice) = if missing {
        (FaultCode::PluginMissing, "use an image that has the plugin")
    } else {
        let place = "mend it in the ConfigMap that spec.mysqlConfigMapName names";
        (FaultCode::ConfigurationRefused, place)
    };
    let said = message(complaint).trim_end_matches('.');
    Some(Fault {
        code,
        sentence: format!("mysqld refuses its configuration: {said}; {advice}"),
    })
}

/// The message of a line of mysqld's error log: `TIME THREAD [ERROR] [CODE] [SUBSYSTEM] MESSAGE`.
pub fn message(line: &str) -> &str {
    line.find("[ERROR]")
        .and_then(|at| line.get(at + "[ERROR]".len()..))
        .unwrap_or(line)
        .trim()
}

/// Runs a program and returns what it printed on both outputs, cut at 64 KiB each.
fn captured(command: &mut Command) -> io::Result<String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let out = child.stdout.take().map(reader);
    let err = child.stderr.take().map(reader);
    let started = Instant::now();
    while child.try_wait()?.is_none() {
        if started.elapsed() > DEADLINE {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "it did not end in time",
            ));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let text = |reader: Option<std::thread::JoinHandle<String>>| {
        reader
            .and_then(|reader| reader.join().ok())
            .unwrap_or_default()
    };
    Ok(text(out) + &text(err))
}

fn reader(pipe: impl io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What cannot be read is not needed: the text is for people.
        let _ = pipe.take(64 << 10).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// A program that was just written cannot be run while another test's new process still holds its
    /// file (ETXTBSY), so these tests run one after the other.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    fn program(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mysqld");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    fn version_of(text: &str) -> Result<ServerVersion, FaultCode> {
        let folder = program(text);
        version(&folder.path().join("mysqld")).map_err(|fault| fault.code)
    }

    #[test]
    fn the_version_is_read_and_old_or_missing_servers_are_refused_by_name() {
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let ver = |v: &str| format!("echo '/usr/sbin/mysqld  Ver {v} for Linux on x86_64'");
        assert_eq!(version_of(&ver("9.7.4-2")), Ok("9.7.4".parse().unwrap()));
        assert_eq!(version_of(&ver("8.0.36")), Err(FaultCode::VersionRefused));
        assert_eq!(version_of("echo hello"), Err(FaultCode::NoMysqld));
        let missing = version(Path::new("/nonexistent/mysqld")).unwrap_err();
        assert_eq!(missing.code, FaultCode::NoMysqld);
    }

    #[test]
    fn a_complaint_about_the_configuration_is_told_in_mysqls_own_words() {
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let line = "2026-11-23T08:00:00Z 0 [ERROR] [MY-000067] [Server] unknown variable 'x=1'.";
        let folder = program(&format!("echo \"{line}\" >&2; exit 1"));
        let fault = configuration_fault(&folder.path().join("mysqld"), &[]).unwrap();
        assert_eq!(fault.code, FaultCode::ConfigurationRefused);
        let words = "[MY-000067] [Server] unknown variable 'x=1'; mend it in the ConfigMap";
        assert!(fault.sentence.contains(words), "{}", fault.sentence);
        let quiet = program("exit 0");
        assert_eq!(configuration_fault(&quiet.path().join("mysqld"), &[]), None);
    }
}
