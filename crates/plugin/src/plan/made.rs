//! What a manifest is made into.

use moco_api::TrustedCluster;
use moco_model::Passwords;
use moco_resources::config::NoteKind;
use moco_resources::{Certificate, Facts, Images, Objects};
use serde_json::{Value, json};

use super::Form;

/// In place of names and texts that are the same for both forms: only differences are shown.
pub(super) const SAME: &str = "same";

/// The objects of a cluster, as far as its manifest decides them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Made {
    /// my.cnf.
    pub(super) my_cnf: String,
    /// The members' pods, but for the name of the ConfigMap with my.cnf.
    pub(super) template: Value,
    /// The members' volumes.
    pub(super) claims: Value,
    /// Kind and name, and the object, of those that are written at once and touch no pod.
    pub(super) others: Vec<(String, Value)>,
    /// Name of the ConfigMap with the configuration of the container that prints the slow query log. Older
    /// ones are kept, as those with my.cnf are.
    pub(super) slow_log: Option<String>,
    /// What became of the user's options that are not passed on as they were given.
    pub(super) notes: Vec<String>,
    /// Fields that have no effect because there is no image of what they ask for.
    pub(super) without_image: Vec<String>,
}

/// Makes the objects with what is the same for both forms, and with these images.
#[expect(
    clippy::expect_used,
    reason = "all keys are given, and letters are all that is asked of a password"
)]
pub(super) fn made(trusted: &TrustedCluster, form: &Form, pods: u32, images: &Images) -> Made {
    let passwords = Passwords::collect(|_| Some(SAME.to_owned())).expect("letters");
    let facts = Facts {
        system_namespace: SAME.to_owned(),
        images: images.clone(),
        pods,
        user_options: form.options.clone().unwrap_or_default(),
        passwords,
        certificate: Certificate {
            ca: String::new(),
            cert: String::new(),
            key: String::new(),
        },
    };
    Made::of(moco_resources::objects(trusted, &facts))
}

impl Made {
    fn of(objects: Objects) -> Self {
        let my_cnf = objects.config_map.data.unwrap_or_default();
        let set = json!(objects.stateful_set);
        let part = |at: &str| set.pointer(at).cloned().unwrap_or_default();
        let mut template = part("/spec/template");
        forget_config_map(&mut template);
        let mut others = Vec::new();
        for service in [
            objects.headless_service,
            objects.primary_service,
            objects.replica_service,
        ] {
            others.push(named("Service", &json!(service)));
        }
        others.push(named("ServiceAccount", &json!(objects.service_account)));
        others.extend(
            objects
                .disruption_budget
                .map(|budget| named("PodDisruptionBudget", &json!(budget))),
        );
        let notes = objects.notes.iter();
        let told = notes.filter(|note| note.kind != NoteKind::Translated);
        Self {
            my_cnf: my_cnf.into_values().collect(),
            template,
            claims: part("/spec/volumeClaimTemplates"),
            others,
            slow_log: objects
                .slow_log_config_map
                .and_then(|map| map.metadata.name),
            without_image: objects.without_effect,
            notes: told.map(|note| note.sentence.clone()).collect(),
        }
    }
}

fn named(kind: &str, object: &Value) -> (String, Value) {
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    (
        format!("{kind} {}", name.unwrap_or_default()),
        object.clone(),
    )
}

/// The name is made of the text of my.cnf, whose differences are shown by themselves.
fn forget_config_map(template: &mut Value) {
    let volumes = template
        .pointer_mut("/spec/volumes")
        .and_then(Value::as_array_mut);
    for volume in volumes.into_iter().flatten() {
        let is_my_cnf = volume.get("name").and_then(Value::as_str)
            == Some(moco_api::constants::volumes::MYSQL_CONF);
        if is_my_cnf && let Some(name) = volume.pointer_mut("/configMap/name") {
            *name = Value::Null;
        }
    }
}
