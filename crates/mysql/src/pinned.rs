//! The settings that safety depends on, with the values they must have.
//!
//! This is the one table of them in code. my.cnf, as the `resources` crate writes it, sets each of
//! these; the status of every server is compared with the table, so a setting that somebody changed
//! is seen. What may differ between roles (`read_only`, the semi-sync switches, `event_scheduler`)
//! is not here: it is reported as state.

use std::collections::BTreeMap;

/// One pinned system variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The system variable, as in `performance_schema.global_variables`.
    pub variable: &'static str,
    /// The values it may have.
    pub rule: Rule,
}

/// Which values of a variable are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// This one, compared without regard to case.
    Is(&'static str),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A number from the first to the second, both included.
    Between(u64, u64),
    /// A comma-separated list that names at least these.
    Names(&'static [&'static str]),
}

impl Rule {
    /// Whether `value` is good.
    pub fn allows(&self, value: &str) -> bool {
        let same = |wanted: &str| value.eq_ignore_ascii_case(wanted);
        match self {
            Self::Is(wanted) => same(wanted),
            Self::OneOf(wanted) => wanted.iter().any(|one| same(one)),
            Self::Between(least, most) => value
                .parse::<u64>()
                .is_ok_and(|number| (*least..=*most).contains(&number)),
            Self::Names(wanted) => wanted.iter().all(|one| {
                value
                    .split(',')
                    .any(|named| named.trim().eq_ignore_ascii_case(one))
            }),
        }
    }
}

/// Milliseconds that a commit waits for its acknowledgements: for ever. A finite value turns into
/// unacknowledged success when it passes.
pub const SEMI_SYNC_TIMEOUT_MS: u64 = 1_000_000_000_000_000_000;

const fn is(variable: &'static str, value: &'static str) -> Pin {
    Pin {
        variable,
        rule: Rule::Is(value),
    }
}

/// Every pinned variable.
pub const PINNED: &[Pin] = &[
    // A promoted replica must be able to serve its whole history.
    is("gtid_mode", "ON"),
    is("enforce_gtid_consistency", "ON"),
    is("log_bin", "ON"),
    is("log_replica_updates", "ON"),
    is("binlog_format", "ROW"),
    // Unacknowledged work stays invisible, and nobody is told OK without acknowledgement.
    is("rpl_semi_sync_source_wait_point", "AFTER_SYNC"),
    is("rpl_semi_sync_source_timeout", "1000000000000000000"),
    is("rpl_semi_sync_source_wait_no_replica", "ON"),
    // Durable on every member: what was applied must survive once its relay log is purged.
    is("sync_binlog", "1"),
    is("innodb_flush_log_at_trx_commit", "1"),
    // Torn pages and damaged events are noticed before they are applied.
    Pin {
        variable: "innodb_doublewrite",
        rule: Rule::OneOf(&["ON", "DETECT_AND_RECOVER"]),
    },
    is("binlog_checksum", "CRC32"),
    is("source_verify_checksum", "ON"),
    is("replica_sql_verify_checksum", "ON"),
    // A server that cannot write its binary log must not go on without it.
    is("binlog_error_action", "ABORT_SERVER"),
    // Received and acknowledged transactions survive a restart and a power cut.
    is("relay_log_recovery", "OFF"),
    is("sync_relay_log", "1"),
    is("binlog_transaction_compression", "ON"),
    // No gaps in executed sets; the drain before a promotion is quick.
    is("replica_preserve_commit_order", "ON"),
    Pin {
        variable: "replica_parallel_workers",
        rule: Rule::Between(1, 1024),
    },
    // A restarted member waits for its orders.
    is("skip_replica_start", "ON"),
    // A frozen source is noticed within seconds.
    Pin {
        variable: "replica_net_timeout",
        rule: Rule::Between(1, 4),
    },
    // A transaction that fits one member fits all.
    is("replica_max_allowed_packet", "1073741824"),
    // Only what InnoDB holds can be replicated and rolled back.
    Pin {
        variable: "disabled_storage_engines",
        rule: Rule::Names(&[
            "MyISAM",
            "MRG_MYISAM",
            "MEMORY",
            "CSV",
            "ARCHIVE",
            "BLACKHOLE",
            "FEDERATED",
            "EXAMPLE",
        ]),
    },
    is("local_infile", "OFF"),
    // Keeps the tenants' account off the grant tables.
    is("partial_revokes", "ON"),
];

/// The pinned variables whose values in `actual` are not good, as `name=value`; a variable that the
/// server does not know is shown as `name=(missing)`.
pub fn drift(actual: &BTreeMap<String, String>) -> Vec<String> {
    let differs = |pin: &Pin| {
        let value = actual.get(pin.variable).map(String::as_str);
        let good = value.is_some_and(|value| pin.rule.allows(value));
        (!good).then(|| format!("{}={}", pin.variable, value.unwrap_or("(missing)")))
    };
    PINNED.iter().filter_map(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_allows_what_it_names_only() {
        assert!(Rule::Is("ON").allows("on"));
        assert!(!Rule::Is("ON").allows("OFF"));
        assert!(Rule::Between(1, 4).allows("4"));
        assert!(!Rule::Between(1, 4).allows("60"));
        assert!(Rule::Names(&["MyISAM", "CSV"]).allows("csv, MYISAM,MEMORY"));
        assert!(!Rule::Names(&["MyISAM", "CSV"]).allows("MyISAM"));
    }

    #[test]
    fn a_missing_variable_is_drift() {
        let all = drift(&BTreeMap::new());
        assert_eq!(all.len(), PINNED.len());
        assert!(all.contains(&"relay_log_recovery=(missing)".to_owned()));
    }
}
