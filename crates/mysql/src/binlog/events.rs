//! One event of a binary log file after the other, as mysqld writes them since 5.0 (MySQL source
//! documentation, "Binary Log"): a header of 19 bytes, a body, and the CRC32 of both.

use std::io::{self, BufRead as _, BufReader, Read, Seek, SeekFrom};

use crc32fast::Hasher;

use super::bytes::Bytes;

/// Bytes of an event's header.
pub(super) const HEADER_BYTES: usize = 19;
/// Bytes of an event's checksum.
const CHECKSUM_BYTES: usize = 4;
/// How much is read at once.
const BUFFER_BYTES: usize = 1 << 20;
/// How many bytes that look like the header of a GTID event are followed up. There is hardly one in
/// the rows of a file, unless somebody put them there.
const LOOKALIKES_MAX: u32 = 1000;
/// Set in the flags of the first event while mysqld has the file open. The checksum is made without
/// it.
pub(super) const IN_USE: u8 = 1;
/// Where the flags stand in a header.
const FLAGS_AT: usize = 17;

/// Numbers of the types of events (MySQL source, `Log_event_type`).
pub(super) mod kind {
    pub(in super::super) const QUERY: u8 = 2;
    pub(in super::super) const STOP: u8 = 3;
    pub(in super::super) const ROTATE: u8 = 4;
    pub(in super::super) const FORMAT: u8 = 15;
    pub(in super::super) const GTID: u8 = 33;
    pub(in super::super) const ANONYMOUS_GTID: u8 = 34;
    pub(in super::super) const PREVIOUS_GTIDS: u8 = 35;
    pub(in super::super) const XA_PREPARE: u8 = 38;
    pub(in super::super) const PAYLOAD: u8 = 40;
    pub(in super::super) const TAGGED_GTID: u8 = 42;
    /// The largest type of MySQL 9.7.
    pub(in super::super) const LAST: u8 = TAGGED_GTID;
}

/// The header of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Where it starts, in bytes from the start of the file.
    pub(super) at: u64,
    /// The number of its type, see [`kind`].
    pub(super) kind: u8,
    /// Bytes of header, body and checksum.
    pub(super) length: u32,
    /// Where it says that it ends; only the lower half of that number.
    next: u32,
    /// The lower half of its flags.
    pub(super) flags: u8,
}

impl Event {
    fn read(at: u64, header: &[u8]) -> Option<Self> {
        let mut rest = Bytes(header);
        rest.take(4)?; // time
        let kind = rest.u8()?;
        rest.take(4)?; // server id
        Some(Self {
            at,
            kind,
            length: rest.u32()?,
            next: rest.u32()?,
            flags: rest.u8()?,
        })
    }

    /// The header of an event in a transaction's payload; those have no checksum.
    pub(super) fn inside_payload(bytes: &[u8]) -> Option<Self> {
        Self::read(0, bytes)
    }

    /// Where it ends.
    pub(super) fn end(&self) -> u64 {
        self.at.saturating_add(self.length.into())
    }

    /// Whether the header may be that of a GTID event.
    fn may_begin_a_transaction(&self) -> bool {
        matches!(
            self.kind,
            kind::GTID | kind::ANONYMOUS_GTID | kind::TAGGED_GTID
        ) && self.ends_where_it_says()
    }

    /// Whether it says that it ends where it does.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "files of more than 4 GiB keep the lower half of their offsets"
    )]
    pub(super) fn ends_where_it_says(&self) -> bool {
        self.end() as u32 == self.next
    }
}

/// What stands at the place where an event may stand.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole event. The beginning of its body is in [`Events::body`].
    Whole(Event),
    /// Something else: an event that the file's end or its checksum contradicts.
    Damaged,
    /// The end of the file.
    End,
}

/// How events are guarded against damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checksum {
    /// Not at all.
    None,
    /// CRC32 in the last four bytes.
    Crc32,
}

/// A binary log file, read from the start to the end once.
#[derive(Debug)]
pub(super) struct Events<R> {
    from: BufReader<R>,
    size: u64,
    /// Where the next event starts.
    at: u64,
    body: Vec<u8>,
    /// How those after the first two are guarded.
    pub(super) checksum: Checksum,
}

