//! Probes of the container `mysqld`. The agent answers them.

use k8s_openapi::api::core::v1::{HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use moco_api::constants::ports;

/// Seconds between two looks at a member that starts, or that is to become ready. The agent answers
/// from memory, so looking often costs little and clients reach a member sooner.
const PERIOD_SECS: i32 = 2;

/// Whether the agent has started mysqld, or may not start it yet; for at most `wait_secs`.
pub(crate) fn startup(user: Option<Probe>, wait_secs: u32) -> Probe {
    let probe = http_get(user, "/healthz");
    let period = probe.period_seconds.unwrap_or(PERIOD_SECS).max(1);
    let wait = i32::try_from(wait_secs).unwrap_or(i32::MAX);
    Probe {
        period_seconds: Some(period),
        failure_threshold: probe.failure_threshold.or(Some((wait / period).max(1))),
        ..probe
    }
}

/// Whether the agent answers.
pub(crate) fn liveness(user: Option<Probe>) -> Probe {
    http_get(user, "/healthz")
}

/// Whether clients may reach the member.
pub(crate) fn readiness(user: Option<Probe>) -> Probe {
    let probe = http_get(user, "/readyz");
    Probe {
        period_seconds: probe.period_seconds.or(Some(PERIOD_SECS)),
        ..probe
    }
}

/// The user's times, and the agent's answer.
fn http_get(user: Option<Probe>, path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(ports::HEALTH_NAME.to_owned()),
            scheme: Some("HTTP".to_owned()),
            ..HTTPGetAction::default()
        }),
        exec: None,
        grpc: None,
        tcp_socket: None,
        ..user.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_startup_budget_is_what_the_user_says() {
        let budget = |user, wait| {
            let probe = startup(user, wait);
            probe.period_seconds.unwrap() * probe.failure_threshold.unwrap()
        };
        assert_eq!(budget(None, 3600), 3600);
        assert_eq!(budget(None, 0), PERIOD_SECS, "at least one look");
        let slow = Probe {
            period_seconds: Some(10),
            ..Probe::default()
        };
        assert_eq!(budget(Some(slow), 60), 60);
    }

    #[test]
    fn the_user_sets_times_but_not_the_question() {
        let user = Probe {
            timeout_seconds: Some(7),
            tcp_socket: Some(k8s_openapi::api::core::v1::TCPSocketAction::default()),
            ..Probe::default()
        };
        let probe = liveness(Some(user));
        assert_eq!(probe.timeout_seconds, Some(7));
        assert_eq!(probe.tcp_socket, None);
        assert_eq!(probe.http_get.unwrap().path.as_deref(), Some("/healthz"));
    }
}
