//! The end of a stopped server's binary log, judged and cut as `moco_mysql::binlog` does with files.

use moco_model::GtidSet;

use super::disk::BinlogFile;
use super::gtids::Gtids;
use super::{Fleet, FleetError, ServerId};

/// What the last binary log file holds beyond a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FakeTail {
    /// Nothing to cut, and why.
    Nothing(&'static str),
    /// Transactions that may be cut off.
    Cut(FakeCut),
    /// It must not be cut: why, and what is beyond the history.
    NotCuttable(&'static str, GtidSet),
}

/// Where to cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeCut {
    /// What is cut off.
    pub transactions: GtidSet,
    file: u32,
    /// How many transactions stay in the file.
    keep: usize,
}

impl FakeCut {
    /// The same cut with `more` transactions too many, to see that somebody notices.
    #[must_use]
    pub const fn too_far(mut self, more: usize) -> Self {
        self.keep = self.keep.saturating_sub(more);
        self
    }
}

impl Fleet {
    /// Judges what a server that does not run holds beyond `history`.
    pub fn judge(&self, id: ServerId, history: &GtidSet) -> Result<FakeTail, FleetError> {
        let server = self.servers.get(&id).ok_or(FleetError::NoServer(id))?;
        if server.process.is_some() {
            return Err(FleetError::Runs(id));
        }
        let disk = server.disk.as_ref().ok_or(FleetError::NoData(id))?;
        Ok(disk
            .binlogs
            .last()
            .map_or(FakeTail::Nothing("there is no binary log"), |file| {
                judge(file, &Gtids::from(history))
            }))
    }

    /// Cuts a tail off. Repeated, it changes nothing.
    pub fn cut(&mut self, id: ServerId, cut: &FakeCut) -> Result<(), FleetError> {
        let disk = self
            .absent(id)?
            .disk
            .as_mut()
            .ok_or(FleetError::NoData(id))?;
        if let Some(file) = disk
            .binlogs
            .last_mut()
            .filter(|file| file.number == cut.file)
        {
            file.transactions.truncate(cut.keep);
            file.synced = file.synced.min(cut.keep);
            file.torn = false;
        }
        Ok(())
    }

    /// Lets mysqld draw a new `server_uuid` at its next start.
    pub fn forget_server_uuid(&mut self, id: ServerId) -> Result<(), FleetError> {
        let disk = self
            .absent(id)?
            .disk
            .as_mut()
            .ok_or(FleetError::NoData(id))?;
        disk.uuid = None;
        Ok(())
    }

    /// What the last start did with prepared transactions: how many it committed and rolled back, as
    /// the server's log says.
    pub fn recovered(&self, id: ServerId) -> (usize, usize) {
        self.process(id).map_or((0, 0), |process| process.recovered)
    }
}

fn judge(file: &BinlogFile, history: &Gtids) -> FakeTail {
    if !file.in_use {
        return FakeTail::Nothing("mysqld closed the file");
    }
    let beyond = |at: usize| {
        let mut set = Gtids::default();
        for one in file.transactions.iter().skip(at) {
            if !history.contains(&one.gtid) {
                set.add(&one.gtid);
            }
        }
        set.to_set()
    };
    if !history.contains_all(&file.previous) {
        return FakeTail::NotCuttable("earlier files hold more than the history", beyond(0));
    }
    let all = &file.transactions;
    let first = all.iter().position(|one| !history.contains(&one.gtid));
    let Some(keep) = first else {
        // mysqld itself drops a transaction that is torn.
        return FakeTail::Nothing("the history holds everything");
    };
    let tail = || all.iter().skip(keep);
    if tail().any(|one| history.contains(&one.gtid)) {
        return FakeTail::NotCuttable("a transaction of the history is behind", beyond(keep));
    }
    if tail().any(|one| one.is_xa()) {
        return FakeTail::NotCuttable("an XA transaction is in the tail", beyond(keep));
    }
    FakeTail::Cut(FakeCut {
        transactions: beyond(keep),
        file: file.number,
        keep,
    })
}
