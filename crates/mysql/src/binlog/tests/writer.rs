//! Binary log files as mysqld writes them, but small.

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::super::events::{Checksum, IN_USE, kind};

/// The writer of the transactions.
pub(crate) const UUID: &str = "202d05b4-e8f8-11f1-9d29-02fc00000001";
const UUID_BYTES: [u8; 16] = [
    0x20, 0x2d, 0x05, 0xb4, 0xe8, 0xf8, 0x11, 0xf1, 0x9d, 0x29, 0x02, 0xfc, 0, 0, 0, 1,
];
const ROWS: u8 = 30;
const XID: u8 = 16;

/// What a transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// Changes rows, in plain events.
    Rows,
    /// Changes rows, in a compressed payload.
    Compressed,
    /// Changes rows, in a payload that is not compressed.
    Uncompressed,
    /// Changes a table.
    Ddl,
    /// Nothing.
    Nothing,
    /// Changes rows that cannot be rolled back.
    MyIsam,
    /// Prepares an XA transaction.
    XaPrepare,
    /// The same, compressed.
    XaPrepareCompressed,
    /// Commits one.
    XaCommit,
}

/// A file that is being written.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
    checksum: Checksum,
    /// Where each transaction starts.
    pub(crate) starts: Vec<u64>,
    /// Where the GTID event of each ends.
    pub(crate) gtid_ends: Vec<u64>,
}

impl Writer {
    /// A file that mysqld has open, behind transactions 1 to `previous` without tag.
    pub(crate) fn new(checksum: Checksum, previous: u64) -> Self {
        let mut writer = Self {
            bytes: vec![0xfe, b'b', b'i', b'n'],
            checksum: Checksum::Crc32,
            starts: Vec::new(),
            gtid_ends: Vec::new(),
        };
        let mut body = vec![4, 0];
        body.extend([b'9'; 50]);
        body.extend([0, 0, 0, 0, 19]);
        body.extend([0; 42]);
        body.push(match checksum {
            Checksum::None => 0,
            Checksum::Crc32 => 1,
        });
        writer.event(kind::FORMAT, &body);
        writer.bytes[4 + 17] |= IN_USE;
        writer.checksum = checksum;
        let mut body = Vec::new();
        if previous == 0 {
            body.extend(0_u64.to_le_bytes());
        } else {
            // One origin, in the form with tags.
            body.extend([1, 1, 0, 0, 0, 0, 0, 1]);
            body.extend(UUID_BYTES);
            body.push(0);
            for number in [1, 1, previous + 1] {
                body.extend(number.to_le_bytes());
            }
        }
        writer.event(kind::PREVIOUS_GTIDS, &body);
        writer
    }

    /// As mysqld leaves it when it closes it.
    pub(crate) fn closed(mut self) -> Self {
        self.bytes[4 + 17] &= !IN_USE;
        self
    }

    pub(crate) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Adds an event, and changes nothing else.
    pub(crate) fn event(&mut self, kind: u8, body: &[u8]) {
        let bytes = event(kind, body, self.checksum, self.bytes.len());
        self.bytes.extend(bytes);
    }

    /// Adds a transaction.
    pub(crate) fn transaction(&mut self, tag: &str, number: u64, does: Does) -> &mut Self {
        let events: Vec<(u8, Vec<u8>)> = match does {
            Does::Rows => vec![
                (kind::QUERY, query("BEGIN")),
                (ROWS, vec![7; 90]),
                (XID, vec![0; 8]),
            ],
            Does::Compressed => vec![(kind::PAYLOAD, payload("BEGIN", 0))],
            Does::Uncompressed => vec![(kind::PAYLOAD, payload("BEGIN", 255))],
            Does::Ddl => vec![(kind::QUERY, query("CREATE TABLE t (id INT)"))],
            Does::Nothing => vec![
                (kind::QUERY, query("BEGIN")),
                (kind::QUERY, query("COMMIT")),
            ],
            Does::MyIsam => vec![
                (kind::QUERY, query("BEGIN")),
                (ROWS, vec![7; 90]),
                (kind::QUERY, query("COMMIT")),
            ],
            Does::XaPrepare => vec![(ROWS, vec![7; 90]), (kind::XA_PREPARE, vec![0; 20])],
            Does::XaPrepareCompressed => {
                vec![(kind::PAYLOAD, payload("XA START X'78',X'',1", 0))]
            }
            Does::XaCommit => vec![(kind::QUERY, query("XA COMMIT X'78',X'',1"))],
        };
        let footer = match self.checksum {
            Checksum::None => 0,
            Checksum::Crc32 => 4,
        };
        let length: usize = events
            .iter()
            .map(|(_, body)| 19 + body.len() + footer)
            .sum();
        self.begin(tag, number, length + footer);
        for (kind, body) in events {
            self.event(kind, &body);
        }
        self
    }

