//! What a start makes of a disk: a clone is taken up, what the last binary log file holds is
//! committed, and everything else that was prepared is rolled back.

use std::sync::Arc;
use std::time::Duration;

use moco_model::ServerUuid;

use super::clone::CloneStatus;
use super::content::Transaction;
use super::disk::{BinlogFile, Disk, RelayLog};
use super::process::Process;
use super::variables::Variables;
use super::{Fleet, FleetError, ServerId};

/// The upper bits of every `server_uuid`, so that they are told from other numbers.
const UUIDS: u128 = 0xfa4e_0000_0000_4000_8000 << 48;

impl Fleet {
    pub(super) fn recover_and_run(
        &mut self,
        id: ServerId,
        now: Duration,
    ) -> Result<(), FleetError> {
        let drawn = ServerUuid::from_u128(UUIDS | u128::from(self.draw()));
        let server = self.server_mut(id).ok_or(FleetError::NoServer(id))?;
        let disk = server.disk.as_mut().ok_or(FleetError::NoData(id))?;
        disk.uuid.get_or_insert(drawn);
        let recovered = disk.recover();
        if server.settings.relay_log_recovery {
            disk.relay = RelayLog::default();
        }
        let purged = disk.purged();
        let mut process = Process::starting(Variables::at_start(server.settings), purged, now);
        process.recovered = recovered;
        server.process = Some(process);
        server.exit = None;
        Ok(())
    }
}

impl Disk {
    /// Tells how many prepared transactions were committed and rolled back.
    fn recover(&mut self) -> (usize, usize) {
        if let Some(copied) = self.copied.take() {
            self.engine = copied.engine;
            self.cloned.clone_from(&self.engine.tables);
            self.channel = copied.channel;
            self.relay = RelayLog::default();
            self.binlogs.clear();
            self.clone_status = CloneStatus::Completed(self.engine.executed.clone());
        }
        let recovered = self.decide_prepared();
        if self.binlogs.is_empty() {
            let executed = self.engine.executed.clone();
            self.binlogs.push(BinlogFile::new(1, executed));
        } else {
            self.rotate();
        }
        self.relay.purge(&self.engine.executed);
        recovered
    }

    /// Only the last file is read, and only when mysqld had not closed it.
    fn decide_prepared(&mut self) -> (usize, usize) {
        let found: Vec<Arc<Transaction>> = match self.binlogs.last() {
            Some(file) if file.in_use => file.transactions.clone(),
            _ => Vec::new(),
        };
        let prepared = std::mem::take(&mut self.engine.prepared);
        let (commit, roll_back): (Vec<_>, Vec<_>) = prepared
            .into_iter()
            .partition(|one| found.iter().any(|found| found.gtid == one.gtid));
        for one in &commit {
            self.engine.commit(one);
        }
        (commit.len(), roll_back.len())
    }
}
