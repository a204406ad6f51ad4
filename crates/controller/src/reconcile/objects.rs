//! Writing all objects of a cluster, in the order in which pods need them.

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Api;
use kube::api::DeleteParams;
use moco_api::TrustedCluster;
use moco_resources::config::NoteKind;
use moco_resources::{Facts, Images, Objects};
use serde_json::{Value, json};

use super::apply::Applier;
use super::inputs::Given;
use super::replace::{self, Replaceable};
use super::set::{self, KnownSet, Template};
use super::{Notes, ReconcileError, Reconciler, foreign, is_new, prune, rollout};
use crate::call::{Attempt, call};
use crate::cluster::ClusterObject;
use crate::secrets::{SecretTexts, Secrets};
use crate::watch::ObjectKey;

impl Reconciler {
    /// A cluster without register may be another operator's.
    pub(super) async fn refuse_foreign(
        &self,
        cluster: &ClusterObject,
    ) -> Result<(), ReconcileError> {
        if self.set.is_some() || !matches!(cluster.register(), Ok(None)) {
            return Ok(()); // applied by this task, or recorded by ours
        }
        let set = set::read(&self.context, &self.head).await?;
        match foreign::foreign(cluster, &self.head, set.as_ref()) {
            Some(sentence) => Err(ReconcileError::Foreign(sentence)),
            None => Ok(()),
        }
    }

    /// Writes what differs. Gives what was given and has no effect, as far as the objects tell it.
    pub(super) async fn write(
        &mut self,
        cluster: &ClusterObject,
        trusted: &TrustedCluster,
        given: Given,
    ) -> Result<Notes, ReconcileError> {
        let register = cluster.register().ok().flatten();
        let pods = moco_resources::pods_to_run(trusted, register.as_ref());
        let store = given.store;
        let mut facts = Facts {
            system_namespace: self.context.namespace.clone(),
            images: self.context.images.clone(),
            pods,
            user_options: given.user_options,
            passwords: given.passwords,
            certificate: given.certificate,
        };
        let form = self.form(trusted, &facts).await?;
        facts.images.clone_from(&form.images);
        let objects = moco_resources::objects(trusted, &facts);
        if let Some(store) = store {
            self.store_passwords(store, &objects).await?;
        }
        self.apply_before_set(&objects).await?;
        let partition = match form.template {
            _ if is_new(cluster) || cluster.rolls_by_force() => 0,
            Template::Changes => pods,
            Template::Same => {
                let found = self.context.sights.pods(&self.head.id);
                let seen = self.context.sights.set(&self.head.id);
                let working = rollout::Working {
                    found: &found,
                    idle: &self.idle,
                };
                rollout::partition(&self.head.id, seen.as_deref(), &working, pods)
            }
        };
        self.apply_set(form, partition).await?;
        self.apply_budget(&objects).await?;
        self.replace_pods(cluster, partition).await?;
        prune::config_maps(&self.context, &self.head, &objects).await?;
        let without_effect = objects
            .notes
            .iter()
            .filter(|note| note.kind != NoteKind::Translated);
        Ok(Notes {
            options: without_effect.map(|note| note.sentence.clone()).collect(),
            fields: objects.without_effect,
        })
    }

    /// The next form of the StatefulSet.
    async fn form(
        &self,
        trusted: &TrustedCluster,
        facts: &Facts,
    ) -> Result<set::Form, ReconcileError> {
        let make = |images: &Images| -> Value {
            let facts = Facts {
                images: images.clone(),
                ..facts.clone()
            };
            json!(moco_resources::objects(trusted, &facts).stateful_set)
        };
        let own = &self.context.images;
        let mark = self.context.sights.mark(&set::key(&self.head));
        if let Some(known) = self
            .set
            .as_ref()
            .filter(|known| Some(&known.mark) == mark.as_ref())
        {
            return Ok(set::form_of_known(known, own, make));
        }
        let Some(live) = set::read(&self.context, &self.head).await? else {
            return Ok(set::changed(own, make));
        };
        let form = set::form_of_live(&live, own, make);
        if form.template == Template::Same {
            return Ok(form);
        }
        // Before pods are said to change, the API server is asked: it knows every default and every
        // spelling of the same value.
        let (wanted, images) = set::as_live(&live, own, make);
        let same = set::would_change_nothing(&self.context, &self.head, &live, &wanted).await;
        if same {
            return Ok(set::Form {
                wanted: make(&images),
                images,
                template: Template::Same,
            });
        }
        Ok(form)
    }

