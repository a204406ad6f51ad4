//! Answers with rows.

use std::time::Duration;

use super::answer::{Failure, Row, row};
use super::clone::CloneStatus;
use super::execute::Attempt;
use super::statement::{Expression, Item, Question, Select};
use super::variables::Variables;
use super::{Fleet, ServerId, SessionId};

/// A variable is not known.
const UNKNOWN_VARIABLE: u16 = 1193;

impl Fleet {
    pub(super) fn select(
        &mut self,
        server: ServerId,
        id: SessionId,
        select: &Select,
        now: Duration,
    ) -> Attempt {
        let rows = match select {
            Select::Items(items) => self.items(server, id, items),
            Select::Known(question) => Ok(self.known(server, id, question, now)),
            Select::Count { table, .. }
            | Select::Value { table, .. }
            | Select::Keys { table, .. } => {
                if self.reading_locked(server, id, table) {
                    return Attempt::Blocked(self.lock_wait(id));
                }
                self.of_table(server, id, table, select)
            }
        };
        Attempt::Done(rows)
    }

    fn items(&self, server: ServerId, id: SessionId, items: &[Item]) -> Result<Vec<Row>, Failure> {
        let mut row = Row::new();
        for item in items {
            let value = match &item.expression {
                Expression::ConnectionId => id.0.to_string(),
                Expression::Constant(value) => value.clone(),
                Expression::Global(name) => self.shown(server, name).ok_or_else(|| {
                    let words = format!("Unknown system variable '{name}'");
                    Failure::server(UNKNOWN_VARIABLE, words)
                })?,
            };
            let value = match (item.negated, value.as_str()) {
                (false, _) => value,
                (true, "0") => "1".to_owned(),
                (true, _) => "0".to_owned(),
            };
            row.push((item.name.clone(), Some(value)));
        }
        Ok(vec![row])
    }

    /// A global variable as `SELECT @@global.…` shows it: switches are 1 and 0.
    fn shown(&self, server: ServerId, name: &str) -> Option<String> {
        let (disk, process) = self.running(server)?;
        Some(match name {
            "server_uuid" => disk.uuid?.to_string(),
            "gtid_executed" => disk.engine.executed.to_string(),
            "gtid_purged" => process.purged.to_string(),
            // Not a switch, though it is shown as one.
            "event_scheduler" => process.variables.global(name)?,
            _ => match process.variables.global(name)?.as_str() {
                "ON" => "1".to_owned(),
                "OFF" => "0".to_owned(),
                other => other.to_owned(),
            },
        })
    }

    fn of_table(
        &self,
        server: ServerId,
        id: SessionId,
        table: &str,
        select: &Select,
    ) -> Result<Vec<Row>, Failure> {
        let disk = self.disk(server).ok_or(Failure::Lost)?;
        if let Err(code) = disk.engine.check_table(table) {
            return Err(Failure::server(code, "the table doesn't exist"));
        }
        let own = self
            .sessions
            .get(&id)
            .and_then(|session| session.transaction.as_deref())
            .unwrap_or_default();
        let mut seen = disk.engine.tables.get(table).cloned().unwrap_or_default();
        for touched in own.iter().flat_map(super::Change::touched) {
            if let super::content::Touched::Row(of, key) = touched
                && of == table
            {
                match disk.engine.value_within(own, table, key) {
                    Some(value) => seen.insert(key, value.to_owned()),
                    None => seen.remove(&key),
                };
            }
        }
        Ok(match select {
            Select::Count { name, .. } => vec![row([(name, seen.len().to_string())])],
            Select::Value { key, name, .. } => {
                let value = seen.get(key);
                value
                    .map(|value| row([(name, value.clone())]))
                    .into_iter()
                    .collect()
            }
            Select::Keys { name, .. } => {
                let keys: Vec<String> = seen.keys().map(ToString::to_string).collect();
                let value = (!keys.is_empty()).then(|| keys.join(","));
                vec![vec![(name.clone(), value)]]
            }
            Select::Items(_) | Select::Known(_) => Vec::new(),
        })
    }

    fn known(
        &self,
        server: ServerId,
        id: SessionId,
        question: &Question,
        now: Duration,
    ) -> Vec<Row> {
        match question {
            Question::Channel => self.channel_row(server, now).into_iter().collect(),
            Question::Held => vec![self.held_row(server)],
            Question::Waiters => vec![self.waiters_row(server)],
            Question::Variables { semi_sync, names } => {
                self.variable_rows(server, *semi_sync, names)
            }
            Question::Counters => self.counter_rows(server),
            Question::Locks { seconds } => {
                let rows = self.lock_rows(server, id, *seconds, now);
                rows.into_iter().take(1).collect()
            }
            // Nobody here changes a hundred thousand rows in one transaction.
            Question::LargeTransactions => Vec::new(),
            Question::CloneProgress => self.clone_progress_rows(server),
            Question::CloneStatus => self.clone_status_rows(server),
            Question::Plugins => moco_mysql::plugins::NEEDED
                .into_iter()
                .map(|name| row([("PLUGIN_NAME", name.to_owned())]))
                .collect(),
        }
    }

