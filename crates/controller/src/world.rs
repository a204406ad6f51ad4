//! Kubernetes as the surroundings of a pass.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use moco_model::{MemberId, Phase, Register, Role};
use moco_pass::{Facts, RecordError, World};
use moco_planner::observation::{PlatformFault, PlatformFaultKind};
use moco_planner::plan::Expect;
use moco_planner::{Decision, Member, Observation};
use serde_json::{Value, json};

use crate::call::{Attempt, CallError, call};
use crate::cluster::ClusterObject;
use crate::context::Context;
use crate::reconcile::Reconciled;
use crate::report::{self, Glimpse, Sources};
use crate::watch::ClusterHead;
use moco_model::sentence::with_causes;

mod facts;
mod platform;
mod pods;
#[cfg(test)]
mod tests;

pub(crate) use platform::trouble as pod_trouble;

/// Why a pass could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorldError {
    /// A request failed.
    #[error("a request to the API server failed")]
    Call(#[source] CallError),
    /// Another cluster of that name is there now, or none.
    #[error("the MySQLCluster is gone")]
    Gone,
    /// The MySQLCluster is being deleted.
    #[error("the MySQLCluster is being deleted")]
    Leaving,
    /// The cluster was not read before the pass.
    #[error("the MySQLCluster was not read")]
    NotRead,
    /// The member has no pod.
    #[error("member {0} has no pod")]
    NoPod(MemberId),
    /// This controller leads no more.
    #[error("this controller's lease is over")]
    NotLeading,
}

/// One cluster in Kubernetes.
pub(crate) struct KubeWorld {
    context: Context,
    head: ClusterHead,
    clusters: Api<DynamicObject>,
    /// The cluster as read at the beginning of this pass, or written since.
    object: Option<ClusterObject>,
    reconciled: Reconciled,
    glimpse: Glimpse,
    idle: BTreeSet<MemberId>,
    code: Option<String>,
    register: RegisterHealth,
}

/// Whether the register could be written when it was last tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegisterHealth {
    /// It could, or there was nothing to write.
    Good,
    /// It could not.
    NotWritten,
    /// What was written did not come back.
    NotKept,
}

impl KubeWorld {
    pub(crate) fn new(context: Context, head: ClusterHead) -> Self {
        let clusters = context.clusters(&head.id.namespace);
        Self {
            context,
            head,
            clusters,
            object: None,
            reconciled: Reconciled::default(),
            glimpse: Glimpse::default(),
            idle: BTreeSet::new(),
            code: None,
            register: RegisterHealth::Good,
        }
    }

    /// Members that could not start as their pods were, when they were last seen.
    pub(crate) const fn idle(&self) -> &BTreeSet<MemberId> {
        &self.idle
    }

    fn attempt(&self, verb: &'static str) -> Attempt {
        Attempt::new(
            verb,
            "MySQLCluster",
            &self.head.id.namespace,
            &self.head.id.name,
        )
    }

    fn attempt_status(&self, verb: &'static str) -> Attempt {
        Attempt::new(
            verb,
            "MySQLCluster/status",
            &self.head.id.namespace,
            &self.head.id.name,
        )
    }

    fn may_act(&self) -> Result<(), WorldError> {
        if self.context.tenure.holds() {
            Ok(())
        } else {
            Err(WorldError::NotLeading)
        }
    }

    /// Reads the cluster with a quorum, for this pass. None when it is gone.
    pub(crate) async fn read(&mut self) -> Result<Option<&ClusterObject>, WorldError> {
        self.object = self.get().await?;
        Ok(self.object.as_ref())
    }

    /// A read without a resourceVersion goes to etcd, which answers with a quorum.
    async fn get(&self) -> Result<Option<ClusterObject>, WorldError> {
        let request = self.clusters.get_opt(&self.head.id.name);
        let found = call(self.attempt("get"), request)
            .await
            .map_err(WorldError::Call)?;
        let found = found.map(|object| ClusterObject::new(self.head.id.clone(), object));
        Ok(found.filter(|found| found.is(&self.head)))
    }