    /// Writes the copy of the passwords that counts: by creating it, or over the damaged one that was
    /// read. Whoever was faster is read in the next pass.
    async fn store_passwords(
        &self,
        found: SecretTexts,
        objects: &Objects,
    ) -> Result<(), ReconcileError> {
        let wanted = &objects.controller_secret;
        let mut secret = SecretTexts {
            metadata: wanted.metadata.clone(),
            ..found.clone()
        };
        secret.metadata.resource_version = found.metadata.resource_version;
        for (key, value) in wanted.data.iter().flatten() {
            let text = String::from_utf8(value.0.clone()).unwrap_or_default();
            secret.texts.insert(key.clone(), text);
        }
        let own = Secrets::new(self.context.client.clone(), &self.context.namespace);
        own.write(&secret)
            .await
            .map(|_| ())
            .map_err(ReconcileError::Call)
    }

    fn applier(&mut self) -> Applier<'_> {
        Applier {
            context: &self.context,
            head: &self.head,
            applied: &mut self.applied,
        }
    }

    async fn apply_before_set(&mut self, objects: &Objects) -> Result<(), ReconcileError> {
        let mut applier = self.applier();
        for secret in [
            &objects.user_secret,
            &objects.my_cnf_secret,
            &objects.grpc_secret,
        ] {
            applier.apply(secret).await.map_err(ReconcileError::Apply)?;
        }
        let config_maps = [
            Some(&objects.config_map),
            objects.slow_log_config_map.as_ref(),
        ];
        for config_map in config_maps.into_iter().flatten() {
            applier
                .apply(config_map)
                .await
                .map_err(ReconcileError::Apply)?;
        }
        applier
            .apply(&objects.service_account)
            .await
            .map_err(ReconcileError::Apply)?;
        for service in [
            &objects.headless_service,
            &objects.primary_service,
            &objects.replica_service,
        ] {
            applier
                .apply(service)
                .await
                .map_err(ReconcileError::Apply)?;
        }
        Ok(())
    }

    async fn apply_set(&mut self, form: set::Form, partition: u32) -> Result<(), ReconcileError> {
        let frame = set::frame(&form.wanted);
        let wanted = set::with_partition(form.wanted, partition);
        let mark = self
            .applier()
            .apply_value(&set::resource(), &wanted)
            .await
            .map_err(ReconcileError::Apply)?;
        self.set = Some(KnownSet {
            mark,
            images: form.images,
            frame,
        });
        Ok(())
    }

    /// Deletes outdated pods that do not work, once the set is seen as it was applied.
    async fn replace_pods(
        &self,
        cluster: &ClusterObject,
        partition: u32,
    ) -> Result<(), ReconcileError> {
        let mark = self.context.sights.mark(&set::key(&self.head));
        if self.set.as_ref().map(|known| &known.mark) != mark.as_ref() {
            return Ok(());
        }
        let Some(seen) = self.context.sights.set(&self.head.id) else {
            return Ok(());
        };
        let found = self.context.sights.pods(&self.head.id);
        let working = rollout::Working {
            found: &found,
            idle: &self.idle,
        };
        let which = if is_new(cluster) {
            Replaceable::All
        } else {
            Replaceable::Broken
        };
        let pods = replace::outdated(&self.head.id, &seen, &working, partition, which);
        replace::delete(&self.context, &self.head, &pods)
            .await
            .map_err(ReconcileError::Call)
    }

    /// A cluster of one has no budget; one that is left over would hold evictions back for ever.
    async fn apply_budget(&mut self, objects: &Objects) -> Result<(), ReconcileError> {
        if let Some(budget) = &objects.disruption_budget {
            return self
                .applier()
                .apply(budget)
                .await
                .map_err(ReconcileError::Apply);
        }
        let key = ObjectKey {
            kind: "PodDisruptionBudget".to_owned(),
            ..set::key(&self.head)
        };
        if self.context.sights.mark(&key).is_none() {
            return Ok(());
        }
        let api: Api<PodDisruptionBudget> =
            Api::namespaced(self.context.client.clone(), &key.namespace);
        let attempt = Attempt::new("delete", &key.kind, &key.namespace, &key.name);
        match call(attempt, api.delete(&key.name, &DeleteParams::default())).await {
            Err(error) if !error.is_not_found() => Err(ReconcileError::Call(error)),
            _ => Ok(()),
        }
    }
}
