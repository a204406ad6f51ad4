//! The wide form: what pods, agents and the certificate say at this moment, beside what the controller
//! wrote. Each is asked by itself, and what could not be had is said and hides nothing else.

use std::collections::BTreeMap;

use anyhow::Context as _;
use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use moco_api::names;
use moco_model::{ClusterId, MemberId, Millis};
use x509_parser::pem::Pem;

use crate::calls::Calls;
use crate::pods::by_member;
use crate::times::{moment, span};

/// What was found beside the cluster's status.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Live {
    pods: BTreeMap<MemberId, PodFacts>,
    figures: BTreeMap<MemberId, Figures>,
    certificate: Option<Ends>,
    /// What could not be had, and why.
    missing: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct PodFacts {
    node: Option<String>,
    ready: bool,
    restarts: i32,
}

/// Figures of an agent's metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Figures {
    lag_seconds: Option<f64>,
    /// Replicas that acknowledge; of a primary.
    acknowledging: Option<f64>,
    /// Commits that wait for acknowledgements; of a primary.
    waiting: Option<f64>,
}

/// When the members' certificate, and the last of its authorities, end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    certificate: Millis,
    authority: Option<Millis>,
}

impl Live {
    /// Asks the pods, the agents through the API server, and the Secret with the members' certificate.
    pub(crate) async fn ask(calls: &Calls, id: &ClusterId) -> Self {
        let mut live = Self::default();
        match calls.pods_of(id).await {
            Ok(pods) => live.take_pods(id, pods),
            Err(error) => live.missing.push(error.to_string()),
        }
        let pages = live.pods.keys().map(|member| async move {
            let page = calls.agent_page(id, *member).await;
            (*member, page)
        });
        for (member, page) in join_all(pages).await {
            match page {
                Ok(page) => drop(live.figures.insert(member, Figures::of(&page))),
                Err(error) => live.missing.push(error.to_string()),
            }
        }
        match certificate(calls, id).await {
            Ok(ends) => live.certificate = Some(ends),
            Err(error) => live.missing.push(format!("{error:#}")),
        }
        live
    }

    fn take_pods(&mut self, id: &ClusterId, pods: Vec<Pod>) {
        let all = by_member(id, pods).into_iter();
        self.pods = all.map(|(id, pod)| (id, PodFacts::of(&pod))).collect();
    }

    /// Lag, acknowledgements, ready, restarts and node of a member, for columns.
    pub(super) fn cells(&self, member: u32) -> [String; 5] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let id = MemberId(member);
        let figures = self.figures.get(&id).copied().unwrap_or_default();
        let pod = self.pods.get(&id);
        let ready = pod.map(|pod| if pod.ready { "yes" } else { "no" }.to_owned());
        [
            or_dash(figures.lag_seconds.map(|seconds| format!("{seconds} s"))),
            or_dash(figures.acks()),
            or_dash(ready),
            or_dash(pod.map(|pod| pod.restarts.to_string())),
            or_dash(pod.and_then(|pod| pod.node.clone())),
        ]
    }

    /// What is no column, one line each.
    pub(super) fn lines(&self, now: Millis) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(Ends {
            certificate,
            authority,
        }) = self.certificate
        {
            let authority = authority.map_or_else(String::new, |authority| {
                format!(", its authority until {}", until(authority, now))
            });
            lines.push(format!(
                "Certificate of the members: good until {}{authority}",
                until(certificate, now)
            ));
        }
        lines.extend(
            self.missing
                .iter()
                .map(|because| format!("Not shown: {because}")),
        );
        lines
    }
}

fn until(end: Millis, now: Millis) -> String {
    let left = end.saturating_sub(now);
    let at = moment(end);
    if left < 0 {
        format!("{at} (ended)")
    } else {
        format!("{at} ({} left)", span(left))
    }
}

impl PodFacts {
    fn of(pod: &Pod) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let containers = status.container_statuses.unwrap_or_default();
        let mut conditions = status.conditions.iter().flatten();
        Self {
            node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
            ready: conditions.any(|one| one.type_ == "Ready" && one.status == "True"),
            restarts: containers.iter().map(|one| one.restart_count).sum(),
        }
    }
}

impl Figures {
    /// Reads the text format of Prometheus: `name{labels} value`. The labels are the same on all lines.
    fn of(page: &str) -> Self {
        let figure = |name: &str| {
            let mut lines = page.lines();
            let line = lines.find_map(|line| {
                let rest = line.strip_prefix("moco_instance_")?.strip_prefix(name)?;
                rest.starts_with('{').then_some(rest)
            })?;
            line.rsplit(' ').next()?.parse().ok()
        };
        let primary = figure("writable").is_some_and(|writable: f64| writable > 0.0);
        Self {
            lag_seconds: figure("replication_delay_seconds"),
            acknowledging: figure("semi_sync_clients").filter(|_| primary),
            waiting: figure("semi_sync_waiting").filter(|_| primary),
        }
    }

