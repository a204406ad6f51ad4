//! Containers that MOCO adds beside `mysqld` where the user asks for them.

use super::Findings;
use crate::cluster::MySQLClusterSpec;
use crate::constants::paths;
use crate::template;
use crate::trusted::SlowLog;

/// Reads whether and how the slow query log is printed.
pub(super) fn slow_log(spec: &MySQLClusterSpec, findings: &mut Findings) -> SlowLog {
    const FIELD: &str = "spec.slowQueryLogConfigTmpl";
    let template = spec.slow_query_log_config_tmpl.as_deref();
    let template = template.filter(|template| !template.is_empty());
    let rendered = template.map(|template| template::render(template, paths::SLOW_LOG));
    match rendered {
        Some(Err(error)) => {
            findings.refuse(FIELD, error.to_string());
            SlowLog::Off
        }
        Some(Ok(_)) if spec.disable_slow_query_log_container => {
            findings.not_yet.push(super::not_yet::note(
                FIELD,
                "spec.disableSlowQueryLogContainer leaves the container out",
            ));
            SlowLog::Off
        }
        _ if spec.disable_slow_query_log_container => SlowLog::Off,
        Some(Ok(configuration)) => SlowLog::Configured(configuration),
        None => SlowLog::Plain,
    }
}

/// Reads the collectors of mysqld_exporter. Each becomes the end of an argument of its own, so it
/// needs no more than to be one word.
pub(super) fn collectors(spec: &MySQLClusterSpec, findings: &mut Findings) -> Vec<String> {
    let all = spec.collectors.clone().unwrap_or_default();
    for (at, collector) in all.iter().enumerate() {
        let begins = collector.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins || !collector.chars().all(|c| c.is_ascii_graphic()) {
            findings.refuse(
                format!("spec.collectors[{at}]"),
                format!("is {collector:?}; it must be the name of a collector, such as info_schema.tables"),
            );
        }
    }
    all
}