    /// Takes in the cluster as it was written just now.
    fn written(&mut self, object: DynamicObject) {
        self.object = Some(ClusterObject::new(self.head.id.clone(), object));
    }

    /// Takes in what became of the objects in this pass.
    pub(crate) fn reconciled(&mut self, reconciled: Reconciled) {
        self.reconciled = reconciled;
    }

    /// Whether the register could be written when it was last tried.
    pub(crate) const fn register_health(&self) -> RegisterHealth {
        self.register
    }

    /// The code of the last verdict.
    pub(crate) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    fn faults(&self) -> Vec<PlatformFault> {
        let mut faults: Vec<_> = self.reconciled.fault().into_iter().collect();
        if self.register == RegisterHealth::NotKept {
            faults.push(PlatformFault {
                kind: PlatformFaultKind::ObjectRefused,
                member: None,
                sentence: "the API server does not keep status.register as it was written: the \
                           CustomResourceDefinition in it is of another version than this \
                           controller; apply the definition of this version"
                    .to_owned(),
            });
        }
        faults
    }

    async fn try_record(
        &mut self,
        expect: Expect,
        register: &Register,
    ) -> Result<(), RecordError<WorldError>> {
        self.may_act().map_err(RecordError::Failed)?;
        let found = self.get().await.map_err(RecordError::Failed)?;
        let found = found.ok_or(RecordError::Failed(WorldError::Gone))?;
        if found.is_leaving() {
            return Err(RecordError::Failed(WorldError::Leaving));
        }
        // A register that cannot be read is there all the same, and is not what was expected.
        if !found
            .register()
            .is_ok_and(|held| expect.fits(held.as_ref()))
        {
            return Err(RecordError::Conflict);
        }
        let object = with_register(found.object, register);
        let params = PostParams::default();
        let request = self
            .clusters
            .replace_status(&self.head.id.name, &params, &object);
        let answer = match call(self.attempt_status("update"), request).await {
            Ok(answer) => ClusterObject::new(self.head.id.clone(), answer),
            Err(error) if error.is_conflict() => return Err(RecordError::Conflict),
            Err(error) => return Err(RecordError::Failed(WorldError::Call(error))),
        };
        if answer.register().ok().flatten().as_ref() != Some(register) {
            return Err(RecordError::NotKept);
        }
        self.object = Some(answer);
        Ok(())
    }

    /// Writes the status if it says something else than it should, and tells what changed.
    async fn try_report(
        &mut self,
        seen: &Observation,
        decision: &Decision,
    ) -> Result<(), CallError> {
        let Some(object) = &self.object else {
            return Ok(());
        };
        let pods = self.context.sights.pods(&self.head.id);
        let ready = pods
            .values()
            .filter(|pod| pod.is("Ready") && !pod.is_leaving())
            .count();
        let set = self.context.sights.set(&self.head.id);
        let sources = Sources {
            seen,
            decision,
            reconciled: &self.reconciled,
            set: set.as_deref(),
            ready_pods: u32::try_from(ready).unwrap_or(u32::MAX),
            generation: object.generation(),
        };
        self.count(&sources, object.status());
        let now = Timestamp::now();
        let mut report = report::report(&sources, object.status(), now);
        let Some(patch) = &report.patch else {
            return Ok(());
        };
        let written = match self.patch_status(object, patch).await {
            Err(error) if error.is_conflict() => {
                // Somebody else wrote meanwhile; a report is made anew of what is there now.
                let Ok(Some(object)) = self.get().await else {
                    return Err(error);
                };
                report = report::report(&sources, object.status(), now);
                let Some(patch) = &report.patch else {
                    return Ok(());
                };
                self.patch_status(&object, patch).await?
            }
            outcome => outcome?,
        };
        for event in &report.events {
            self.context.tell(&self.head, event).await;
        }
        self.written(written);
        Ok(())
    }

