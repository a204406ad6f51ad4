//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use moco_model::Account;

use crate::connection::Connection;
use crate::pause::What;
use crate::times;

/// Look at MySQL clusters that MOCO runs, and ask it for what only a person can ask.
///
/// Exit codes: 0 is yes, 1 is no (not healthy, refused, not switched over), 2 is "could not ask", and 3, of `status`
/// only, is "takes no writes".
#[derive(Parser)]
#[command(name = "kubectl-moco", bin_name = "kubectl moco", version)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    #[command(flatten)]
    Ask(Ask),
    /// Print a script that completes `kubectl-moco` in a shell.
    Completion(Completion),
    /// Print what can follow, in the form that kubectl asks of plugins.
    #[command(name = "__complete", hide = true)]
    Complete(Complete),
}

/// Verbs that ask the API server.
#[derive(Subcommand)]
pub(crate) enum Ask {
    /// Show what is wrong with a cluster and what happens next, on one screen.
    ///
    /// Exit codes: 0 when it is healthy, 1 when something is wrong and it takes writes, 3 when it takes no writes or
    /// nobody knows, 2 when the API server could not be asked.
    Status(Status),
    /// Show what a changed manifest would do to a running cluster; nothing is done.
    Plan(Plan),
    /// Make another member the primary, and wait until it takes writes.
    Switchover(Switchover),
    /// Show the last changes of the primary: when, why, and what proves that nothing was lost.
    Failovers(Shown),
    /// Demand a failover although it cannot be proven that nothing acknowledged is lost.
    Force(Force),
    /// Run the client `mysql` in a member's pod.
    Mysql(Mysql),
    /// Show what members print, of one or of all, in the order of time.
    Logs(Logs),
    /// Write everything that helps to find out what is wrong into one archive, without secrets.
    Report(Report),
    /// Show the password of a MySQL account.
    Credential(Credential),
    /// Make MOCO leave a cluster alone.
    Stop(Pause),
    /// Make MOCO look after a cluster again.
    Start(Pause),
}

#[derive(Args)]
pub(crate) struct Status {
    /// Name of the MySQLCluster.
    pub(crate) cluster: String,
    /// The form of the output; without it, text for people.
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<StatusFormat>,
}

/// Forms of output of `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusFormat {
    Json,
    Yaml,
    /// Text with what pods, agents and the certificate say at this moment.
    Wide,
}

#[derive(Args)]
pub(crate) struct Plan {
    /// The file with the changed MySQLCluster, and with the ConfigMap of its options if that changes, too; - for
    /// standard input.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) filename: PathBuf,
    /// The form of the output; without it, text for people.
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<Format>,
}

#[derive(Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of a command line, which come in any combination"
)]
pub(crate) struct Logs {
    /// Name of the MySQLCluster.
    pub(crate) cluster: String,
    /// Number of the member; all of them when it is left out.
    #[arg(long)]
    pub(crate) index: Option<u32>,
    /// Name of the container [default: mysqld, where the agent prints, too].
    #[arg(short, long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// All containers of the pods.
    #[arg(long, conflicts_with = "container")]
    pub(crate) all_containers: bool,
    /// The slow query log, read from its file by `kubectl exec`.
    #[arg(long, conflicts_with_all = ["container", "all_containers", "previous"])]
    pub(crate) slow: bool,
    /// Go on with what is printed from now on, until Ctrl-C.
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Nothing older than this, such as 90s or 5m.
    #[arg(long, value_name = "DURATION", value_parser = times::duration)]
    pub(crate) since: Option<Duration>,
    /// Lines of each log, from its end [default: 1000; 100000 with --since].
    #[arg(long, value_name = "LINES")]
    pub(crate) tail: Option<u32>,
    /// Of the containers before the last restart.
    #[arg(short, long, conflicts_with = "follow")]
    pub(crate) previous: bool,
}

#[derive(Args)]
pub(crate) struct Report {
    /// Name of the MySQLCluster.
    pub(crate) cluster: String,
    /// The archive [default: moco-report-NAMESPACE-NAME-TIME.tar.gz].
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// The namespace of the controllers.
    #[arg(long, value_name = "NAMESPACE", default_value = "moco-system")]
    pub(crate) system_namespace: String,
}