    /// Adds a GTID event before `more` bytes, its own checksum included.
    pub(crate) fn begin(&mut self, tag: &str, number: u64, more: usize) {
        self.starts.push(self.size());
        let (kind, short) = gtid(tag, number, 0);
        // The packed length has a fixed size here.
        let whole = 19 + short.len() + more;
        let (_, body) = gtid(tag, number, u16::try_from(whole).unwrap());
        assert_eq!(body.len(), short.len());
        self.event(kind, &body);
        self.gtid_ends.push(self.size());
    }
}

/// An event that says that it starts at byte `at`.
pub(crate) fn event(kind: u8, body: &[u8], checksum: Checksum, at: usize) -> Vec<u8> {
    let footer = match checksum {
        Checksum::None => 0,
        Checksum::Crc32 => 4,
    };
    let length = u32::try_from(19 + body.len() + footer).unwrap();
    let next = u32::try_from(at).unwrap() + length;
    let mut bytes = vec![0, 0, 0, 0, kind, 1, 0, 0, 0];
    bytes.extend(length.to_le_bytes());
    bytes.extend(next.to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(body);
    if checksum == Checksum::Crc32 {
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    }
    bytes
}

/// Type and body of a GTID event of a transaction of `length` bytes.
pub(crate) fn gtid(tag: &str, number: u64, length: u16) -> (u8, Vec<u8>) {
    if !tag.is_empty() {
        return (kind::TAGGED_GTID, tagged(tag, number, length));
    }
    let mut body = vec![0];
    body.extend(UUID_BYTES);
    body.extend(number.to_le_bytes());
    body.push(2);
    body.extend([0; 16]);
    body.extend([1, 2, 3, 4, 5, 6, 0x80]); // two times
    body.extend([0; 7]);
    body.push(252);
    body.extend(length.to_le_bytes());
    body.extend([0; 4]);
    (kind::GTID, body)
}

fn tagged(tag: &str, number: u64, length: u16) -> Vec<u8> {
    // Version, size (not read), the field that must be known, flags.
    let mut body = vec![1 << 1, 0, 0, 0, 0];
    body.push(1 << 1);
    for byte in UUID_BYTES {
        serialized(&mut body, byte.into());
    }
    body.push(2 << 1);
    serialized(&mut body, number << 1);
    body.push(3 << 1);
    serialized(&mut body, tag.len() as u64);
    body.extend(tag.bytes());
    body.extend([4 << 1, 0, 5 << 1, 0, 6 << 1, 0]);
    body.push(8 << 1);
    // Always in nine bytes.
    body.push(0xff);
    body.extend(u64::from(length).to_le_bytes());
    body
}

fn serialized(into: &mut Vec<u8>, number: u64) {
    if number < 1 << 7 {
        into.push(u8::try_from(number << 1).unwrap());
    } else if number < 1 << 14 {
        let two = u16::try_from(number << 2 | 1).unwrap();
        into.extend(two.to_le_bytes());
    } else {
        into.push(0xff);
        into.extend(number.to_le_bytes());
    }
}

fn query(text: &str) -> Vec<u8> {
    let mut body = vec![0; 8];
    body.push(3);
    body.extend([0, 0]);
    body.extend(5_u16.to_le_bytes());
    body.extend([0; 5]);
    body.extend(b"app\0");
    body.extend(text.bytes());
    body
}

fn payload(first: &str, compression: u8) -> Vec<u8> {
    let mut events = event(kind::QUERY, &query(first), Checksum::None, 0);
    events.extend(event(ROWS, &[7; 300], Checksum::None, 0));
    let payload = match compression {
        0 => compress_to_vec(events.as_slice(), CompressionLevel::Fastest),
        _ => events,
    };
    let mut body = vec![2, if compression == 0 { 1 } else { 3 }];
    match compression {
        0 => body.push(0),
        more => body.extend([252, more, 0]),
    }
    body.extend([1, 3, 252]);
    body.extend(u16::try_from(payload.len()).unwrap().to_le_bytes());
    body.push(0);
    body.extend(payload);
    body
}
