//! The rules that the API server checks before it stores a cluster.
//!
//! They are CEL, written into the CRD by [`crate::crd`]. [`crate::validate()`] checks the same again,
//! for objects that were stored under an older CRD. A rule with `oldSelf` holds for changes only.

/// A rule and where it applies.
pub(crate) struct Rule {
    /// Field names from the root of the object; empty for the object itself.
    pub(crate) at: &'static [&'static str],
    /// CEL; `self` is the value at `at`.
    pub(crate) cel: &'static str,
    /// What is wrong and what would be right.
    pub(crate) message: &'static str,
}

const CONTAINERS: &[&str] = &["spec", "podTemplate", "spec", "containers"];
const INIT_CONTAINERS: &[&str] = &["spec", "podTemplate", "spec", "initContainers"];
const CLAIMS: &[&str] = &["spec", "volumeClaimTemplates"];

/// Lengths of time that [`crate::duration`] reads, and a few that are too long for it.
macro_rules! duration {
    () => {
        "([0-9]+(h|m|s|ms))+"
    };
}

/// Whether `self` has the form of a schedule, with `$zone` before it; [`crate::cron`] looks closer.
macro_rules! is_schedule {
    ($zone:literal) => {
        concat!(
            "self.matches('^ *",
            $zone,
            "(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|@every ",
            duration!(),
            "|[-0-9*?/,A-Za-z]+( +[-0-9*?/,A-Za-z]+){4}) *$')"
        )
    };
}

/// The whole of such a length of time.
pub(crate) const DURATION: &str = concat!("^", duration!(), "$");

/// All rules of `BackupPolicy`.
pub(crate) const POLICY_RULES: &[Rule] = &[
    Rule {
        at: &["spec", "schedule"],
        cel: "!self.contains('TZ=')",
        message: "spec.schedule must not name a time zone: spec.timeZone says it",
    },
    Rule {
        at: &["spec", "schedule"],
        cel: concat!("self.contains('TZ=') || ", is_schedule!("")),
        message: "spec.schedule must be a cron expression of five fields, such as 0 3 * * *",
    },
    Rule {
        at: &["spec", "jobConfig", "bucketConfig", "bucketName"],
        cel: "!self.contains(' ')",
        message: "spec.jobConfig.bucketConfig.bucketName must not hold blanks",
    },
];

