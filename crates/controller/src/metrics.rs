//! Metrics of the operator, by the names that MOCO's dashboards know.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moco_model::ClusterId;
use moco_planner::observation::Clustering;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::reconcile::Outcome;
use crate::report::Sources;

/// Which cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cluster {
    name: String,
    namespace: String,
}

/// Which verdict of which cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Verdict {
    name: String,
    namespace: String,
    code: String,
}

type FloatGauge = Gauge<f64, AtomicU64>;
type Gauges = Family<Cluster, FloatGauge>;
type Counters = Family<Cluster, Counter>;

/// Bounds of the histogram of pass times, in seconds.
const BOUNDS: [f64; 11] = [0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 30.0];

/// All metrics. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Mutex<Registry>>,
    checks: Counters,
    errors: Counters,
    switchovers: Counters,
    failovers: Counters,
    available: Gauges,
    healthy: Gauges,
    replicas: Gauges,
    ready_replicas: Gauges,
    errant_replicas: Gauges,
    current_replicas: Gauges,
    updated_replicas: Gauges,
    clustering_stopped: Gauges,
    reconciliation_stopped: Gauges,
    processing: Family<Cluster, Histogram, fn() -> Histogram>,
    verdict: Family<Verdict, Gauge>,
    leading: Gauge,
}

impl Metrics {
    /// Empty metrics with a registry of their own.
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Arc::new(Mutex::new(Registry::with_prefix("moco"))),
            checks: Counters::default(),
            errors: Counters::default(),
            switchovers: Counters::default(),
            failovers: Counters::default(),
            available: Gauges::default(),
            healthy: Gauges::default(),
            replicas: Gauges::default(),
            ready_replicas: Gauges::default(),
            errant_replicas: Gauges::default(),
            current_replicas: Gauges::default(),
            updated_replicas: Gauges::default(),
            clustering_stopped: Gauges::default(),
            reconciliation_stopped: Gauges::default(),
            processing: Family::new_with_constructor(|| Histogram::new(BOUNDS)),
            verdict: Family::default(),
            leading: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    /// Name and meaning of every counter of a cluster.
    fn counters(&self) -> [(&'static str, &'static str, &Counters); 4] {
        [
            ("checks", "Passes over the cluster", &self.checks),
            ("errors", "Passes that failed", &self.errors),
            (
                "switchover",
                "Planned changes of primary",
                &self.switchovers,
            ),
            ("failover", "Unplanned changes of primary", &self.failovers),
        ]
    }

