//! `kubectl moco plan`: what a changed manifest would do to a running cluster, before it is applied.
//!
//! Both forms of the manifest go through what the controller does with one: the validation of the crate
//! `api`, and the objects and my.cnf that the crate `resources` makes. What differs between the two
//! results is what the change does. What the API server itself would refuse, it is asked by a dry run.

use std::collections::BTreeMap;

use moco_api::constants::conditions;
use moco_api::{Invalid, MySQLCluster, TrustedCluster, validate};
use moco_model::Register;
use moco_planner::Problem;
use moco_resources::{Images, pods_to_run};
use serde::Serialize;
use serde_json::{Value, json};

use crate::difference::{Difference, differences};

mod effects;
mod file;
mod images;
mod made;
mod options;
mod run;
mod text;

use effects::{Effect, Side, Situation};
pub(crate) use run::run;

/// Options of a user's ConfigMap, by name; none when there is no such ConfigMap.
pub(crate) type Options = Option<BTreeMap<String, String>>;

/// A manifest, and what it is made into objects with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Form {
    /// The cluster, with the uid that it has or would get.
    pub(crate) cluster: MySQLCluster,
    /// The options of the ConfigMap that it names; an empty map when it names none.
    pub(crate) options: Options,
}

/// What is known beside the two manifests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The record of who is primary.
    pub(crate) register: Option<Register>,
    /// Why the API server would refuse the manifest, in its own words.
    pub(crate) refusal: Option<String>,
    /// Whether another operator runs the cluster.
    pub(crate) foreign: bool,
    /// What else a reader must know.
    pub(crate) notes: Vec<String>,
}

/// What a changed manifest would do, as programs read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan {
    /// NAMESPACE/NAME.
    cluster: String,
    /// Whether the cluster does not exist yet.
    is_new: bool,
    /// Why nothing of it would be done.
    pub(crate) refused: Vec<String>,
    /// Where the manifests differ.
    changes: Vec<Difference>,
    /// What happens.
    effects: Vec<Effect>,
    /// What is given and has no effect.
    without_effect: Vec<String>,
    /// What else a reader must know.
    notes: Vec<String>,
}

/// What `new` would do to a cluster that runs by `old`.
pub(crate) fn plan(old: Option<&Form>, new: &Form, known: &Known) -> Plan {
    let name = |part: &Option<String>| part.clone().unwrap_or_default();
    let metadata = &new.cluster.metadata;
    let mut plan = Plan {
        cluster: format!("{}/{}", name(&metadata.namespace), name(&metadata.name)),
        is_new: old.is_none(),
        refused: known.refusal.iter().cloned().collect(),
        changes: old.map(|old| changes(old, new)).unwrap_or_default(),
        effects: Vec::new(),
        without_effect: Vec::new(),
        notes: known.notes.clone(),
    };
    let trusted = match trusted(new) {
        Ok(trusted) => trusted,
        Err(because) => {
            plan.refused.extend(because);
            plan.notes.push(Problem::InvalidSpec.advice().to_owned());
            return plan;
        }
    };
    if let Some(field) = trusted.must_not_start().filter(|_| old.is_none()) {
        plan.refused.push(field.sentence.clone());
    }
    if !plan.refused.is_empty() {
        return plan;
    }
    plan.notes.extend(notes(&trusted, known));
    let made = |trusted: &TrustedCluster, form: &Form, images: &Images| {
        let pods = pods_to_run(trusted, known.register.as_ref());
        made::made(trusted, form, pods, images)
    };
    let own = made(&trusted, new, &images::all());
    plan.without_effect = trusted
        .not_yet
        .iter()
        .map(|field| field.sentence.clone())
        .collect();
    plan.without_effect.extend(own.notes);
    let situation = Situation {
        cluster: trusted.id.clone(),
        register: known.register.clone(),
    };
    match old.map(|old| (old, self::trusted(old))) {
        None => {
            plan.effects = effects::of_new(&trusted);
            let matters = |images: &Images| !made(&trusted, new, images).without_image.is_empty();
            plan.notes.extend(images::notes(matters));
        }
        Some((_, Err(because))) => plan.notes.push(format!(
            "the manifest that is stored cannot be carried out, so it does not tell what runs now: {}",
            because.join("; ")
        )),
        Some((old, Ok(before))) => {
            let with = |images: &Images| {
                let before = Side::of(&before, old, made(&before, old, images));
                let after = Side::of(&trusted, new, made(&trusted, new, images));
                effects::of_change(&situation, &before, &after)
            };
            plan.effects = with(&images::all());
            plan.notes.extend(images::notes(|images| with(images) != plan.effects));
        }
    }
    plan
}

/// The manifest as the controller takes it, or everything that is wrong with it.
fn trusted(form: &Form) -> Result<TrustedCluster, Vec<String>> {
    let said = |invalid: Vec<Invalid>| invalid.iter().map(ToString::to_string).collect::<Vec<_>>();
    let trusted = validate(&form.cluster).map_err(said)?;
    match &trusted.mysql_config_map {
        Some(name) if form.options.is_none() => Err(vec![format!(
            "spec.mysqlConfigMapName names the ConfigMap {name}, which neither exists nor is in the file"
        )]),
        _ => Ok(trusted),
    }
}

/// What users write: the spec, the annotations that MOCO reads, and the options of the ConfigMap.
fn written(form: &Form) -> Value {
    let all = form.cluster.metadata.annotations.iter().flatten();
    let ours: BTreeMap<_, _> = all
        .filter(|(key, _)| key.starts_with("moco.cybozu.com/"))
        .collect();
    json!({ "metadata": { "annotations": ours }, "spec": form.cluster.spec })
}

fn changes(old: &Form, new: &Form) -> Vec<Difference> {
    let all = differences("", &written(old), &written(new));
    let mut all: Vec<_> = all
        .into_iter()
        .map(|one| Difference {
            field: one.field.trim_start_matches('.').to_owned(),
            ..one
        })
        .collect();
    let options = |form: &Form| json!(form.options.clone().unwrap_or_default());
    let place = new
        .cluster
        .spec
        .mysql_config_map_name
        .as_deref()
        .unwrap_or("-");
    let place = format!("ConfigMap {place}");
    all.extend(differences(&place, &options(old), &options(new)));
    all
}

fn notes(trusted: &TrustedCluster, known: &Known) -> Vec<String> {
    let mut notes = Vec::new();
    if known.foreign {
        let code = conditions::FOREIGN_CLUSTER;
        notes.push(format!("{code}: {}", Problem::ForeignCluster.advice()));
    }
    let name = &trusted.id.name;
    for (is_stopped, what) in [
        (trusted.stopped.reconciliation, "reconciliation"),
        (trusted.stopped.clustering, "clustering"),
    ] {
        if is_stopped {
            notes.push(format!(
                "{what} is stopped: what concerns it happens after `kubectl moco start {what} {name}`"
            ));
        }
    }
    notes
}

#[cfg(test)]
mod tests;
