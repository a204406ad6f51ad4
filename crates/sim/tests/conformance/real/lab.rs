//! The laboratory of a test process: certificates, and data directories to copy.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moco_model::Account;
use moco_mysql::replication::TlsFiles;
use moco_mysql::{Login, Server, Session};
use tempfile::TempDir;

use super::mysqld::Mysqld;
use crate::bench::passwords;

pub(crate) struct Lab {
    program: PathBuf,
    dir: PathBuf,
    /// Ends when this process does, however it ends.
    _reaper: Child,
}

/// The laboratory of this process, or none when there is no mysqld to test with.
pub(super) fn lab() -> Option<&'static Lab> {
    static LAB: OnceLock<Option<Lab>> = OnceLock::new();
    LAB.get_or_init(|| {
        let program = std::env::var_os("MOCO_TEST_MYSQLD")?;
        Some(Lab::make(program.into()))
    })
    .as_ref()
}

impl Lab {
    fn make(program: PathBuf) -> Self {
        let dir = TempDir::with_prefix("moco-sim-").unwrap().keep();
        let lab = Self {
            program,
            _reaper: reaper(&dir),
            dir,
        };
        lab.make_certificates();
        let blank = lab.dir.join("blank");
        let options = lab.dir.join("init.cnf");
        fs::write(&options, lab.options(&blank, 1, 1)).unwrap();
        let done = Command::new(&lab.program)
            .arg(format!("--defaults-file={}", options.display()))
            .arg("--initialize-insecure")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success(), "mysqld --initialize-insecure failed");
        lab.make_prepared();
        lab
    }

    /// Makes the template of set-up servers, with a clean stop at its end.
    fn make_prepared(&self) {
        let mut server = self.launch("blank");
        server.wait_until_it_listens();
        std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(set_up(server.socket()));
            });
            work.join().unwrap();
        });
        server.wait_for_exit();
        fs::rename(server.data(), self.dir.join("prepared")).unwrap();
    }

    /// A server on a copy of a data directory; it need not listen yet.
    pub(super) fn launch(&self, template: &str) -> Mysqld {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = self.dir.join(format!("s{number}"));
        let data = dir.join("data");
        copy_dir(&self.dir.join(template), &data);
        // Or the copies would share a server_uuid.
        let _ = fs::remove_file(data.join("auto.cnf"));
        let port = free_port();
        fs::write(dir.join("my.cnf"), self.options(&data, number, port)).unwrap();
        Mysqld::new(self.program.clone(), dir, port, self.tls())
    }

    fn tls(&self) -> TlsFiles {
        TlsFiles {
            ca: self.dir.join("ca.pem"),
            certificate: self.dir.join("tls.crt"),
            key: self.dir.join("tls.key"),
        }
    }

    fn make_certificates(&self) {
        use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        // Or both would have the same subject, and the leaf would look self-signed.
        ca.distinguished_name.push(DnType::CommonName, "test ca");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let issuer = Issuer::from_params(&ca, &ca_key);
        let key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned()];
        let leaf = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();
        let tls = self.tls();
        fs::write(tls.ca, ca_certificate.pem()).unwrap();
        fs::write(tls.certificate, leaf.pem()).unwrap();
        fs::write(tls.key, key.serialize_pem()).unwrap();
    }

    /// An option file like the one that MOCO writes, but small.
    fn options(&self, data: &Path, number: u32, port: u16) -> String {
        let beside = |name: &str| data.with_extension(name).display().to_string();
        let tls = self.tls();
        let user = match fs::metadata("/proc/self").map(|me| me.uid()) {
            Ok(0) => "user = root",
            _ => "",
        };
        let (socket, pid, log) = (beside("sock"), beside("pid"), beside("log"));
        let (data, ca) = (data.display(), tls.ca.display());
        let (certificate, key) = (tls.certificate.display(), tls.key.display());
        format!(
            "[mysqld]\n{user}\ndatadir = {data}\nsocket = {socket}\npid-file = {pid}\n\
             log-error = {log}\nbind-address = 127.0.0.1\nport = {port}\nserver-id = {number}\n\
             ssl-ca = {ca}\nssl-cert = {certificate}\nssl-key = {key}\n{OPTIONS}\n"
        )
    }
}

async fn set_up(socket: PathBuf) {
    let limit = Duration::from_mins(1);
    moco_mysql::prepare::prepare(&socket, &passwords(), limit)
        .await
        .unwrap();
    let password = passwords().of(Account::Admin).clone();
    let login = Login::admin(socket, password);
    let mut admin = Server::open(&login, limit).await.unwrap();
    admin.run("stop the server", "SHUTDOWN").await.unwrap();
}

/// Those of the contract tests: both ask the same server.
const OPTIONS: &str = include_str!("../../../../mysql/tests/real_mysqld/options.cnf");

/// A process that removes `dir` when this one has ended, and before that ends any mysqld in it: a
/// static is never dropped, and a test process can be killed. A mysqld is known by the pid file in
/// the directory and by the directory in its command line.
fn reaper(dir: &Path) -> Child {
    const SCRIPT: &str = r#"read -r _
for file in "$1"/s*/data.pid; do
  [ -f "$file" ] || continue
  pid=$(cat "$file")
  grep -qaF "$1/" "/proc/$pid/cmdline" && kill -9 "$pid"
done
rm -rf "$1""#;
    Command::new("sh")
        .args(["-c", SCRIPT, "sh"])
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

/// A port of 127.0.0.1 on which nobody listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub(super) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