/// All rules of `MySQLCluster`.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        at: &[],
        cel: "size(self.metadata.name) <= 40",
        message: "metadata.name must have at most 40 characters, because the names of Pods and Services are made from it",
    },
    Rule {
        at: &[],
        cel: "!self.metadata.name.contains('.')",
        message: "metadata.name must not contain a dot, because host names are made from it",
    },
    Rule {
        at: &["spec", "replicas"],
        cel: "self >= 1 && self <= 31",
        message: "spec.replicas must be from 1 to 31",
    },
    Rule {
        at: &["spec", "serverIDBase"],
        cel: "self >= 0",
        message: "spec.serverIDBase must be positive, or 0 to let MOCO choose",
    },
    Rule {
        at: &["spec", "serverIDBase"],
        cel: "self == oldSelf",
        message: "spec.serverIDBase cannot be changed: a member skips what carries its own number, so one that gets the former number of another may lack what that one wrote",
    },
    Rule {
        at: &["spec", "mysqlConfigMapName"],
        cel: "size(self) > 0",
        message: "spec.mysqlConfigMapName must not be empty; leave the field out to use no ConfigMap",
    },
    Rule {
        at: &["spec", "replicationSourceSecretName"],
        cel: "size(self) > 0",
        message: "spec.replicationSourceSecretName must not be empty; leave the field out to replicate from nowhere",
    },
    Rule {
        at: &["spec", "logRotationSchedule"],
        cel: concat!("self == '' || ", is_schedule!("((CRON_)?TZ=[^ ]+ +)?")),
        message: "spec.logRotationSchedule must be a cron expression of five fields, such as */5 * * * *",
    },
    Rule {
        at: &["spec"],
        cel: "!has(self.replicationSourceSecretName) || (has(oldSelf.replicationSourceSecretName) && self.replicationSourceSecretName == oldSelf.replicationSourceSecretName)",
        message: "spec.replicationSourceSecretName can be given only when the cluster is created, and afterwards only be taken out",
    },
    Rule {
        at: &["spec"],
        cel: "has(self.restore) == has(oldSelf.restore)",
        message: "spec.restore can be given only when the cluster is created, and stays as it is",
    },
    Rule {
        at: &["spec", "restore"],
        cel: "self.sourceName == oldSelf.sourceName && self.sourceNamespace == oldSelf.sourceNamespace && self.restorePoint == oldSelf.restorePoint && (has(self.schema) ? self.schema : '') == (has(oldSelf.schema) ? oldSelf.schema : '') && (has(self.users) ? self.users : '') == (has(oldSelf.users) ? oldSelf.users : '')",
        message: "spec.restore can be given only when the cluster is created, and stays as it is, but for jobConfig",
    },
    Rule {
        at: CONTAINERS,
        cel: "self.exists(c, c.name == 'mysqld')",
        message: "spec.podTemplate.spec.containers must have a container named mysqld",
    },
    Rule {
        at: CONTAINERS,
        cel: "self.all(c, c.name != 'mysqld' || (has(c.image) && size(c.image) > 0))",
        message: "spec.podTemplate.spec.containers: the container mysqld needs an image",
    },
    Rule {
        at: CONTAINERS,
        cel: "self.all(c, c.name != 'agent')",
        message: "spec.podTemplate.spec.containers: the name agent is reserved",
    },
    Rule {
        at: CONTAINERS,
        cel: "self.all(c, c.name != 'mysqld' || !has(c.ports) || c.ports.all(p, !(p.containerPort in [3306, 33060, 33062, 9080, 8080, 9081]) && !(has(p.name) && p.name in ['mysql', 'mysqlx', 'mysql-admin', 'agent', 'agent-metrics', 'health'])))",
        message: "spec.podTemplate.spec.containers: the container mysqld has the ports 3306 mysql, 33060 mysqlx, 33062 mysql-admin, 9080 agent, 8080 agent-metrics and 9081 health already; use other numbers and names",
    },
    Rule {
        at: &["spec"],
        cel: "(has(self.disableSlowQueryLogContainer) && self.disableSlowQueryLogContainer) || self.podTemplate.spec.containers.all(c, c.name != 'slow-log')",
        message: "spec.podTemplate.spec.containers: the name slow-log is reserved unless spec.disableSlowQueryLogContainer is true",
    },
    Rule {
        at: &["spec"],
        cel: "!has(self.collectors) || size(self.collectors) == 0 || self.podTemplate.spec.containers.all(c, c.name != 'mysqld-exporter')",
        message: "spec.podTemplate.spec.containers: the name mysqld-exporter is reserved while spec.collectors names any",
    },
    Rule {
        at: INIT_CONTAINERS,
        cel: "self.all(c, !(c.name in ['moco-init', 'copy-moco-init']))",
        message: "spec.podTemplate.spec.initContainers: the names moco-init and copy-moco-init are reserved",
    },
    Rule {
        at: &["spec", "podTemplate", "spec", "volumes"],
        cel: "self.all(v, !(v.name in ['tmp', 'run', 'var-log', 'mysql-conf', 'mysql-conf-d', 'my-cnf-secret', 'slow-fluent-bit-config', 'moco-exporter', 'shared', 'grpc-cert', 'moco-credentials', 'moco-run']))",
        message: "spec.podTemplate.spec.volumes: the names tmp, run, var-log, mysql-conf, mysql-conf-d, my-cnf-secret, slow-fluent-bit-config, moco-exporter, shared, grpc-cert, moco-credentials and moco-run are reserved",
    },
    Rule {
        at: &["spec", "podTemplate", "spec"],
        cel: "!(has(self.shareProcessNamespace) && self.shareProcessNamespace) && !(has(self.hostPID) && self.hostPID)",
        message: "spec.podTemplate.spec: shareProcessNamespace and hostPID must not be true, because other processes could then reach the administrator's socket",
    },
    Rule {
        at: CLAIMS,
        cel: "self.exists(v, v.metadata.name == 'mysql-data')",
        message: "spec.volumeClaimTemplates must have a claim named mysql-data",
    },
    Rule {
        at: CLAIMS,
        cel: "self.all(v, self.exists_one(w, w.metadata.name == v.metadata.name))",
        message: "spec.volumeClaimTemplates: each claim needs a name of its own",
    },
    Rule {
        at: CLAIMS,
        cel: "self.all(v, has(v.spec.resources) && has(v.spec.resources.requests) && has(v.spec.resources.requests.storage))",
        message: "spec.volumeClaimTemplates: each claim needs spec.resources.requests.storage",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::{ports, volumes};

    #[test]
    fn rules_and_constants_name_the_same_things() {
        let text: String = RULES.iter().map(|rule| rule.cel).collect();
        let quoted = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
            format!("[{}]", names.join(", "))
        };
        assert!(text.contains(&quoted(&volumes::RESERVED)));
        let (numbers, names): (Vec<_>, Vec<_>) = ports::OF_MYSQLD.into_iter().unzip();
        assert!(text.contains(&quoted(&names)));
        assert!(text.contains(&format!("{numbers:?}")));
    }
}