    fn held_row(&self, server: ServerId) -> Row {
        let (received, executed) = self.disk(server).map_or_else(Default::default, |disk| {
            let received = disk
                .channel
                .as_ref()
                .map(|_| disk.relay.received.to_string());
            (
                received.unwrap_or_default(),
                disk.engine.executed.to_string(),
            )
        });
        row([("received", received), ("executed", executed)])
    }

    fn waiters_row(&self, server: ServerId) -> Row {
        let Some(process) = self.process(server) else {
            return Row::new();
        };
        let queue = &process.queue;
        let waiting: Vec<_> = queue
            .leader()
            .into_iter()
            .chain(queue.followers())
            .collect();
        let applies = waiting
            .iter()
            .filter(|commit| commit.owner == super::commit::Owner::Applier)
            .count();
        let no_room = self
            .sessions_of(server)
            .filter(|(_, session)| session.has_no_room())
            .count();
        row([
            ("sessions", queue.semi_sync_waiters().to_string()),
            ("clients", (waiting.len() - applies + no_room).to_string()),
            ("appliers", applies.to_string()),
        ])
    }

    fn variable_rows(&self, server: ServerId, semi_sync: bool, names: &[String]) -> Vec<Row> {
        let Some(process) = self.process(server) else {
            return Vec::new();
        };
        let of_plugins = Variables::SEMI_SYNC.iter().copied().filter(|_| semi_sync);
        let others = names
            .iter()
            .map(String::as_str)
            .filter(|name| !(semi_sync && name.starts_with("rpl_semi_sync_")));
        of_plugins
            .chain(others)
            .filter_map(|name| {
                let value = process.variables.global(name)?;
                Some(name_and_value(name, value))
            })
            .collect()
    }

    fn counter_rows(&self, server: ServerId) -> Vec<Row> {
        let Some(process) = self.process(server) else {
            return Vec::new();
        };
        let switch = |on: bool| if on { "ON" } else { "OFF" }.to_owned();
        let semi_sync = &process.semi_sync;
        [
            (
                "Rpl_semi_sync_replica_status",
                switch(process.receiver.acknowledges),
            ),
            (
                "Rpl_semi_sync_source_clients",
                self.semi_sync_clients(server).to_string(),
            ),
            (
                "Rpl_semi_sync_source_no_times",
                semi_sync.switched_off.to_string(),
            ),
            (
                "Rpl_semi_sync_source_no_tx",
                semi_sync.unacknowledged.to_string(),
            ),
            ("Rpl_semi_sync_source_status", switch(semi_sync.active)),
            (
                "Rpl_semi_sync_source_wait_sessions",
                process.queue.semi_sync_waiters().to_string(),
            ),
        ]
        .into_iter()
        .map(|(name, value)| name_and_value(name, value))
        .collect()
    }

    fn clone_progress_rows(&self, server: ServerId) -> Vec<Row> {
        let cloning = self
            .process(server)
            .and_then(|process| process.cloning.as_ref());
        cloning
            .map(|cloning| {
                let (stage, percent) = cloning.stage.shown();
                row([
                    ("STAGE", stage.to_owned()),
                    ("STATE", "In Progress".to_owned()),
                    ("ESTIMATE", "100".to_owned()),
                    ("DATA", percent.to_string()),
                ])
            })
            .into_iter()
            .collect()
    }

    fn clone_status_rows(&self, server: ServerId) -> Vec<Row> {
        let status = self.disk(server).map(|disk| &disk.clone_status);
        let shown = |state: &str, code: u16, message: &str, executed: String| {
            vec![row([
                ("STATE", state.to_owned()),
                ("ERROR_NO", code.to_string()),
                ("ERROR_MESSAGE", message.to_owned()),
                ("GTID_EXECUTED", executed),
            ])]
        };
        match status {
            None | Some(CloneStatus::NotStarted) => Vec::new(),
            Some(CloneStatus::InProgress) => shown("In Progress", 0, "", String::new()),
            Some(CloneStatus::Completed(set)) => shown("Completed", 0, "", set.to_string()),
            Some(CloneStatus::Failed(code, message)) => {
                shown("Failed", *code, message, String::new())
            }
        }
    }
}

fn name_and_value(name: &str, value: String) -> Row {
    row([
        ("VARIABLE_NAME", name.to_owned()),
        ("VARIABLE_VALUE", value),
    ])
}
