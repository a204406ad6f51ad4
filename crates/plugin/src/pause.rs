//! `kubectl moco stop` and `start`: make MOCO leave a cluster alone, and look after it again.

use clap::ValueEnum;
use moco_api::constants::annotations;

use crate::annotate::TRUE;
use crate::cluster::Cluster;

/// What is stopped or started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// Decisions about the members.
    Clustering,
    /// Changes of the cluster's objects.
    Reconciliation,
}

impl What {
    const fn word(self) -> &'static str {
        match self {
            Self::Clustering => "clustering",
            Self::Reconciliation => "reconciliation",
        }
    }

    const fn annotation(self) -> &'static str {
        match self {
            Self::Clustering => annotations::CLUSTERING_STOPPED,
            Self::Reconciliation => annotations::RECONCILIATION_STOPPED,
        }
    }
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Stopped,
    Running,
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is so already.
    None {
        /// Says so.
        said: String,
    },
    /// Change an annotation of the cluster.
    Annotate {
        key: &'static str,
        value: Option<&'static str>,
        /// Says that it was done.
        said: String,
    },
}

/// Compares what is with what is wanted. The sentences are MOCO's own, which scripts may look for.
pub(crate) fn change(cluster: &Cluster, what: What, wanted: Wanted) -> Change {
    let (word, key, id) = (what.word(), what.annotation(), &cluster.id);
    match (wanted, cluster.has(key)) {
        (Wanted::Stopped, true) => Change::None {
            said: format!("The {word} is already stopped."),
        },
        (Wanted::Running, false) => Change::None {
            said: format!("The {word} is already running."),
        },
        (Wanted::Stopped, false) => Change::Annotate {
            key,
            value: Some(TRUE),
            said: format!("stopped {word} of MySQLCluster \"{id}\""),
        },
        (Wanted::Running, true) => Change::Annotate {
            key,
            value: None,
            said: format!("started {word} of MySQLCluster \"{id}\""),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{cluster, healthy};

    fn annotated(key: &str, value: &str) -> Cluster {
        let mut object = healthy();
        object["metadata"]["annotations"] = json!({ key: value });
        cluster(object)
    }

    #[test]
    fn what_runs_is_stopped_by_an_annotation_of_its_own() {
        for (what, key) in [
            (What::Clustering, "moco.cybozu.com/clustering-stopped"),
            (
                What::Reconciliation,
                "moco.cybozu.com/reconciliation-stopped",
            ),
        ] {
            let word = what.word();
            let stopped = change(&cluster(healthy()), what, Wanted::Stopped);
            let said = format!("stopped {word} of MySQLCluster \"shop/orders\"");
            assert_eq!(
                stopped,
                Change::Annotate {
                    key,
                    value: Some("true"),
                    said
                }
            );
            let started = change(&annotated(key, "true"), what, Wanted::Running);
            let said = format!("started {word} of MySQLCluster \"shop/orders\"");
            assert_eq!(
                started,
                Change::Annotate {
                    key,
                    value: None,
                    said
                }
            );
        }
    }

    #[test]
    fn what_is_so_already_is_not_written_again() {
        let key = annotations::CLUSTERING_STOPPED;
        let again = change(&annotated(key, "true"), What::Clustering, Wanted::Stopped);
        let said = "The clustering is already stopped.".to_owned();
        assert_eq!(again, Change::None { said });
        let said = "The clustering is already running.".to_owned();
        // Only "true" stops.
        for value in ["false", ""] {
            let again = change(&annotated(key, value), What::Clustering, Wanted::Running);
            assert_eq!(again, Change::None { said: said.clone() });
        }
    }
}
