//! Pages for the kubelet and for Prometheus.

use moco_wire::pages::Page;

use crate::metrics::Metrics;
use crate::ready::Readiness;

/// What a page answers.
pub(crate) fn page(path: &str, readiness: &Readiness, metrics: &Metrics) -> Page {
    match path {
        "/healthz" => Page::Fine("ok\n".to_owned()),
        "/readyz" => match readiness.check() {
            Ok(()) => Page::Fine("ok\n".to_owned()),
            Err(missing) => Page::NotNow(format!("waits for {missing}\n")),
        },
        "/metrics" => match metrics.text() {
            Ok(text) => Page::Metrics(text),
            Err(_) => Page::NotNow("the metrics cannot be written\n".to_owned()),
        },
        _ => Page::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_says_what_is_missing() {
        let (readiness, metrics) = (Readiness::default(), Metrics::new());
        let pods = readiness.expect("Pods");
        let answer = page("/readyz", &readiness, &metrics);
        assert_eq!(answer, Page::NotNow("waits for Pods\n".to_owned()));
        pods.met();
        assert_eq!(
            page("/readyz", &readiness, &metrics),
            Page::Fine("ok\n".to_owned())
        );
        assert!(matches!(
            page("/metrics", &readiness, &metrics),
            Page::Metrics(_)
        ));
        assert_eq!(page("/", &readiness, &metrics), Page::Unknown);
    }
}
