//! Real mysqld processes for the contract tests.
//!
//! The program is named by `MOCO_TEST_MYSQLD`; without it a test says so and ends. The process
//! makes a data directory once, sets it up once, and gives every server a copy. A server listens on
//! a free port of 127.0.0.1, lives in a temporary directory of its own and is killed, by the process
//! id it was started with, when it goes out of scope.

use std::fs;
use std::future::Future;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use moco_model::{Account, Password, Passwords};
use moco_mysql::clone::Donor;
use moco_mysql::replication::{Source, TlsFiles};
use moco_mysql::{Login, Server};
use mysql_async::prelude::{FromValue, Queryable};
use mysql_async::{Conn, OptsBuilder};
use tempfile::TempDir;

/// Bounds every statement of the tests.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// Bounds every wait for a condition.
const PATIENCE: Duration = Duration::from_mins(1);

/// Bounds a whole test.
const TEST_LIMIT: Duration = Duration::from_mins(2);

/// Runs an async test body.
pub(crate) fn run(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let ended = runtime.block_on(async { tokio::time::timeout(TEST_LIMIT, body).await });
    assert!(ended.is_ok(), "the test did not end within {TEST_LIMIT:?}");
}

/// The laboratory: the program, certificates, and data directories to copy.
pub(crate) struct Lab {
    mysqld: PathBuf,
    dir: PathBuf,
    /// Ends when this process does, however it ends.
    _reaper: Child,
}

/// The laboratory of this process, or none, said loudly, when there is no mysqld to test with.
pub(crate) fn lab() -> Option<&'static Lab> {
    static LAB: OnceLock<Option<Lab>> = OnceLock::new();
    let made = LAB.get_or_init(|| {
        let mysqld = std::env::var_os("MOCO_TEST_MYSQLD")?;
        Some(Lab::make(mysqld.into()))
    });
    if made.is_none() {
        eprintln!("skipped: MOCO_TEST_MYSQLD is not set");
    }
    made.as_ref()
}

/// The passwords of the prepared servers: every account's is `pw` and its key.
pub(crate) fn passwords() -> Passwords {
    passwords_with("pw")
}

/// The same with another beginning.
pub(crate) fn passwords_with(prefix: &str) -> Passwords {
    Passwords::collect(|key| Some(format!("{prefix}{}", key.replace('_', "")))).unwrap()
}

impl Lab {
    fn make(mysqld: PathBuf) -> Self {
        let dir = TempDir::with_prefix("moco-mysql-").unwrap().keep();
        let lab = Self {
            mysqld,
            _reaper: reaper(&dir),
            dir,
        };
        lab.make_certificates();
        let blank = lab.dir.join("blank");
        let cnf = lab.dir.join("init.cnf");
        fs::write(&cnf, lab.options(&blank, 1, 1, &[])).unwrap();
        let done = Command::new(&lab.mysqld)
            .arg(format!("--defaults-file={}", cnf.display()))
            .arg("--initialize-insecure")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let log = fs::read_to_string(blank.with_extension("log")).unwrap_or_default();
        assert!(
            done.success(),
            "mysqld --initialize-insecure failed:\n{log}"
        );
        lab.make_prepared();
        lab
    }

    /// Makes the template of set-up servers, with a clean stop at its end.
    fn make_prepared(&self) {
        let mut server = self.start("blank", &[]);
        let prepared = self.dir.join("prepared");
        std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                run(async {
                    moco_mysql::prepare::prepare(&server.socket(), &passwords(), LIMIT)
                        .await
                        .unwrap();
                    server.sql(Account::Admin).await.run("SHUTDOWN").await;
                });
            });
            work.join().unwrap();
        });
        assert!(server.wait_for_exit().success());
        fs::rename(server.data(), prepared).unwrap();
    }

    /// A server as `mysqld --initialize-insecure` leaves it. `extra` lines end its option file.
    pub(crate) fn blank(&self, extra: &[&str]) -> Mysqld {
        self.start("blank", extra)
    }

    /// Servers that are set up with [`passwords`], closed, with an empty GTID set. They start at the
    /// same time.
    pub(crate) fn prepared<const N: usize>(&self) -> [Mysqld; N] {
        let mut servers = std::array::from_fn(|_| self.launch("prepared", &[]));
        servers.iter_mut().for_each(Mysqld::wait_until_it_listens);
        servers
    }

    /// One such server, with `extra` lines at the end of its option file.
    pub(crate) fn prepared_with(&self, extra: &[&str]) -> Mysqld {
        self.start("prepared", extra)
    }

    fn start(&self, template: &str, extra: &[&str]) -> Mysqld {
        let mut server = self.launch(template, extra);
        server.wait_until_it_listens();
        server
    }

    fn launch(&self, template: &str, extra: &[&str]) -> Mysqld {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = self.dir.join(format!("s{number}"));
        let data = dir.join("data");
        copy_dir(&self.dir.join(template), &data);
        // Or the copies would share a server_uuid.
        let _ = fs::remove_file(data.join("auto.cnf"));
        let port = free_port();
        fs::write(dir.join("my.cnf"), self.options(&data, number, port, extra)).unwrap();
        let mut server = Mysqld {
            program: self.mysqld.clone(),
            dir,
            port,
            child: None,
            tls: self.tls(),
        };
        server.launch();
        server
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
    fn options(&self, data: &Path, number: u32, port: u16, extra: &[&str]) -> String {
        let beside = |name: &str| data.with_extension(name).display().to_string();
        let tls = self.tls();
        let user = match fs::metadata("/proc/self").map(|me| me.uid()) {
            Ok(0) => "user = root",
            _ => "",
        };
        let (socket, pid, log) = (beside("sock"), beside("pid"), beside("log"));
        let (data, ca) = (data.display(), tls.ca.display());
        let (certificate, key) = (tls.certificate.display(), tls.key.display());
        let extra = extra.join("\n");
        format!(
            "[mysqld]\n{user}\ndatadir = {data}\nsocket = {socket}\npid-file = {pid}\n\
             log-error = {log}\nbind-address = 127.0.0.1\nport = {port}\nserver-id = {number}\n\
             ssl-ca = {ca}\nssl-cert = {certificate}\nssl-key = {key}\n{OPTIONS}\n{extra}\n"
        )
    }
}

