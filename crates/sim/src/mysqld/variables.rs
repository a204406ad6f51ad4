//! System variables: those that MOCO switches, and the pinned ones with their good values.

use moco_mysql::pinned::{PINNED, Rule};

use super::Settings;

/// The version that the fake imitates.
const VERSION: &str = "9.7.4";

/// Global variables that change while a server runs.
#[expect(clippy::struct_excessive_bools, reason = "MySQL has these switches")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Variables {
    pub(super) read_only: bool,
    pub(super) super_read_only: bool,
    pub(super) offline_mode: bool,
    pub(super) event_scheduler: bool,
    /// `rpl_semi_sync_source_enabled`.
    pub(super) source_enabled: bool,
    /// `rpl_semi_sync_source_wait_for_replica_count`.
    pub(super) wait_for: u32,
    /// `rpl_semi_sync_source_timeout`, milliseconds.
    pub(super) timeout_ms: u64,
    /// `rpl_semi_sync_replica_enabled`.
    pub(super) replica_enabled: bool,
    /// `clone_valid_donor_list`.
    pub(super) donors: String,
    /// Other variables that were set, by name; they decide nothing here.
    pub(super) others: std::collections::BTreeMap<String, String>,
    /// What the option file says of what a test may set wrong.
    pub(super) settings: Settings,
}

impl Variables {
    /// As MOCO's my.cnf starts a server: closed, and semi-sync off.
    pub(super) fn at_start(settings: Settings) -> Self {
        Self {
            read_only: true,
            super_read_only: true,
            offline_mode: false,
            event_scheduler: false,
            source_enabled: false,
            wait_for: 1,
            timeout_ms: settings
                .semi_sync_timeout_ms
                .unwrap_or(moco_mysql::pinned::SEMI_SYNC_TIMEOUT_MS),
            replica_enabled: false,
            donors: String::new(),
            others: std::collections::BTreeMap::new(),
            settings,
        }
    }

    /// Nobody can write.
    pub(super) const fn close(&mut self) {
        self.read_only = true;
        self.super_read_only = true;
    }

    /// The value of a global variable as `performance_schema` shows it; none for an unknown one.
    pub(super) fn global(&self, name: &str) -> Option<String> {
        let switch = |on: bool| if on { "ON" } else { "OFF" }.to_owned();
        Some(match name {
            "read_only" => switch(self.read_only),
            "super_read_only" => switch(self.super_read_only),
            "offline_mode" => switch(self.offline_mode),
            "event_scheduler" => switch(self.event_scheduler),
            "rpl_semi_sync_source_enabled" => switch(self.source_enabled),
            "rpl_semi_sync_source_wait_for_replica_count" => self.wait_for.to_string(),
            "rpl_semi_sync_source_timeout" => self.timeout_ms.to_string(),
            "rpl_semi_sync_replica_enabled" => switch(self.replica_enabled),
            "relay_log_recovery" => switch(self.settings.relay_log_recovery),
            "sync_relay_log" => u8::from(self.settings.sync_relay_log).to_string(),
            "replica_net_timeout" => self.settings.net_timeout_secs.to_string(),
            "version" => VERSION.to_owned(),
            "clone_valid_donor_list" => self.donors.clone(),
            other => match self.others.get(other) {
                Some(value) => value.clone(),
                None => pinned(other)?,
            },
        })
    }

    /// The names of the variables of semi-sync.
    pub(super) const SEMI_SYNC: [&'static str; 6] = [
        "rpl_semi_sync_replica_enabled",
        "rpl_semi_sync_source_enabled",
        "rpl_semi_sync_source_timeout",
        "rpl_semi_sync_source_wait_for_replica_count",
        "rpl_semi_sync_source_wait_no_replica",
        "rpl_semi_sync_source_wait_point",
    ];

    /// Variables that may be set and whose value is remembered only.
    pub(super) fn is_remembered(name: &str) -> bool {
        const KNOWN: [&str; 6] = [
            "rpl_semi_sync_source_wait_no_replica",
            "rpl_semi_sync_source_wait_point",
            "partial_revokes",
            "clone_ssl_ca",
            "clone_ssl_cert",
            "clone_ssl_key",
        ];
        KNOWN.contains(&name)
    }
}

/// The good value of a pinned variable.
fn pinned(name: &str) -> Option<String> {
    let pin = PINNED.iter().find(|pin| pin.variable == name)?;
    Some(match pin.rule {
        Rule::Is(value) => value.to_owned(),
        Rule::OneOf(values) => (*values.first()?).to_owned(),
        Rule::Between(least, most) => most.min(least + 3).to_string(),
        Rule::Names(names) => names.join(","),
    })
}
