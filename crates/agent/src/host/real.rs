//! A real machine: a volume, a supervisor, a mysqld and a network.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use moco_model::report::{Evidence, Fault, FaultCode};
use moco_model::sentence::with_causes;
use moco_model::{Account, ClusterId, GtidSet, Guard, MemberId, Millis, Passwords, ServerVersion};
use moco_mysql::binlog::{self, Cut};
use moco_mysql::clone::Donor;
use moco_mysql::prepare::PrepareError;
use moco_mysql::{ErrorClass, Login, Server};
use moco_wire::{Beat, BeatAnswer, CredentialsSource, Notice};
use tokio::sync::watch;

use super::{As, Exit, Host, MysqldSignal, Place, Process, Tail, Unheard};
use crate::options::Options;
use crate::settings::Settings;
use crate::sql::SqlError;

mod callers;
mod evidence;
mod guard_file;
mod image;
pub(crate) mod link;
mod mysqld;
mod volume;

use callers::Callers;
use link::Link;

/// How long each statement of the first set-up, and of what leads to a clone, may take.
const WORK_LIMIT: Duration = Duration::from_secs(10);

/// The machine.
pub(crate) struct RealHost {
    options: Arc<Options>,
    cluster: ClusterId,
    link: Link,
    callers: Callers,
    place: Place,
    began: Instant,
}

impl RealHost {
    /// Looks where it is, and begins.
    pub(crate) fn new(
        options: Options,
        cluster: ClusterId,
        link: Link,
        credentials: CredentialsSource,
    ) -> Self {
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let place = Place {
            boot_id: boot_id.trim().to_owned(),
            pod_uid: options.pod_uid.clone(),
            volume_id: volume::identity(&options.volume),
        };
        Self {
            callers: Callers::new(&options, cluster.clone(), credentials),
            options: Arc::new(options),
            cluster,
            link,
            place,
            began: Instant::now(),
        }
    }

    /// What the logic needs to know of the command line.
    pub(crate) fn settings(&self) -> Settings {
        let options = &self.options;
        Settings {
            cluster: self.cluster.clone(),
            uid: options.uid(),
            member: options.member(),
            startup_wait: options.startup_wait(),
            max_delay: Duration::from_secs(options.max_delay_seconds),
            volume: options.volume.clone(),
            tls: options.tls_files(),
        }
    }

    /// Does work on files beside the other tasks. What was begun ends, whoever waits for it.
    async fn on_files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Options) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let options = Arc::clone(&self.options);
        let done = tokio::task::spawn_blocking(move || work(&options)).await;
        done.unwrap_or_else(|error| {
            Err(Fault {
                code: FaultCode::CommandFailed,
                sentence: format!("work on the volume broke off: {error}"),
            })
        })
    }
}

/// A fault of the volume, with its causes.
fn volume_fault(error: &dyn std::error::Error) -> Fault {
    Fault {
        code: FaultCode::VolumeNotWritable,
        sentence: with_causes(error),
    }
}

fn link_fault(error: &link::LinkError) -> Fault {
    Fault {
        code: FaultCode::CommandFailed,
        sentence: with_causes(error),
    }
}