const OPTIONS: &str = include_str!("options.cnf");

/// A very small volume.
pub(crate) struct Volume(TempDir);

impl Volume {
    /// Mounts one of `size`, as mount(8) takes it; none, said loudly, where mounting is not allowed.
    pub(crate) fn mount(size: &str) -> Option<Self> {
        let dir = TempDir::with_prefix("moco-volume-").unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "moco-test"])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(dir));
        }
        eprintln!("skipped: volumes cannot be mounted here");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no room on it.
    pub(crate) fn fill(&self) {
        use std::io::Write;
        let mut file = fs::File::create(self.path().join("filler")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

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

fn copy_dir(from: &Path, to: &Path) {
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

/// A running mysqld, or one that was stopped and can be started again.
pub(crate) struct Mysqld {
    program: PathBuf,
    dir: PathBuf,
    pub(crate) port: u16,
    child: Option<Child>,
    tls: TlsFiles,
}

impl Mysqld {
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.join("data.sock")
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The server's own log, for messages and for assertions about it.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.join("data.log")).unwrap_or_default()
    }

    /// Starts the process and waits until it takes connections.
    pub(crate) fn start(&mut self) {
        self.launch();
        self.wait_until_it_listens();
    }

    fn launch(&mut self) {
        assert!(self.child.is_none(), "mysqld runs already");
        let _ = fs::remove_file(self.socket());
        let options = self.dir.join("my.cnf");
        let child = Command::new(&self.program)
            .arg(format!("--defaults-file={}", options.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .env_remove("MYSQLD_PARENT_PID")
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    fn wait_until_it_listens(&mut self) {
        let begun = Instant::now();
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err() {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "mysqld does not start ({ended:?}):\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the process at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops the process where it is, as a hung host would.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn wait_for_exit(&mut self) -> std::process::ExitStatus {
        let mut child = self.child.take().unwrap();
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if begun.elapsed() > PATIENCE {
                let _ = child.kill();
                panic!("mysqld does not stop:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A connection of the product, as the administrator.
    pub(crate) async fn admin(&self) -> Server {
        self.admin_within(LIMIT).await
    }

    pub(crate) async fn admin_within(&self, limit: Duration) -> Server {
        let password = passwords().of(Account::Admin).clone();
        Server::open(&Login::admin(self.socket(), password), limit)
            .await
            .unwrap()
    }

    /// A plain connection of one of MOCO's accounts.
    pub(crate) async fn sql(&self, account: Account) -> Sql {
        let password = passwords().of(account).reveal().to_owned();
        self.sql_as(account.user(), &password).await.unwrap()
    }

    pub(crate) async fn sql_as(
        &self,
        user: &str,
        password: &str,
    ) -> Result<Sql, mysql_async::Error> {
        let options = OptsBuilder::default()
            .socket(Some(self.socket().to_string_lossy().into_owned()))
            .user(Some(user))
            .pass((!password.is_empty()).then_some(password));
        Conn::new(options).await.map(Sql)
    }

    /// This server as a source.
    pub(crate) fn source(&self) -> Source {
        Source {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: Account::Replication.user().to_owned(),
            password: passwords().of(Account::Replication).clone(),
            tls: self.tls.clone(),
        }
    }

    /// This server as a donor.
    pub(crate) fn donor(&self, password: Password) -> Donor {
        Donor {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: Account::CloneDonor.user().to_owned(),
            password,
            tls: self.tls.clone(),
        }
    }
}

impl Drop for Mysqld {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("log of the mysqld on port {}:\n{}", self.port, self.log());
        }
        self.kill();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A plain client.
pub(crate) struct Sql(Conn);

impl Sql {
    pub(crate) async fn run(&mut self, sql: &str) {
        self.attempt(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub(crate) async fn attempt(&mut self, sql: &str) -> Result<(), mysql_async::Error> {
        self.0.query_drop(sql).await
    }

    /// mysqld's error number for a statement that must fail.
    pub(crate) async fn refused(&mut self, sql: &str) -> u16 {
        match self.attempt(sql).await {
            Err(mysql_async::Error::Server(error)) => error.code,
            other => panic!("{sql} was not refused by the server: {other:?}"),
        }
    }

    pub(crate) async fn value<T>(&mut self, sql: &str) -> T
    where
        T: FromValue + Send + 'static,
    {
        self.0
            .query_first::<T, _>(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
            .unwrap_or_else(|| panic!("{sql}: no row"))
    }
}

/// Waits until `question` answers with true.
pub(crate) async fn until(what: &str, mut question: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !question().await {
        assert!(begun.elapsed() < PATIENCE, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