    /// Name and meaning of every gauge of a cluster.
    fn gauges(&self) -> [(&'static str, &'static str, &Gauges); 9] {
        let pods = "Pods of the set's current revision";
        let new_pods = "Pods of the set's newest revision";
        let errant = "Replicas with transactions that the primary lacks";
        let deciding = "1 when decisions about members are stopped";
        let writing = "1 when changes of the objects are stopped";
        [
            (
                "available",
                "1 when the primary takes writes",
                &self.available,
            ),
            (
                "healthy",
                "1 when all members do their work and are ready",
                &self.healthy,
            ),
            ("replicas", "Members wanted", &self.replicas),
            (
                "ready_replicas",
                "Members that are ready",
                &self.ready_replicas,
            ),
            ("errant_replicas", errant, &self.errant_replicas),
            ("current_replicas", pods, &self.current_replicas),
            ("updated_replicas", new_pods, &self.updated_replicas),
            ("clustering_stopped", deciding, &self.clustering_stopped),
            (
                "reconciliation_stopped",
                writing,
                &self.reconciliation_stopped,
            ),
        ]
    }

    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let help = "1 while this controller leads";
        registry.register("controller_leading", help, self.leading.clone());
        let cluster = registry.sub_registry_with_prefix("cluster");
        for (name, help, counters) in self.counters() {
            cluster.register(name, help, counters.clone());
        }
        for (name, help, gauges) in self.gauges() {
            cluster.register(name, help, gauges.clone());
        }
        let help = "Time of a pass, in seconds";
        cluster.register("processing_time_seconds", help, self.processing.clone());
        let help = "1 for the code of the cluster's verdict";
        cluster.register("verdict", help, self.verdict.clone());
    }

    /// The text for Prometheus.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }

    /// This controller leads, to the end of its life.
    pub(crate) fn lead(&self) {
        self.leading.set(1);
    }

    /// A pass ended.
    pub(crate) fn passed(&self, id: &ClusterId, took: Duration, outcome: Passed) {
        let cluster = label(id);
        self.checks.get_or_create(&cluster).inc();
        self.errors
            .get_or_create(&cluster)
            .inc_by(u64::from(outcome == Passed::Badly));
        self.processing
            .get_or_create(&cluster)
            .observe(took.as_secs_f64());
    }

    /// What a pass has found.
    pub(crate) fn found(&self, of: &Sources<'_>, errant: usize) {
        let id = &of.seen.cluster;
        let cluster = label(id);
        // Counters that dashboards rely on exist from the first pass on.
        drop(self.switchovers.get_or_create(&cluster));
        drop(self.failovers.get_or_create(&cluster));
        let flag = |yes| if yes { 1.0 } else { 0.0 };
        let stopped = of.seen.wanted.clustering == Clustering::Stopped;
        let known = |value: f64| if stopped { f64::NAN } else { value };
        let standing = &of.decision.verdict.standing;
        let set = of.set.map(|set| set.status.clone()).unwrap_or_default();
        let errant = f64::from(u32::try_from(errant).unwrap_or(u32::MAX));
        for (gauges, value) in [
            (&self.available, known(flag(standing.available))),
            (&self.healthy, known(flag(of.healthy()))),
            (&self.replicas, f64::from(of.seen.wanted.replicas)),
            (&self.ready_replicas, known(f64::from(of.ready_pods))),
            (&self.errant_replicas, known(errant)),
            (&self.current_replicas, f64::from(set.current_replicas)),
            (&self.updated_replicas, f64::from(set.updated_replicas)),
            (&self.clustering_stopped, flag(stopped)),
            (
                &self.reconciliation_stopped,
                flag(of.reconciled.outcome == Outcome::Stopped),
            ),
        ] {
            gauges.get_or_create(&cluster).set(value);
        }
        self.verdict
            .get_or_create(&verdict(id, &of.decision.verdict.code))
            .set(1);
    }

    /// The verdict has another code now.
    pub(crate) fn forget_verdict(&self, id: &ClusterId, code: &str) {
        self.verdict.remove(&verdict(id, code));
    }

    /// The cluster is gone.
    pub(crate) fn forget(&self, id: &ClusterId, code: Option<&str>) {
        let cluster = label(id);
        for (_, _, counters) in self.counters() {
            counters.remove(&cluster);
        }
        for (_, _, gauges) in self.gauges() {
            gauges.remove(&cluster);
        }
        self.processing.remove(&cluster);
        if let Some(code) = code {
            self.forget_verdict(id, code);
        }
    }
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    Well,
    Badly,
}

fn label(id: &ClusterId) -> Cluster {
    Cluster {
        name: id.name.clone(),
        namespace: id.namespace.clone(),
    }
}

fn verdict(id: &ClusterId, code: &str) -> Verdict {
    Verdict {
        name: id.name.clone(),
        namespace: id.namespace.clone(),
        code: code.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_is_gone_leaves_no_series() {
        let metrics = Metrics::new();
        let id = ClusterId::new("app", "db").unwrap();
        metrics.passed(&id, Duration::from_millis(300), Passed::Badly);
        let text = metrics.text().unwrap();
        let expected = "moco_cluster_errors_total{name=\"db\",namespace=\"app\"} 1";
        assert!(text.contains(expected), "{text}");
        metrics.forget(&id, Some("Healthy"));
        assert!(!metrics.text().unwrap().contains("db"));
    }

    #[test]
    fn the_names_that_dashboards_know_do_not_change_unnoticed() {
        let metrics = Metrics::new();
        let id = ClusterId::new("app", "db").unwrap();
        metrics.passed(&id, Duration::from_millis(300), Passed::Well);
        for (_, _, counters) in metrics.counters() {
            drop(counters.get_or_create(&label(&id)));
        }
        for (_, _, gauges) in metrics.gauges() {
            drop(gauges.get_or_create(&label(&id)));
        }
        drop(metrics.verdict.get_or_create(&verdict(&id, "Healthy")));
        let text = metrics.text().unwrap();
        let mut told: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE moco_"))
            .collect();
        told.sort_unstable();
        assert_eq!(
            told,
            [
                "cluster_available gauge",
                "cluster_checks counter",
                "cluster_clustering_stopped gauge",
                "cluster_current_replicas gauge",
                "cluster_errant_replicas gauge",
                "cluster_errors counter",
                "cluster_failover counter",
                "cluster_healthy gauge",
                "cluster_processing_time_seconds histogram",
                "cluster_ready_replicas gauge",
                "cluster_reconciliation_stopped gauge",
                "cluster_replicas gauge",
                "cluster_switchover counter",
                "cluster_updated_replicas gauge",
                "cluster_verdict gauge",
                "controller_leading gauge",
            ]
        );
    }
}