impl<R: Read + Seek> Events<R> {
    /// Reads a file of `size` bytes from byte `at` on.
    pub(super) fn new(from: R, size: u64, at: u64) -> io::Result<Self> {
        let mut events = Self {
            from: BufReader::with_capacity(BUFFER_BYTES, from),
            size,
            at: 0,
            body: Vec::new(),
            checksum: Checksum::Crc32,
        };
        events.go_to(at)?;
        Ok(events)
    }

    /// Where the next event starts.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The beginning of the last event's body, without checksum.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    fn go_to(&mut self, at: u64) -> io::Result<()> {
        self.from.seek(SeekFrom::Start(at))?;
        self.at = at;
        Ok(())
    }

    /// Reads the next event, and keeps at most `keep` bytes of its body. After damage nothing more
    /// can be read but [`Self::transactions_follow`].
    pub(super) fn next(&mut self, keep: usize) -> io::Result<Found> {
        self.body.clear();
        let left = self.size.saturating_sub(self.at);
        if left == 0 {
            return Ok(Found::End);
        }
        if left < HEADER_BYTES as u64 {
            return Ok(Found::Damaged);
        }
        let mut header = [0; HEADER_BYTES];
        self.from.read_exact(&mut header)?;
        let Some(event) = Event::read(self.at, &header) else {
            return Ok(Found::Damaged);
        };
        let around = match self.checksum {
            Checksum::Crc32 => HEADER_BYTES + CHECKSUM_BYTES,
            Checksum::None => HEADER_BYTES,
        };
        let body = u64::from(event.length).checked_sub(around as u64);
        let Some(body) = body.filter(|_| u64::from(event.length) <= left) else {
            return Ok(Found::Damaged);
        };
        if event.kind == kind::FORMAT
            && let Some(flags) = header.get_mut(FLAGS_AT)
        {
            *flags &= !IN_USE;
        }
        let mut hasher = Hasher::new();
        hasher.update(&header);
        self.read_body(body, keep, &mut hasher)?;
        if self.checksum == Checksum::Crc32 {
            let mut stored = [0; CHECKSUM_BYTES];
            self.from.read_exact(&mut stored)?;
            if u32::from_le_bytes(stored) != hasher.finalize() {
                return Ok(Found::Damaged);
            }
        }
        self.at = event.end();
        Ok(Found::Whole(event))
    }

    fn read_body(&mut self, bytes: u64, keep: usize, hasher: &mut Hasher) -> io::Result<()> {
        let mut left = bytes;
        while left > 0 {
            let buffer = self.from.fill_buf()?;
            let part = match usize::try_from(left) {
                Ok(left) => buffer.get(..left).unwrap_or(buffer),
                Err(_) => buffer,
            };
            if part.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            hasher.update(part);
            let room = keep.saturating_sub(self.body.len()).min(part.len());
            self.body
                .extend_from_slice(part.get(..room).unwrap_or(part));
            let taken = part.len();
            self.from.consume(taken);
            left -= taken as u64;
        }
        Ok(())
    }

    /// Whether the beginning of a transaction can be read anywhere behind byte `after`. Where too much
    /// looks like one, the answer is that one is there.
    pub(super) fn transactions_follow(&mut self, after: u64) -> io::Result<bool> {
        let mut at = after.saturating_add(1);
        for _ in 0..LOOKALIKES_MAX {
            let Some(found) = self.next_header(at)? else {
                return Ok(false);
            };
            self.go_to(found)?;
            if let Found::Whole(_) = self.next(0)? {
                return Ok(true);
            }
            at = found.saturating_add(1);
        }
        Ok(true)
    }

    /// The first place from `at` on where a header of a GTID event may stand.
    fn next_header(&mut self, at: u64) -> io::Result<Option<u64>> {
        self.go_to(at.min(self.size))?;
        // What was read and may be the beginning of a header.
        let mut window: Vec<u8> = Vec::with_capacity(BUFFER_BYTES + HEADER_BYTES);
        let mut start = at;
        loop {
            let read = self.from.fill_buf()?;
            if read.is_empty() {
                return Ok(None);
            }
            window.extend_from_slice(read);
            let count = read.len();
            self.from.consume(count);
            let headers = window.windows(HEADER_BYTES).zip(start..);
            let found = headers
                .filter_map(|(header, at)| Event::read(at, header))
                .find(Event::may_begin_a_transaction);
            if let Some(event) = found {
                return Ok(Some(event.at));
            }
            let done = window.len().saturating_sub(HEADER_BYTES - 1);
            window.drain(..done);
            start = start.saturating_add(done as u64);
        }
    }
}