impl Host for RealHost {
    type Session = Server;
    type Cut = Cut;

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn clock(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |time| {
            Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX)
        })
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    fn draw(&self) -> String {
        format!("{:032x}", rand::random::<u128>())
    }

    fn place(&self) -> Place {
        self.place.clone()
    }

    async fn inspect(&self) -> Result<Option<Guard>, Fault> {
        self.on_files(|options| volume::inspect(&options.volume, &options.uid(), options.member()))
            .await
    }

    async fn write_guard(&self, guard: Guard) -> Result<(), Fault> {
        self.on_files(move |options| {
            guard_file::write(&options.volume, &guard).map_err(|error| volume_fault(&error))
        })
        .await
    }

    async fn has_data(&self) -> bool {
        self.options.data_dir().join("mysql.ibd").exists()
    }

    async fn log_bytes(&self) -> u64 {
        let size = |options: &Options| Ok(binlog::bytes_of_all(&options.data_dir()).unwrap_or(0));
        self.on_files(size).await.unwrap_or(0)
    }

    async fn wipe(&self) -> Result<(), Fault> {
        self.on_files(|options| {
            let attempted = "cannot empty the data directory";
            volume::wipe(&options.data_dir()).map_err(|error| Fault {
                code: FaultCode::VolumeNotWritable,
                sentence: format!("{attempted}: {error}"),
            })
        })
        .await
    }

    async fn judge(&self, history: GtidSet) -> Result<Tail<Cut>, Fault> {
        self.on_files(move |options| {
            let judged = binlog::judge(&options.data_dir(), &history);
            Ok(match judged.map_err(|error| volume_fault(&error))? {
                binlog::Tail::None { because } => Tail::Nothing(because.to_string()),
                binlog::Tail::NotCuttable { because, .. } => Tail::NotCuttable(because.to_string()),
                binlog::Tail::Cut(cut) => Tail::Unacknowledged {
                    transactions: cut.transactions.clone(),
                    bytes: cut.bytes,
                    cut,
                },
            })
        })
        .await
    }

    async fn cut(&self, cut: Cut, entry: Evidence) -> Result<(), Fault> {
        self.on_files(move |options| evidence::cut(&options.volume, &cut, entry))
            .await
    }

    async fn keep_logs(&self, of: String, entry: Evidence) -> Result<(), Fault> {
        self.on_files(move |options| {
            evidence::keep_logs(&options.volume, &options.data_dir(), &of, entry)
                .map_err(|error| volume_fault(&error))
        })
        .await
    }

    async fn evidence(&self) -> Vec<Evidence> {
        let read = self.on_files(|options| Ok(evidence::read(&options.volume)));
        read.await.unwrap_or_default()
    }

    async fn forget_server_uuid(&self) -> Result<(), Fault> {
        self.on_files(|options| {
            binlog::forget_server_uuid(&options.data_dir()).map_err(|error| volume_fault(&error))
        })
        .await
    }

    async fn image_version(&self) -> Result<ServerVersion, Fault> {
        self.on_files(|options| image::version(&options.mysqld))
            .await
    }

    fn process(&self) -> watch::Receiver<Process> {
        self.link.process()
    }

    async fn initialise(&self) -> Result<(), Fault> {
        mysqld::initialise(&self.link, &self.options).await
    }

    async fn start(&self) -> Result<(), Fault> {
        mysqld::start(&self.link, &self.options).await
    }

    async fn early_end(&self, exit: Option<Exit>) -> Fault {
        let asked = self.on_files(|options| {
            let arguments = options.mysqld_arguments();
            Ok(image::configuration_fault(&options.mysqld, &arguments))
        });
        match asked.await {
            Ok(Some(fault)) => fault,
            Ok(None) | Err(_) => mysqld::ended_early(exit),
        }
    }

    async fn signal(&self, signal: MysqldSignal) -> Result<(), Fault> {
        let sent = self.link.signal(signal).await;
        sent.map_err(|error| link_fault(&error))
    }

    fn asked_to_leave(&self) -> watch::Receiver<Option<Duration>> {
        self.link.terminate()
    }

    async fn leave(&self) -> Result<(), Fault> {
        self.link.done().await.map_err(|error| link_fault(&error))
    }

    async fn connect(&self, who: As, limit: Duration) -> Result<Server, SqlError> {
        let socket = self.options.socket.clone();
        let login = match who {
            As::FreshRoot => Login::root(socket),
            As::Administrator => Login::admin(socket, self.passwords()?.of(Account::Admin).clone()),
        };
        Server::open(&login, limit).await.map_err(login_error)
    }

    /// Kubernetes replaces the files when the Secret changes.
    fn passwords(&self) -> Result<Passwords, SqlError> {
        let folder: &Path = &self.options.credentials_dir;
        let read = |key: &'static str| {
            let text = fs::read_to_string(folder.join(key)).ok()?;
            Some(text.trim_end().to_owned())
        };
        Passwords::collect(read).map_err(|source| SqlError::Passwords {
            folder: folder.to_owned(),
            source,
        })
    }

    async fn prepare(&self) -> Result<(), SqlError> {
        let passwords = self.passwords()?;
        let socket = &self.options.socket;
        let prepared = moco_mysql::prepare::prepare(socket, &passwords, WORK_LIMIT).await;
        prepared.map_err(|error| SqlError::Statement {
            attempted: "cannot set up an empty server",
            missing_plugin: matches!(error, PrepareError::Plugins(_)),
            source: Box::new(error),
        })
    }

    async fn copy_from(&self, donor: Donor) -> Result<(), SqlError> {
        let mut server = self.connect(As::Administrator, WORK_LIMIT).await?;
        moco_mysql::clone::clone_from(&mut server, &donor)
            .await
            .map_err(|error| SqlError::of("the clone failed", error))
    }

    async fn notify(&self, notice: Notice) -> bool {
        self.callers.notify(&notice).await
    }

    async fn beat(&self, member: MemberId, host: &str, beat: Beat) -> Result<BeatAnswer, Unheard> {
        self.callers.beat(member, host, beat).await
    }
}

fn login_error(error: moco_mysql::Error) -> SqlError {
    if error.class() == ErrorClass::AccessDenied {
        SqlError::Denied(error)
    } else {
        SqlError::of("cannot connect to mysqld", error)
    }
}