    fn acks(&self) -> Option<String> {
        let acknowledging = self.acknowledging?;
        Some(match self.waiting {
            Some(waiting) if waiting > 0.0 => format!("{acknowledging}, {waiting} commits wait"),
            _ => acknowledging.to_string(),
        })
    }
}

async fn certificate(calls: &Calls, id: &ClusterId) -> anyhow::Result<Ends> {
    let name = names::grpc_secret(id);
    let secret = calls.secret(&name).await?;
    let text = |key: &str| secret.data.as_ref().and_then(|data| data.get(key));
    let missing = || format!("Secret {name} holds no certificate that can be read");
    let certificate = text("tls.crt").and_then(|pem| ends(&pem.0).into_iter().next());
    Ok(Ends {
        certificate: certificate.with_context(missing)?,
        authority: text("ca.crt").and_then(|pem| ends(&pem.0).into_iter().max()),
    })
}

/// When the certificates of a PEM text end.
fn ends(pem: &[u8]) -> Vec<Millis> {
    let readable = Pem::iter_from_buffer(pem).filter_map(Result::ok);
    let end = |pem: Pem| {
        let seconds = pem.parse_x509().ok()?.validity().not_after.timestamp();
        seconds.checked_mul(1000)
    };
    readable.filter_map(end).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// Two of three pods, one agent that does not answer, and a certificate.
    pub(crate) fn example() -> Live {
        let pod = |node: &str, ready| PodFacts {
            node: Some(node.to_owned()),
            ready,
            restarts: 1,
        };
        let primary = Figures {
            acknowledging: Some(2.0),
            waiting: Some(0.0),
            lag_seconds: None,
        };
        Live {
            pods: [(MemberId(0), pod("node-a", true)), (MemberId(1), pod("node-b", false))].into(),
            figures: [(MemberId(0), primary)].into(),
            certificate: Some(Ends {
                certificate: 1_766_656_800_000,
                authority: Some(1_795_600_800_000),
            }),
            missing: vec![
                "cannot get the metrics of Pod shop/moco-orders-1: the API server did not answer within 30 s"
                    .to_owned(),
            ],
        }
    }

    #[test]
    fn figures_are_read_from_the_agents_page() {
        let page = "# HELP moco_instance_semi_sync_clients Replicas that acknowledge.\n\
                    moco_instance_semi_sync_clients{name=\"orders\",index=\"0\"} 2.0\n\
                    moco_instance_semi_sync_waiting{name=\"orders\",index=\"0\"} 3.0\n\
                    moco_instance_writable{name=\"orders\",index=\"0\"} 1.0\n";
        let figures = Figures::of(page);
        assert_eq!(figures.acks().as_deref(), Some("2, 3 commits wait"));
        assert_eq!(figures.lag_seconds, None);
        let replica = "moco_instance_writable{index=\"1\"} 0.0\n\
                       moco_instance_semi_sync_clients{index=\"1\"} 0.0\n\
                       moco_instance_replication_delay_seconds{index=\"1\"} 0.25\n";
        let figures = Figures::of(replica);
        assert_eq!((figures.acks(), figures.lag_seconds), (None, Some(0.25)));
    }

    #[test]
    fn pods_say_where_they_are_and_whether_they_are_ready() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "moco-orders-1" },
            "spec": { "nodeName": "node-b", "containers": [] },
            "status": {
                "conditions": [{ "type": "Ready", "status": "True" }],
                "containerStatuses": [
                    { "name": "mysqld", "image": "i", "imageID": "", "ready": true, "restartCount": 2 },
                ],
            },
        }))
        .unwrap();
        let mut live = Live::default();
        live.take_pods(&ClusterId::new("shop", "orders").unwrap(), vec![pod]);
        assert_eq!(live.cells(1), ["-", "-", "yes", "2", "node-b"]);
        assert_eq!(live.cells(2), ["-", "-", "-", "-", "-"]);
    }

    #[test]
    fn the_end_of_a_certificate_is_said_and_one_that_has_ended_is_called_so() {
        let live = Live {
            certificate: Some(Ends {
                certificate: 1_764_064_800_000,
                authority: Some(1_764_151_200_000),
            }),
            missing: vec!["cannot list Pods in shop: forbidden".to_owned()],
            ..Live::default()
        };
        let lines = live.lines(1_764_151_100_000);
        assert_eq!(
            lines,
            [
                "Certificate of the members: good until 2025-11-25T10:00:00.000Z (ended), \
                 its authority until 2025-11-26T10:00:00.000Z (1 min 40 s left)",
                "Not shown: cannot list Pods in shop: forbidden",
            ]
        );
        assert!(ends(b"no certificate").is_empty());
    }
}
