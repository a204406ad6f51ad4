//! The agent's metrics, by MOCO's names.

use moco_model::{MemberReport, Phase, Role};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::state::Counters;

/// The page `/metrics`: constant labels `name` (the cluster) and `index` (the member).
pub fn page(cluster: &str, report: &MemberReport, counters: Counters) -> String {
    let labels = [
        ("name".into(), cluster.to_owned().into()),
        ("index".into(), report.member.to_string().into()),
    ];
    let mut registry = Registry::with_prefix_and_labels("moco_instance", labels.into_iter());
    let mut gauge = |name: &str, help: &str, value: f64| {
        registry.register(name, help, ConstGauge::new(value));
    };
    let cloning = matches!(report.phase, Phase::Cloning(_));
    gauge(
        "clone_in_progress",
        "Whether a clone is under way",
        f64::from(u8::from(cloning)),
    );
    gauge(
        "clone_duration_seconds",
        "How long the last clone took",
        counters.last_clone_seconds,
    );
    gauge(
        "mysqld_running",
        "Whether mysqld runs",
        f64::from(u8::from(report.mysqld_pid.is_some())),
    );
    if let Some(server) = &report.server {
        gauge(
            "writable",
            "Whether the member takes writes",
            f64::from(u8::from(server.writable)),
        );
        if let Some(channel) = &server.replication {
            let seconds = std::time::Duration::from_millis(channel.lag_ms).as_secs_f64();
            gauge("replication_delay_seconds", "Replication lag", seconds);
        }
        let semi = &server.semi_sync;
        gauge(
            "semi_sync_clients",
            "Replicas that acknowledge",
            f64::from(semi.clients),
        );
        gauge(
            "semi_sync_waiting",
            "Commits that wait for acknowledgements",
            f64::from(semi.waiting),
        );
    }
    if let Some(guard) = &report.guard {
        let primary = guard.role == Some(Role::Primary);
        gauge(
            "is_primary",
            "Whether the member is the primary",
            f64::from(u8::from(primary)),
        );
    }
    let mut counter = |name: &str, help: &str, value: u64| {
        registry.register(name, help, ConstCounter::new(value));
    };
    counter("clone", "Clones begun", counters.clones);
    counter(
        "clone_failure",
        "Clones that failed",
        counters.clone_failures,
    );
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

#[cfg(test)]
mod tests {
    use moco_model::report::ThreadState;
    use moco_model::{ClusterUid, MemberId};

    use super::*;
    use crate::probes::tests::replica;

    #[test]
    fn the_page_names_cluster_and_member() {
        let report = MemberReport {
            cluster: ClusterUid("u".into()),
            member: MemberId(2),
            agent_version: "0".into(),
            phase: Phase::Cloning(40),
            guard: None,
            server: None,
            fault: None,
            mysqld_pid: None,
            leaving: false,
            hearing: None,
            commits: None,
            evidence: vec![],
        };
        let counters = Counters {
            clones: 3,
            ..Counters::default()
        };
        let text = page("orders", &report, counters);
        let line = "moco_instance_clone_in_progress{name=\"orders\",index=\"2\"} 1.0";
        assert!(text.lines().any(|found| found == line), "{text}");
        let line = "moco_instance_clone_total{name=\"orders\",index=\"2\"} 3";
        assert!(text.lines().any(|found| found == line), "{text}");
    }

    #[test]
    fn a_replica_tells_by_how_much_it_lags() {
        let mut report = replica(1500, ThreadState::On);
        let page = |report: &MemberReport| page("orders", report, Counters::default());
        let delay = "moco_instance_replication_delay_seconds";
        let line = format!("{delay}{{name=\"orders\",index=\"1\"}} 1.5");
        let text = page(&report);
        assert!(text.lines().any(|found| found == line), "{text}");
        report.server.as_mut().unwrap().replication = None;
        assert!(
            !page(&report).contains(delay),
            "a primary lags behind nobody"
        );
    }
}
