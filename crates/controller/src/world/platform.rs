//! What Kubernetes says about a pod that cannot run, in sentences that say what to do.

use moco_model::{ClusterId, MemberId};

use crate::watch::{ContainerStatus, PodView};

/// Longest part of a message of Kubernetes that is repeated, in characters.
const MESSAGE_CHARS_MAX: usize = 300;
/// How often a container may end before that is worth a sentence of its own.
const RESTARTS: u32 = 1;

/// Why a pod cannot run; none when it does or will.
pub(crate) fn trouble(cluster: &ClusterId, member: MemberId, pod: &PodView) -> Option<String> {
    let name = cluster.pod_name(member);
    if pod.is_leaving() {
        return None;
    }
    if pod.status.phase.as_deref() == Some("Failed") {
        let because = because(pod.status.reason.as_deref(), pod.status.message.as_deref());
        return Some(format!(
            "pod {name} has failed{because}; it is made again when it is deleted"
        ));
    }
    unschedulable(&name, pod).or_else(|| {
        let init = pod.status.init_container_statuses.iter();
        let main = pod.status.container_statuses.iter();
        init.chain(main)
            .find_map(|container| in_container(cluster, &name, container))
    })
}

fn unschedulable(name: &str, pod: &PodView) -> Option<String> {
    let condition = pod.status.conditions.iter().find(|condition| {
        condition.kind == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    })?;
    let message = cut(condition.message.as_deref().unwrap_or("no reason given"));
    Some(format!(
        "pod {name} finds no node: {message}; free the resources or mend spec.podTemplate and spec.volumeClaimTemplates"
    ))
}

fn in_container(cluster: &ClusterId, pod: &str, container: &ContainerStatus) -> Option<String> {
    let what = format!("container {} of pod {pod}", container.name);
    if let Some(waiting) = &container.state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or_default();
        let because = because(waiting.reason.as_deref(), waiting.message.as_deref());
        match reason {
            "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "SignatureValidationFailed" => {
                return Some(format!(
                    "the image {:?} of {what} cannot be had{because}; mend the image's name, or give the pod a pull secret",
                    container.image
                ));
            }
            "CreateContainerConfigError"
            | "CreateContainerError"
            | "RunContainerError"
            | "PreCreateHookError"
            | "PreStartHookError"
            | "PostStartHookError" => {
                return Some(format!(
                    "{what} cannot be started{because}; mend what the message names in spec.podTemplate"
                ));
            }
            "CrashLoopBackOff" => return Some(ends(cluster, pod, container)),
            _ => {}
        }
    }
    let ended = container.state.terminated.as_ref()?;
    (ended.exit_code != 0 && container.restart_count >= RESTARTS)
        .then(|| ends(cluster, pod, container))
}

/// A container that ends again and again.
fn ends(cluster: &ClusterId, pod: &str, container: &ContainerStatus) -> String {
    let last = container
        .state
        .terminated
        .as_ref()
        .or(container.last_state.terminated.as_ref());
    let how = last.map_or_else(String::new, |last| {
        let because = because(last.reason.as_deref(), last.message.as_deref());
        format!(", last with exit code {}{because}", last.exit_code)
    });
    format!(
        "container {name} of pod {pod} has ended {} times{how}; read why: kubectl logs -n {} {pod} -c {name} --previous",
        container.restart_count,
        cluster.namespace,
        name = container.name,
    )
}

/// " (reason: message)" as far as there is any.
fn because(reason: Option<&str>, message: Option<&str>) -> String {
    let parts = [reason, message]
        .into_iter()
        .flatten()
        .filter(|part| !part.trim().is_empty());
    let parts: Vec<_> = parts.map(cut).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(": "))
    }
}

/// A message on one line, cut to a length that people read.
fn cut(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MESSAGE_CHARS_MAX {
        return line;
    }
    line.chars()
        .take(MESSAGE_CHARS_MAX - 1)
        .chain(['…'])
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[expect(
        clippy::needless_pass_by_value,
        reason = "reads better where it is called"
    )]
    fn said(status: Value) -> Option<String> {
        let id = ClusterId::new("app", "db").unwrap();
        let pod = json!({ "metadata": { "name": "moco-db-1" }, "status": status });
        trouble(&id, MemberId(1), &serde_json::from_value(pod).unwrap())
    }

    fn waiting(reason: &str, message: &str) -> Value {
        json!({ "containerStatuses": [{
            "name": "mysqld", "image": "no.such/mysql:1", "restartCount": 4,
            "state": { "waiting": { "reason": reason, "message": message } },
            "lastState": { "terminated": { "exitCode": 127, "reason": "StartError" } },
        }] })
    }

    #[test]
    fn every_trouble_names_the_pod_and_what_to_do() {
        for (status, expected) in [
            (
                waiting("ImagePullBackOff", "Back-off pulling image"),
                "the image \"no.such/mysql:1\" of container mysqld of pod moco-db-1 cannot be had (ImagePullBackOff: Back-off pulling image); mend the image's name, or give the pod a pull secret",
            ),
            (
                waiting("CreateContainerConfigError", "secret \"x\" not found"),
                "container mysqld of pod moco-db-1 cannot be started (CreateContainerConfigError: secret \"x\" not found); mend what the message names in spec.podTemplate",
            ),
            (
                waiting("CrashLoopBackOff", "back-off 40s"),
                "container mysqld of pod moco-db-1 has ended 4 times, last with exit code 127 (StartError); read why: kubectl logs -n app moco-db-1 -c mysqld --previous",
            ),
            (
                json!({ "conditions": [{
                    "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                    "message": "0/3 nodes are available:\n 3 Insufficient memory.",
                }] }),
                "pod moco-db-1 finds no node: 0/3 nodes are available: 3 Insufficient memory.; free the resources or mend spec.podTemplate and spec.volumeClaimTemplates",
            ),
            (
                json!({ "phase": "Failed", "reason": "Evicted", "message": "low on disk" }),
                "pod moco-db-1 has failed (Evicted: low on disk); it is made again when it is deleted",
            ),
        ] {
            assert_eq!(said(status).as_deref(), Some(expected));
        }
    }

    #[test]
    fn an_init_container_that_fails_is_told_before_the_others_that_wait_for_it() {
        let status = json!({
            "initContainerStatuses": [{
                "name": "setup", "restartCount": 2,
                "state": { "terminated": { "exitCode": 1, "reason": "Error" } },
            }],
            "containerStatuses": [{ "name": "mysqld", "state": { "waiting": { "reason": "PodInitializing" } } }],
        });
        let said = said(status).unwrap();
        assert!(
            said.starts_with("container setup of pod moco-db-1 has ended 2 times"),
            "{said}"
        );
    }

    #[test]
    fn a_pod_that_is_starting_or_running_is_no_trouble() {
        assert_eq!(said(waiting("ContainerCreating", "")), None);
        assert_eq!(said(json!({ "phase": "Pending" })), None);
        let running = json!({ "containerStatuses": [{ "name": "mysqld", "restartCount": 3, "state": { "running": {} } }] });
        assert_eq!(said(running), None);
    }

    #[test]
    fn a_long_message_is_cut() {
        let text = cut(&"ä".repeat(1000));
        assert_eq!(text.chars().count(), MESSAGE_CHARS_MAX);
        assert!(text.ends_with('…'));
    }
}
