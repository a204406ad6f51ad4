//! GTIDs as the binary log stores them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use moco_model::GtidSet;
use moco_model::ids::ServerUuid;

use super::bytes::Bytes;

/// How many transactions are looked up in the history at once: most files hold long runs.
const RUN: u64 = 1024;
/// The largest transaction number (MySQL: 2⁶³ − 2).
const NUMBER_MAX: u64 = (1 << 63) - 2;
/// The value in a GTID event's field of types that says that the logical clock follows.
const LOGICAL_CLOCK: u8 = 2;
/// Set in the time of the last commit when the time of the first one follows.
const TWO_TIMES: u64 = 1 << 55;

/// The part of a GTID before its number: who wrote it, with which tag (empty for none).
type Origin = (ServerUuid, String);

/// What a GTID event says about the transaction that it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Begin {
    origin: Origin,
    number: u64,
    /// Bytes of the whole transaction, this event included.
    pub(super) length: u64,
}

impl Begin {
    /// Reads the body of a GTID event without tag (type 33).
    pub(super) fn plain(body: &[u8]) -> Option<Self> {
        let mut rest = Bytes(body);
        rest.u8()?; // flags
        let uuid = uuid(rest.array()?);
        let number = rest.u64()?;
        if rest.u8()? != LOGICAL_CLOCK {
            return None;
        }
        rest.take(16)?; // the logical clock
        if time(&mut rest)? & TWO_TIMES != 0 {
            time(&mut rest)?;
        }
        Self::new((uuid, String::new()), number, rest.packed()?)
    }

    /// Reads the body of a tagged GTID event (type 42), which is made of numbered fields (MySQL source
    /// documentation, "MySQL Serialization Library").
    pub(super) fn tagged(body: &[u8]) -> Option<Self> {
        let mut rest = Bytes(body);
        if rest.serialized()? != 1 {
            return None;
        }
        rest.serialized()?; // bytes of all that
        rest.serialized()?; // which fields a reader must know
        let (mut writer, mut number, mut tag) = (None, None, String::new());
        // Fields stand in the order of their numbers.
        while !rest.is_empty() {
            match rest.serialized()? {
                // Flags, and two times.
                0 | 6 | 7 => {
                    rest.serialized()?;
                }
                1 => writer = Some(serialized_uuid(&mut rest)?),
                2 => number = Some(u64::try_from(rest.serialized_signed()?).ok()?),
                3 => tag = serialized_tag(&mut rest)?,
                // The logical clock.
                4 | 5 => {
                    rest.serialized_signed()?;
                }
                8 => return Self::new((writer?, tag), number?, rest.serialized()?),
                _ => return None,
            }
        }
        None
    }

    fn new(origin: Origin, number: u64, length: u64) -> Option<Self> {
        (1..=NUMBER_MAX).contains(&number).then_some(Self {
            origin,
            number,
            length,
        })
    }
}

/// A time: seven bytes.
fn time(rest: &mut Bytes<'_>) -> Option<u64> {
    let low = rest.u32()?;
    let middle = rest.u16()?;
    let high = rest.u8()?;
    Some(u64::from(high) << 48 | u64::from(middle) << 32 | u64::from(low))
}

fn uuid(bytes: [u8; 16]) -> ServerUuid {
    ServerUuid::from_u128(u128::from_be_bytes(bytes))
}

fn serialized_uuid(rest: &mut Bytes<'_>) -> Option<ServerUuid> {
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        *byte = u8::try_from(rest.serialized()?).ok()?;
    }
    Some(uuid(bytes))
}

fn serialized_tag(rest: &mut Bytes<'_>) -> Option<String> {
    let length = usize::try_from(rest.serialized()?).ok()?;
    String::from_utf8(rest.take(length)?.to_vec()).ok()
}

/// Reads the body of the event that lists the transactions of earlier files (type 35).
pub(super) fn previous(body: &[u8]) -> Option<GtidSet> {
    let mut rest = Bytes(body);
    let first = rest.u64()?;
    // With tags the count stands between two bytes of value 1 (MySQL source, `Gtid_set::encode`).
    let tagged = first >> 56 == 1;
    let count = if tagged {
        (first >> 8) & ((1 << 48) - 1)
    } else {
        first
    };
    let mut all = Gtids::default();
    for _ in 0..count {
        let uuid = uuid(rest.array()?);
        let tag = if tagged {
            serialized_tag(&mut rest)?
        } else {
            String::new()
        };
        let origin = (uuid, tag);
        for _ in 0..rest.u64()? {
            let (from, to) = (rest.u64()?, rest.u64()?);
            if from == 0 || from >= to {
                return None;
            }
            all.add(&origin, from..=to - 1);
        }
    }
    if rest.is_empty() { all.set() } else { None }
}

/// GTIDs in the order in which they were found, to be made a set once.
#[derive(Debug, Default)]
pub(super) struct Gtids(BTreeMap<Origin, Vec<RangeInclusive<u64>>>);

impl Gtids {
    pub(super) fn push(&mut self, one: &Begin) {
        self.add(&one.origin, one.number..=one.number);
    }

    fn add(&mut self, origin: &Origin, numbers: RangeInclusive<u64>) {
        if !self.0.contains_key(origin) {
            self.0.insert(origin.clone(), Vec::new());
        }
        let Some(ranges) = self.0.get_mut(origin) else {
            return;
        };
        match ranges.last_mut() {
            Some(last) if last.end().checked_add(1) == Some(*numbers.start()) => {
                *last = *last.start()..=*numbers.end();
            }
            _ => ranges.push(numbers),
        }
    }

    /// The set, unless a tag or a number is none.
    pub(super) fn set(&self) -> Option<GtidSet> {
        let mut text = String::new();
        for ((uuid, tag), ranges) in &self.0 {
            if ranges.is_empty() {
                continue;
            }
            let colon = if tag.is_empty() { "" } else { ":" };
            write!(text, "{uuid}{colon}{tag}").ok()?;
            for range in ranges {
                write!(text, ":{}-{}", range.start(), range.end()).ok()?;
            }
            text.push(',');
        }
        text.parse().ok()
    }
}

/// The history of the cluster, asked about one transaction after the other.
#[derive(Debug)]
pub(super) struct History<'a> {
    set: &'a GtidSet,
    /// Of each origin, a run that is known to be in the set.
    known: BTreeMap<Origin, RangeInclusive<u64>>,
}

impl<'a> History<'a> {
    pub(super) fn new(set: &'a GtidSet) -> Self {
        Self {
            set,
            known: BTreeMap::new(),
        }
    }

    /// Whether the transaction is in the history; none when its tag is no tag.
    pub(super) fn holds(&mut self, one: &Begin) -> Option<bool> {
        let known = self.known.get(&one.origin);
        if known.is_some_and(|run| run.contains(&one.number)) {
            return Some(true);
        }
        let run = one.number..=one.number.saturating_add(RUN).min(NUMBER_MAX);
        if self.asked(&one.origin, run.clone())? {
            self.known.insert(one.origin.clone(), run);
            return Some(true);
        }
        self.asked(&one.origin, one.number..=one.number)
    }

    fn asked(&self, origin: &Origin, numbers: RangeInclusive<u64>) -> Option<bool> {
        let mut asked = Gtids::default();
        asked.add(origin, numbers);
        Some(self.set.contains(&asked.set()?))
    }
}
