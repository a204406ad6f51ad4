//! From a manifest to the cluster's objects.
//!
//! The objects come from `moco_resources`, which cannot fail; here they are compared with what is
//! there and applied where they differ, in the order in which pods need them. The first object that
//! cannot be written ends the pass, and is told; the members' own pass goes on regardless.

use std::collections::BTreeSet;
use std::time::Duration;

use moco_model::MemberId;
use moco_planner::observation::{PlatformFault, PlatformFaultKind};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::call::CallError;
use crate::cluster::ClusterObject;
use crate::context::Context;
use crate::finalizer;
use crate::watch::ClusterHead;
use moco_model::sentence::with_causes;

mod apply;
mod certificate;
mod foreign;
mod inputs;
mod objects;
mod passwords;
mod prune;
mod replace;
mod rollout;
mod same;
mod set;
#[cfg(test)]
mod tests;

use apply::{Applied, ApplyError};
use certificate::CertificateError;
use inputs::Inputs;
use passwords::PasswordsError;

/// How soon a pass over the objects that failed is repeated, unless the manifest changes.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a pass over the objects may take. The members' pass waits for it.
const TIME_MAX: Duration = Duration::from_secs(15);

/// What became of a cluster's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reconciled {
    pub(crate) outcome: Outcome,
    /// What was given and has no effect; none while that is not known.
    pub(crate) notes: Option<Notes>,
}

/// How a pass over the objects ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// This controller has not looked at them yet.
    #[default]
    Unknown,
    /// The user stopped changes of the objects.
    Stopped,
    /// They are as the manifest says.
    Done,
    /// The manifest cannot be carried out; a sentence.
    Invalid(String),
    /// An object could not be written; a sentence.
    Refused(String),
    /// The objects are another operator's; a sentence.
    Foreign(String),
}

/// What was given and has no effect, in sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// Fields of the manifest.
    pub(crate) fields: Vec<String>,
    /// Options of the user's ConfigMap.
    pub(crate) options: Vec<String>,
}

impl Reconciled {
    /// The same as the planner takes it.
    pub(crate) fn fault(&self) -> Option<PlatformFault> {
        let (kind, sentence) = match &self.outcome {
            Outcome::Unknown | Outcome::Done | Outcome::Stopped => return None,
            Outcome::Invalid(sentence) => (PlatformFaultKind::InvalidSpec, sentence),
            Outcome::Refused(sentence) => (PlatformFaultKind::ObjectRefused, sentence),
            Outcome::Foreign(sentence) => (PlatformFaultKind::ForeignCluster, sentence),
        };
        Some(PlatformFault {
            kind,
            member: None,
            sentence: sentence.clone(),
        })
    }
}

