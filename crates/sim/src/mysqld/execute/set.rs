//! `SET`.

use std::time::Duration;

use super::{Attempt, closes, is_global};
use crate::mysqld::answer::{Failure, ok};
use crate::mysqld::statement::{Assignment, Statement};
use crate::mysqld::variables::Variables;
use crate::mysqld::{ConnectionId, Fleet, ServerId, SessionId};

impl Fleet {
    pub(super) fn set(
        &mut self,
        server: ServerId,
        id: SessionId,
        assignments: &[Assignment],
    ) -> Attempt {
        let closed_already = self
            .process(server)
            .is_some_and(|process| process.variables.super_read_only);
        if closes(assignments) && !closed_already && self.closing_is_held_up(server, id) {
            return Attempt::Blocked(self.lock_wait(id));
        }
        for one in assignments {
            let known = if is_global(one.scope) {
                self.set_global(server, one)
            } else {
                self.set_session(id, one)
            };
            if known.is_none() {
                let shown = format!("SET {} = {}", one.name, one.value);
                self.unknown.push(shown.clone());
                return Attempt::Done(Err(Failure::Unknown(shown)));
            }
        }
        Attempt::Done(ok())
    }

    fn set_session(&mut self, id: SessionId, one: &Assignment) -> Option<()> {
        let session = self.session_mut(id)?;
        match one.name.as_str() {
            "lock_wait_timeout" => {
                session.lock_wait = Duration::from_secs(one.value.parse().ok()?);
            }
            "sql_log_bin" => session.log_bin = one.switch()?,
            "gtid_next" => {
                let tag = one.value.strip_prefix("AUTOMATIC")?;
                tag.trim_start_matches(':').clone_into(&mut session.tag);
            }
            _ => return None,
        }
        Some(())
    }

    fn set_global(&mut self, server: ServerId, one: &Assignment) -> Option<()> {
        if one.name == "offline_mode" {
            let on = one.switch()?;
            self.process_mut(server)?.variables.offline_mode = on;
            if on {
                self.put_out(server);
            }
            return Some(());
        }
        let process = self.process_mut(server)?;
        let variables = &mut process.variables;
        match one.name.as_str() {
            "super_read_only" => {
                variables.super_read_only = one.switch()?;
                variables.read_only |= variables.super_read_only;
            }
            "read_only" => {
                variables.read_only = one.switch()?;
                variables.super_read_only &= variables.read_only;
            }
            "event_scheduler" => variables.event_scheduler = one.switch()?,
            "rpl_semi_sync_source_enabled" => {
                let on = one.switch()?;
                // Asked again, a plugin that has given up does not begin anew.
                if on != variables.source_enabled {
                    variables.source_enabled = on;
                    process.semi_sync.set_enabled(on);
                }
            }
            "rpl_semi_sync_source_wait_for_replica_count" => {
                variables.wait_for = one.value.parse().ok()?;
                process.semi_sync.count(variables.wait_for);
            }
            "rpl_semi_sync_source_timeout" => {
                let told = one.value.parse().ok()?;
                variables.timeout_ms = variables.settings.semi_sync_timeout_ms.unwrap_or(told);
            }
            "rpl_semi_sync_replica_enabled" => variables.replica_enabled = one.switch()?,
            "clone_valid_donor_list" => variables.donors.clone_from(&one.value),
            other if Variables::is_remembered(other) => {
                variables.others.insert(other.to_owned(), one.value.clone());
            }
            _ => return None,
        }
        Some(())
    }

    /// `offline_mode` puts out whoever lacks `CONNECTION_ADMIN`, also replicas.
    fn put_out(&mut self, server: ServerId) {
        self.lose_sessions(server, |session| {
            let logs_in = session
                .work
                .as_ref()
                .is_some_and(|work| matches!(work.statement.as_ref(), Statement::LogIn { .. }));
            !session.connection_admin && !logs_in
        });
        let dumps: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, one)| one.source == server && one.source_end && !one.passes_offline)
            .map(|(id, _)| *id)
            .collect();
        for dump in dumps {
            self.close_source_end(dump);
        }
    }
}