    /// A merge patch that names the version it was made for, and never the register.
    async fn patch_status(
        &self,
        object: &ClusterObject,
        patch: &Value,
    ) -> Result<DynamicObject, CallError> {
        let mut patch = patch.clone();
        if let (Some(patch), Some(version)) = (patch.as_object_mut(), object.version()) {
            patch.insert("metadata".to_owned(), json!({ "resourceVersion": version }));
        }
        let (params, patch) = (PatchParams::default(), Patch::Merge(&patch));
        let request = self
            .clusters
            .patch_status(&self.head.id.name, &params, &patch);
        call(self.attempt_status("patch"), request).await
    }

    fn count(&self, sources: &Sources<'_>, status: &Value) {
        let code = &sources.decision.verdict.code;
        if let Some(old) = self.code.as_ref().filter(|old| *old != code) {
            self.context.metrics.forget_verdict(&self.head.id, old);
        }
        let errant = report::errant_count(sources.seen, status);
        self.context.metrics.found(sources, errant);
    }
}

/// Members whose mysqld does not run and cannot be started as their pods are: replacing such a pod by
/// one of a mended template takes nothing away.
fn idle(seen: &Observation) -> BTreeSet<MemberId> {
    let is_idle = |member: &Member| {
        member.phase() == Some(Phase::AtGate)
            && member.faulty()
            && member
                .report
                .fresh()
                .is_some_and(|report| report.mysqld_pid.is_none())
    };
    seen.members
        .iter()
        .filter(|(_, member)| is_idle(member))
        .map(|(id, _)| *id)
        .collect()
}

/// The object with its register replaced and everything else as it was read.
fn with_register(mut object: DynamicObject, register: &Register) -> DynamicObject {
    if !object.data.is_object() {
        object.data = json!({});
    }
    if let Some(data) = object.data.as_object_mut() {
        let status = data.entry("status").or_insert_with(|| json!({}));
        if !status.is_object() {
            *status = json!({});
        }
        if let Some(status) = status.as_object_mut() {
            status.insert("register".to_owned(), json!(register));
        }
    }
    object
}

impl World for KubeWorld {
    type Error = WorldError;

    async fn facts(&mut self) -> Result<Facts, WorldError> {
        self.may_act()?;
        let object = self.object.as_ref().ok_or(WorldError::NotRead)?;
        let pods = self.context.sights.pods(&self.head.id);
        let pods = pods
            .into_iter()
            .map(|(id, pod)| (id, Arc::clone(&pod)))
            .collect();
        Ok(facts::facts(object, &pods, self.faults()))
    }

    async fn record(
        &mut self,
        expect: Expect,
        register: &Register,
    ) -> Result<(), RecordError<WorldError>> {
        let outcome = self.try_record(expect, register).await;
        self.register = match outcome {
            Ok(()) | Err(RecordError::Conflict) => RegisterHealth::Good,
            Err(RecordError::NotKept) => RegisterHealth::NotKept,
            Err(RecordError::Failed(_)) => RegisterHealth::NotWritten,
        };
        outcome
    }

    async fn label(&mut self, member: MemberId, role: Role) -> Result<(), WorldError> {
        self.try_label(member, role).await
    }

    async fn settle(&mut self, member: MemberId) -> Result<(), WorldError> {
        self.try_settle(member).await
    }

    /// A status that cannot be written is logged and does not stop the pass: the members come first.
    async fn report(&mut self, seen: &Observation, decision: &Decision) -> Result<(), WorldError> {
        self.may_act()?;
        if let Err(error) = self.try_report(seen, decision).await {
            tracing::warn!(cluster = %self.head.id, "{}", with_causes(&error));
        }
        let (glimpse, events) = report::changes(&self.glimpse, seen);
        self.glimpse = glimpse;
        self.idle = idle(seen);
        for event in &events {
            self.context.tell(&self.head, event).await;
        }
        self.code = Some(decision.verdict.code.clone());
        Ok(())
    }
}
