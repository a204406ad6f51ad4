//! The events that stand before the first transaction of a file.

use std::io::{self, Read, Seek};

use moco_model::GtidSet;

use super::bytes::Bytes;
use super::events::{Checksum, Events, Found, IN_USE, kind};
use super::gtids;

/// How a binary log file starts.
const MAGIC: [u8; 4] = [0xfe, b'b', b'i', b'n'];
/// How an encrypted one does.
const MAGIC_OF_ENCRYPTED: [u8; 4] = [0xfd, b'b', b'i', b'n'];
/// The format that is read: MySQL's since 5.0.
const VERSION: u16 = 4;
/// The most bytes of the first event; mysqld's have about 100.
const FORMAT_BYTES_MAX: usize = 4096;
/// The most bytes of the list of earlier transactions: that of a million runs.
const PREVIOUS_BYTES_MAX: usize = 16 << 20;

/// What the first events of a file say.
#[derive(Debug)]
pub(super) enum Head {
    /// The file was closed by mysqld.
    Closed,
    /// It was not.
    Open {
        /// The transactions of earlier files.
        previous: GtidSet,
        /// Where those events end, in bytes from the start of the file.
        end: u64,
    },
    /// The file is encrypted.
    Encrypted,
    /// They cannot be read.
    Unreadable,
}

/// Reads the first events of a file, and leaves `Events` behind them, with the checksum of the file.
pub(super) fn read<R: Read + Seek>(mut file: R, size: u64) -> io::Result<(Head, Events<R>)> {
    let magic = magic(&mut file)?;
    let mut events = Events::new(file, size, MAGIC.len() as u64)?;
    let head = match magic {
        MAGIC => after_magic(&mut events)?,
        MAGIC_OF_ENCRYPTED => Head::Encrypted,
        _ => Head::Unreadable,
    };
    Ok((head, events))
}

/// The first bytes; those that are missing are 0.
fn magic(file: &mut impl Read) -> io::Result<[u8; 4]> {
    let mut read = Vec::new();
    file.take(4).read_to_end(&mut read)?;
    Ok(read.try_into().unwrap_or_default())
}

fn after_magic<R: Read + Seek>(events: &mut Events<R>) -> io::Result<Head> {
    let Found::Whole(first) = events.next(FORMAT_BYTES_MAX)? else {
        return Ok(Head::Unreadable);
    };
    let checksum = match first.kind {
        kind::FORMAT => checksum(events.body()),
        _ => None,
    };
    let Some(checksum) = checksum else {
        return Ok(Head::Unreadable);
    };
    if first.flags & IN_USE == 0 {
        return Ok(Head::Closed);
    }
    events.checksum = checksum;
    let previous = match events.next(PREVIOUS_BYTES_MAX)? {
        Found::Whole(second) if second.kind == kind::PREVIOUS_GTIDS => {
            gtids::previous(events.body())
        }
        _ => None,
    };
    Ok(previous.map_or(Head::Unreadable, |previous| Head::Open {
        previous,
        end: events.at(),
    }))
}

/// How the file's events are guarded: the last byte of the first event's body says so (its own
/// checksum is there always).
fn checksum(body: &[u8]) -> Option<Checksum> {
    if Bytes(body).u16()? != VERSION {
        return None;
    }
    match body.last()? {
        0 => Some(Checksum::None),
        1 => Some(Checksum::Crc32),
        _ => None,
    }
}
