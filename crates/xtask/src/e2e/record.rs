//! Who is primary, as `kubectl moco` and the status tell it.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::cluster::Cluster;

/// What a story reads of a MySQLCluster.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    object: Value,
}

/// One change of the primary.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    value: Value,
}

impl Record {
    pub(crate) fn read(cluster: &Cluster, name: &str) -> Result<Self> {
        let object = cluster.must_get(&["mysqlcluster", name])?;
        Ok(Self { object })
    }

    pub(crate) fn object(&self) -> &Value {
        &self.object
    }

    fn register(&self, field: &str) -> Option<&Value> {
        self.object.pointer("/status/register")?.get(field)
    }

    pub(crate) fn primary(&self) -> Result<u64> {
        let primary = self.register("primary").and_then(Value::as_u64);
        primary.context("the status records no primary")
    }

    pub(crate) fn epoch(&self) -> Result<u64> {
        let epoch = self.register("epoch").and_then(Value::as_u64);
        epoch.context("the status records no epoch")
    }

    /// The members of the membership in force.
    pub(crate) fn members(&self) -> Vec<u64> {
        let members = self.register("membership").and_then(|of| of.get("members"));
        let members = members.and_then(Value::as_array).into_iter().flatten();
        members.filter_map(Value::as_u64).collect()
    }

    /// The changes of the primary after an epoch, the newest last.
    pub(crate) fn changes_since(&self, epoch: u64) -> Vec<Change> {
        let all = self.register("handovers").and_then(Value::as_array);
        let changes = all
            .into_iter()
            .flatten()
            .cloned()
            .map(|value| Change { value });
        changes
            .filter(|change| change.number("epoch") > Some(epoch))
            .collect()
    }
}

impl Change {
    pub(crate) fn number(&self, field: &str) -> Option<u64> {
        self.value.get(field).and_then(Value::as_u64)
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.value
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Whether the new primary was seen to take writes.
    pub(crate) fn is_complete(&self) -> bool {
        self.number("openedAt").is_some()
    }

    /// Milliseconds from the first sign to the decision, and to the first write.
    pub(crate) fn took_ms(&self) -> Result<[u64; 2]> {
        let at = |field| {
            self.number(field)
                .with_context(|| format!("no time {field}"))
        };
        let noticed = at("noticedAt")?;
        Ok([at("decidedAt")?, at("openedAt")?].map(|at| at.saturating_sub(noticed)))
    }

    /// An error unless the change says what it was, why, and what proves that nothing was lost.
    pub(crate) fn is_explained(&self, kind: &str) -> Result<()> {
        ensure!(self.text("kind") == kind, "not a {kind}: {}", self.value);
        for field in ["because", "proof"] {
            ensure!(!self.text(field).is_empty(), "no {field}: {}", self.value);
        }
        let promised = self.value.get("promised").and_then(Value::as_object);
        ensure!(
            promised.is_some_and(|promised| !promised.is_empty()),
            "nobody promised: {}",
            self.value
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_are_those_after_the_epoch_and_tell_how_long_they_took() {
        let change = |epoch| {
            json!({"epoch": epoch, "kind": "failover", "because": "a", "proof": "b",
                "promised": {"1": "x:1"}, "noticedAt": 1000, "decidedAt": 1200, "openedAt": 1500})
        };
        let register = json!({"epoch": 4, "primary": 2, "handovers": [change(3), change(4)]});
        let record = Record {
            object: json!({"status": {"register": register}}),
        };
        let changes = record.changes_since(3);
        assert_eq!((changes.len(), record.primary().unwrap()), (1, 2));
        assert_eq!(changes[0].took_ms().unwrap(), [200, 500]);
        changes[0].is_explained("failover").unwrap();
        assert!(changes[0].is_explained("switchover").is_err());
    }
}
