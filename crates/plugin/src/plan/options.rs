//! What changes in my.cnf, and which of it mysqld could take up while it runs.

use std::collections::BTreeMap;

use serde_json::json;

use crate::difference::{Difference, differences};

/// System variables that mysqld 9.7.4 lets be set while it runs, one a line.
///
/// Those that may be set to their own value, as `real_mysqld/variables.rs` tries with each. A server that is older or
/// newer may know others.
const DYNAMIC: &str = include_str!("dynamic.txt");

/// Where two forms of my.cnf differ, by option.
pub(super) fn changed(before: &str, after: &str) -> Vec<Difference> {
    let read = |text: &str| json!({ "options": options(text) });
    let all = differences("", &read(before), &read(after));
    all.into_iter()
        .map(|one| Difference {
            field: one.field.trim_start_matches(".options.").to_owned(),
            ..one
        })
        .collect()
}

/// Whether a running server could take the option up.
pub(super) fn is_dynamic(option: &str) -> bool {
    let name = option.strip_prefix("loose_").unwrap_or(option);
    DYNAMIC.lines().any(|known| known == name)
}

/// The options that mysqld reads. One that is given several times has all its values, in their order:
/// of most options the last one counts, and of some all do.
fn options(my_cnf: &str) -> BTreeMap<String, String> {
    let mut section = "";
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for line in my_cnf.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
            continue;
        }
        if section != "[mysqld]" || line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let (name, value) = line.split_once('=').unwrap_or((line, "ON"));
        let (name, value) = (name.trim().replace('-', "_"), value.trim());
        all.entry(name)
            .and_modify(|all| all.extend([", ", value]))
            .or_insert_with(|| value.to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_mysqld_are_compared_and_comments_and_clients_options_are_not() {
        let before = "[mysqld]\n# a comment\nmax_connections = 10\nskip-log = x\nplugin_load_add = a\n\
                      plugin_load_add = b\n[client]\nport = 1\n";
        let after = "[mysqld]\n# another\nmax-connections = 20\nskip_log = x\nplugin_load_add = a\n\
                     [client]\nport = 2\n";
        let lines: Vec<_> = changed(before, after)
            .iter()
            .map(Difference::line)
            .collect();
        assert_eq!(
            lines,
            ["max_connections: 10 -> 20", "plugin_load_add: a, b -> a"]
        );
    }

    #[test]
    fn a_password_in_an_option_is_not_shown() {
        let all = changed("[mysqld]\n", "[mysqld]\nreport_password = hunter2\n");
        assert_eq!(all[0].line(), "report_password: - -> (not shown)");
    }

    #[test]
    fn what_a_running_server_takes_is_told_from_what_it_takes_at_its_start() {
        for name in [
            "max_connections",
            "innodb_buffer_pool_size",
            "long_query_time",
        ] {
            assert!(is_dynamic(name), "{name}");
        }
        for name in [
            "innodb_page_size",
            "port",
            "lower_case_table_names",
            "no_such_variable",
        ] {
            assert!(!is_dynamic(name), "{name}");
        }
    }
}
