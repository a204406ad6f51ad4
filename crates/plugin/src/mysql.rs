//! `kubectl moco mysql`: the client `mysql` in a member's pod.

use std::process::Command;

use moco_api::constants::paths;
use moco_model::MemberId;

use crate::cli::Mysql;
use crate::cluster::Cluster;
use crate::connection::Connection;
use crate::kubectl;

/// How long to wait for the pod to run; kubectl's own default, and MOCO's.
const POD_RUNNING_TIMEOUT: &str = "--pod-running-timeout=1m0s";

/// Why there is no member to run it in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// No such member.
    #[error("there is no member {index}: the cluster's members are 0 to {last}")]
    NoMember {
        /// What was asked for.
        index: i64,
        /// The last one.
        last: u32,
    },
    /// The primary was asked for.
    #[error("the cluster has no primary yet; name a member with --index")]
    NoPrimary,
}

/// The member that is meant.
pub(crate) fn member(cluster: &Cluster, index: Option<i64>) -> Result<MemberId, Refusal> {
    match index {
        None | Some(..0) => {
            let recorded = cluster.register().ok().map(|register| register.primary);
            recorded
                .or_else(|| cluster.current_primary_index.map(MemberId))
                .ok_or(Refusal::NoPrimary)
        }
        // A cluster that shrinks still has members beyond the number that is wanted.
        Some(index) => u32::try_from(index)
            .ok()
            .filter(|index| *index < cluster.replicas || cluster.member(MemberId(*index)).is_some())
            .map(MemberId)
            .ok_or(Refusal::NoMember {
                index,
                last: cluster.replicas.saturating_sub(1),
            }),
    }
}

/// The call of kubectl. The password is in a file of the pod and in no argument.
pub(crate) fn call(
    connection: &Connection,
    cluster: &Cluster,
    member: MemberId,
    asked: &Mysql,
) -> Command {
    let user = asked.user.account().user();
    let mut command = kubectl::exec(connection, &cluster.id, member);
    command.arg(POD_RUNNING_TIMEOUT);
    if asked.stdin {
        command.arg("--stdin");
    }
    if asked.tty {
        command.arg("--tty");
    }
    let options = format!("{}/{user}-my.cnf", paths::CLIENT_CREDENTIALS);
    command
        .args(["--", "mysql"])
        .arg(format!("--defaults-extra-file={options}"))
        .args(&asked.args);
    command
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::User;
    use crate::connection::tests::flags;
    use crate::kubectl::words;
    use crate::testing::{cluster, healthy};

    #[test]
    fn the_primary_is_meant_unless_a_member_is_named() {
        let mut object = healthy();
        object["status"]["register"]["primary"] = json!(2);
        let cluster = cluster(object);
        assert_eq!(member(&cluster, None), Ok(MemberId(2)));
        assert_eq!(member(&cluster, Some(-1)), Ok(MemberId(2)));
        assert_eq!(member(&cluster, Some(1)), Ok(MemberId(1)));
        let refused = member(&cluster, Some(3)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "there is no member 3: the cluster's members are 0 to 2"
        );
        assert!(member(&cluster, Some(1 << 40)).is_err());
    }

    #[test]
    fn a_member_that_is_to_go_can_still_be_asked() {
        let mut object = healthy();
        object["spec"]["replicas"] = json!(1);
        assert_eq!(member(&cluster(object), Some(2)), Ok(MemberId(2)));
    }

    #[test]
    fn without_a_primary_a_member_must_be_named() {
        let cluster = cluster(json!({ "metadata": {}, "spec": { "replicas": 3 } }));
        assert_eq!(member(&cluster, None), Err(Refusal::NoPrimary));
        assert_eq!(member(&cluster, Some(2)), Ok(MemberId(2)));
    }

    #[test]
    fn kubectl_is_called_with_the_option_file_of_the_account_and_the_rest_as_given() {
        let asked = Mysql {
            cluster: "orders".to_owned(),
            args: vec!["-e".into(), "select 1".into()],
            user: User::Writable,
            index: None,
            stdin: true,
            tty: false,
        };
        let command = call(
            &flags("--context c"),
            &cluster(healthy()),
            MemberId(1),
            &asked,
        );
        assert_eq!(command.get_program(), "kubectl");
        assert_eq!(
            words(&command),
            [
                "--context=c",
                "--namespace=shop",
                "exec",
                "moco-orders-1",
                "--container=mysqld",
                "--pod-running-timeout=1m0s",
                "--stdin",
                "--",
                "mysql",
                "--defaults-extra-file=/mysql-credentials/moco-writable-my.cnf",
                "-e",
                "select 1",
            ]
        );
    }
}
