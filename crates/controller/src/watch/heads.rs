//! Which clusters there are, and which changes of them matter.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::PartialObjectMeta;
use kube::runtime::watcher::Event;
use moco_api::MySQLCluster;
use moco_model::{ClusterId, ClusterUid};
use serde_json::json;

/// A cluster, as far as it is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClusterHead {
    pub(crate) id: ClusterId,
    pub(crate) uid: ClusterUid,
}

/// A change of a cluster that matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClusterEvent {
    /// It is there, new or changed by somebody else than this controller's reports.
    Changed(ClusterHead),
    /// It is gone.
    Gone(ClusterHead),
}

/// The clusters that were told, with what matters of each: not its status, which the controller
/// itself writes, but generation, annotations, finalizers and the time of deletion.
#[derive(Default)]
pub(super) struct Heads {
    known: BTreeMap<ClusterId, (ClusterUid, String)>,
    named: BTreeSet<ClusterId>,
}

impl Heads {
    /// Takes in what the watch says; gives what matters.
    pub(super) fn take(
        &mut self,
        event: Event<PartialObjectMeta<MySQLCluster>>,
    ) -> Vec<ClusterEvent> {
        match event {
            Event::Init => {
                self.named.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                let head = head(&object);
                self.named.extend(head.as_ref().map(|head| head.id.clone()));
                head.map_or_else(Vec::new, |head| self.seen(head, &object))
            }
            Event::Apply(object) => {
                head(&object).map_or_else(Vec::new, |head| self.seen(head, &object))
            }
            Event::Delete(object) => {
                head(&object).map_or_else(Vec::new, |head| self.gone(&head.id))
            }
            Event::InitDone => {
                let unnamed: Vec<_> = self
                    .known
                    .keys()
                    .filter(|id| !self.named.contains(id))
                    .cloned()
                    .collect();
                unnamed.iter().flat_map(|id| self.gone(id)).collect()
            }
        }
    }

    fn seen(
        &mut self,
        head: ClusterHead,
        object: &PartialObjectMeta<MySQLCluster>,
    ) -> Vec<ClusterEvent> {
        let meta = &object.metadata;
        let matters = json!([
            meta.generation,
            meta.annotations,
            meta.finalizers,
            meta.deletion_timestamp,
        ])
        .to_string();
        let mut events = Vec::new();
        let before = self.known.get(&head.id);
        if before.is_some_and(|(uid, _)| *uid != head.uid) {
            events = self.gone(&head.id);
        } else if before.is_some_and(|(_, known)| *known == matters) {
            return events;
        }
        self.known
            .insert(head.id.clone(), (head.uid.clone(), matters));
        events.push(ClusterEvent::Changed(head));
        events
    }

    fn gone(&mut self, id: &ClusterId) -> Vec<ClusterEvent> {
        let gone = self.known.remove(id);
        gone.map(|(uid, _)| {
            ClusterEvent::Gone(ClusterHead {
                id: id.clone(),
                uid,
            })
        })
        .into_iter()
        .collect()
    }
}

/// An object whose name MOCO cannot use, stored before there were rules, is told once by the log of
/// the one who reads it; here it has no task.
fn head(object: &PartialObjectMeta<MySQLCluster>) -> Option<ClusterHead> {
    let meta = &object.metadata;
    let (namespace, name) = (meta.namespace.as_deref()?, meta.name.as_deref()?);
    match ClusterId::new(namespace, name) {
        Ok(id) => Some(ClusterHead {
            id,
            uid: ClusterUid(meta.uid.clone()?),
        }),
        Err(error) => {
            tracing::warn!("MySQLCluster {namespace}/{name} cannot be run: {error}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::ObjectMeta;

    use super::*;

    fn object(
        name: &str,
        uid: &str,
        generation: i64,
        version: &str,
    ) -> PartialObjectMeta<MySQLCluster> {
        PartialObjectMeta {
            metadata: ObjectMeta {
                namespace: Some("app".to_owned()),
                name: Some(name.to_owned()),
                uid: Some(uid.to_owned()),
                generation: Some(generation),
                resource_version: Some(version.to_owned()),
                ..ObjectMeta::default()
            },
            types: None,
            _phantom: std::marker::PhantomData,
        }
    }

    fn changed(name: &str, uid: &str) -> ClusterEvent {
        ClusterEvent::Changed(told(name, uid))
    }

    fn told(name: &str, uid: &str) -> ClusterHead {
        let id = ClusterId::new("app", name).unwrap();
        ClusterHead {
            id,
            uid: ClusterUid(uid.to_owned()),
        }
    }

    #[test]
    fn a_change_of_the_status_alone_is_not_told() {
        let mut heads = Heads::default();
        assert_eq!(
            heads.take(Event::Apply(object("a", "u", 1, "1"))),
            [changed("a", "u")]
        );
        assert_eq!(heads.take(Event::Apply(object("a", "u", 1, "2"))), []);
        assert_eq!(
            heads.take(Event::Apply(object("a", "u", 2, "3"))),
            [changed("a", "u")]
        );
    }

    #[test]
    fn a_cluster_made_again_under_its_name_is_another_one() {
        let mut heads = Heads::default();
        heads.take(Event::Apply(object("a", "u", 1, "1")));
        let events = heads.take(Event::Apply(object("a", "v", 1, "9")));
        assert_eq!(
            events,
            [ClusterEvent::Gone(told("a", "u")), changed("a", "v")]
        );
    }

    #[test]
    fn what_a_new_list_does_not_name_is_gone() {
        let mut heads = Heads::default();
        heads.take(Event::Apply(object("a", "u", 1, "1")));
        heads.take(Event::Apply(object("b", "v", 1, "2")));
        heads.take(Event::Init);
        assert_eq!(heads.take(Event::InitApply(object("b", "v", 1, "2"))), []);
        assert_eq!(
            heads.take(Event::InitDone),
            [ClusterEvent::Gone(told("a", "u"))]
        );
    }

    #[test]
    fn an_unusable_name_stops_nobody() {
        let mut heads = Heads::default();
        assert_eq!(heads.take(Event::Apply(object("a.b", "u", 1, "1"))), []);
        assert_eq!(
            heads.take(Event::Apply(object("c", "u", 1, "1"))),
            [changed("c", "u")]
        );
    }
}