/// Why a pass over the objects ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    /// The manifest cannot be carried out.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
    /// The objects are another operator's.
    #[error("{0}")]
    Foreign(String),
    /// An object that is needed could not be read.
    #[error("a request about the cluster's objects failed")]
    Call(#[source] CallError),
    /// There are no passwords.
    #[error("the cluster has no passwords")]
    Passwords(#[source] PasswordsError),
    /// There is no certificate.
    #[error("the cluster has no certificate")]
    Certificate(#[source] CertificateError),
    /// An object could not be applied.
    #[error(transparent)]
    Apply(ApplyError),
    /// This controller leads no more.
    #[error("this controller's lease is over")]
    NotLeading,
    /// The API server is slow.
    #[error("the objects were not written within {} s; it is tried again", TIME_MAX.as_secs())]
    Slow,
}

impl ReconcileError {
    fn outcome(&self) -> Outcome {
        let sentence = with_causes(self);
        match self {
            Self::Invalid(_) => Outcome::Invalid(sentence),
            Self::Foreign(_) => Outcome::Foreign(sentence),
            _ => Outcome::Refused(sentence),
        }
    }
}

/// Keeps the objects of one cluster as its manifest says.
pub(crate) struct Reconciler {
    context: Context,
    head: ClusterHead,
    applied: Applied,
    inputs: Inputs,
    set: Option<set::KnownSet>,
    idle: BTreeSet<MemberId>,
    backoff: Backoff,
    failed: Option<Failed>,
}

/// A pass that failed, and until when it is not repeated.
struct Failed {
    reconciled: Reconciled,
    of: String,
    /// Until when nothing but an event repeats it.
    until: Instant,
    /// Until when nothing repeats it.
    at_least: Instant,
}

impl Failed {
    fn holds(&self, cause: Cause) -> Instant {
        match cause {
            Cause::Time => self.until,
            Cause::Event => self.at_least,
        }
    }
}

impl Reconciler {
    pub(crate) fn new(context: Context, head: ClusterHead) -> Self {
        Self {
            context,
            head,
            applied: Applied::default(),
            inputs: Inputs::default(),
            set: None,
            idle: BTreeSet::new(),
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            failed: None,
        }
    }

    /// Takes over which members cannot start as their pods are.
    pub(crate) fn set_idle(&mut self, idle: &BTreeSet<MemberId>) {
        self.idle.clone_from(idle);
    }

    /// Makes the objects as the manifest says, unless that failed just now.
    pub(crate) async fn reconcile(&mut self, cluster: &ClusterObject, cause: Cause) -> Reconciled {
        if cluster.reconciliation_stopped() {
            self.failed = None;
            return Reconciled {
                outcome: Outcome::Stopped,
                notes: None,
            };
        }
        let of = format!(
            "{} {:?}",
            cluster.generation(),
            cluster.object.metadata.annotations
        );
        if let Some(failed) = &self.failed
            && failed.of == of
            && Instant::now() < failed.holds(cause)
        {
            return failed.reconciled.clone();
        }
        // On the heap, so that a task that waits does not hold the room that a pass needs.
        let work = Box::pin(self.try_reconcile(cluster));
        let outcome = tokio::time::timeout(TIME_MAX, work).await;
        match outcome.unwrap_or(Err(ReconcileError::Slow)) {
            Ok(notes) => {
                self.failed = None;
                self.backoff.succeed();
                Reconciled {
                    outcome: Outcome::Done,
                    notes: Some(notes),
                }
            }
            Err(error) => {
                let reconciled = Reconciled {
                    outcome: error.outcome(),
                    notes: None,
                };
                if self
                    .failed
                    .as_ref()
                    .is_none_or(|failed| failed.reconciled != reconciled)
                {
                    tracing::warn!(cluster = %self.head.id, "{}", with_causes(&error));
                }
                let at_least = Instant::now() + FIRST_PAUSE;
                let until = at_least.max(Instant::now() + self.backoff.pause());
                self.failed = Some(Failed {
                    reconciled: reconciled.clone(),
                    of,
                    until,
                    at_least,
                });
                reconciled
            }
        }
    }

    async fn try_reconcile(&mut self, cluster: &ClusterObject) -> Result<Notes, ReconcileError> {
        if !self.context.tenure.holds() {
            return Err(ReconcileError::NotLeading);
        }
        self.refuse_foreign(cluster).await?;
        finalizer::ensure(&self.context, &self.head, cluster)
            .await
            .map_err(ReconcileError::Call)?;
        let trusted = cluster.trusted().map_err(ReconcileError::Invalid)?;
        if is_new(cluster)
            && let Some(field) = trusted.must_not_start()
        {
            return Err(ReconcileError::Invalid(vec![field.sentence.clone()]));
        }
        let given = self
            .inputs
            .read(&self.context, &self.head, cluster, &trusted)
            .await?;
        let mut notes = Box::pin(self.write(cluster, &trusted, given)).await?;
        let fields = trusted.not_yet.iter();
        notes
            .fields
            .extend(fields.map(|field| field.sentence.clone()));
        Ok(notes)
    }
}

/// Why the task of the cluster looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It is time.
    Time,
    /// Something has happened.
    Event,
}

/// Whether the cluster has never had a primary, so that no server knows its passwords and no pod of
/// it does anything that matters.
fn is_new(cluster: &ClusterObject) -> bool {
    matches!(cluster.register(), Ok(None)) && !cluster.initialised_before()
}