/// Arguments of verbs that show something.
#[derive(Args)]
pub(crate) struct Shown {
    /// Name of the MySQLCluster.
    pub(crate) cluster: String,
    /// The form of the output; without it, text for people.
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<Format>,
}

/// Forms of output for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Json,
    Yaml,
}

#[derive(Args)]
pub(crate) struct Switchover {
    /// Name of the MySQLCluster.
    pub(crate) cluster: String,
    /// Number of the member that shall become primary; MOCO chooses when it is left out.
    #[arg(long, value_name = "MEMBER")]
    pub(crate) to: Option<u32>,
    /// How long to wait, such as 90s or 5m. The request is taken back when the time is over.
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = times::duration)]
    pub(crate) timeout: Duration,
    /// Ask, and do not wait. The request is not taken back.
    #[arg(long, conflicts_with = "timeout")]
    pub(crate) no_wait: bool,
}

#[derive(Args)]
pub(crate) struct Force {
    /// Name of the MySQLCluster.
    pub(crate) cluster: String,
    /// The epoch that is given up, as shown without this option. Says that the loss was read.
    #[arg(long)]
    pub(crate) epoch: Option<u64>,
}

#[derive(Args)]
pub(crate) struct Mysql {
    /// Name of the MySQLCluster.
    pub(crate) cluster: String,
    /// Arguments of mysql, after `--`.
    pub(crate) args: Vec<OsString>,
    /// Log in as this account.
    #[arg(short = 'u', long = "mysql-user", value_enum, default_value_t = User::Readonly)]
    pub(crate) user: User,
    /// Number of the member; the primary when it is left out or negative.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) index: Option<i64>,
    /// Pass standard input on to mysql.
    #[arg(short = 'i', long)]
    pub(crate) stdin: bool,
    /// Standard input is a terminal.
    #[arg(short = 't', long)]
    pub(crate) tty: bool,
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct Credential {
    #[command(flatten)]
    pub(crate) show: Option<CredentialShow>,
    #[command(subcommand)]
    pub(crate) verb: Option<CredentialVerb>,
}

#[derive(Subcommand)]
pub(crate) enum CredentialVerb {
    /// Show the password of a MySQL account; the word may be left out.
    Show(CredentialShow),
}

#[derive(Args)]
pub(crate) struct CredentialShow {
    /// Name of the MySQLCluster.
    pub(crate) cluster: String,
    /// Whose password.
    #[arg(short = 'u', long = "mysql-user", value_enum, default_value_t = User::Readonly)]
    pub(crate) user: User,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = CredentialFormat::Plain)]
    pub(crate) format: CredentialFormat,
}

/// Forms in which a password is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CredentialFormat {
    /// The password alone.
    Plain,
    /// An option file for MySQL's programs.
    Mycnf,
}

/// The accounts that people log in as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum User {
    /// Reads.
    #[value(name = "moco-readonly")]
    Readonly,
    /// Reads and writes everything but MySQL's own tables.
    #[value(name = "moco-writable")]
    Writable,
    /// Everything; inside the pod only.
    #[value(name = "moco-admin")]
    Admin,
}

impl User {
    /// The account.
    pub(crate) const fn account(self) -> Account {
        match self {
            Self::Readonly => Account::Readonly,
            Self::Writable => Account::Writable,
            Self::Admin => Account::Admin,
        }
    }
}

#[derive(Args)]
pub(crate) struct Pause {
    /// What is meant.
    #[arg(value_enum)]
    pub(crate) what: What,
    /// Name of the MySQLCluster.
    pub(crate) cluster: String,
}

#[derive(Args)]
pub(crate) struct Completion {
    /// For which shell.
    #[arg(value_enum)]
    pub(crate) shell: ForShell,
}

/// Shells that there is a script for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ForShell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Args)]
pub(crate) struct Complete {
    /// The words so far; the last one is being typed.
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    pub(crate) words: Vec<String>,
}

#[cfg(test)]
mod tests;
