//! What a transaction of the tail does, as far as it decides whether it may be cut.

use std::io::Read;

use ruzstd::decoding::StreamingDecoder;

use super::Obstacle;
use super::bytes::Bytes;
use super::events::{Event, HEADER_BYTES, kind};

/// As many bytes of an event as are needed to see the beginning of a statement: the longest status
/// variables and database name before it, and some of its own.
const STATEMENT_BYTES: usize = 19 + 13 + 0xffff + 0xff + 1 + 16;
/// A compressed payload says so with 0, an uncompressed one with 255 (MySQL source,
/// `compression::type`).
const ZSTD: u64 = 0;
const UNCOMPRESSED: u64 = 255;

/// What stands against cutting an event of the tail. `body` is the beginning of its body, without
/// header and checksum.
pub(super) fn obstacle(event: &Event, body: &[u8], position: Position) -> Option<Obstacle> {
    let at = event.at;
    match event.kind {
        kind::XA_PREPARE => Some(Obstacle::Xa { at }),
        kind::QUERY => match statement(body) {
            None => Some(Obstacle::Malformed { at }),
            Some(text) if text.starts_with(b"XA ") => Some(Obstacle::Xa { at }),
            // InnoDB's changes end with an event of their own. `BEGIN` and `COMMIT` alone are an
            // empty transaction.
            Some(b"COMMIT" | b"ROLLBACK") if position == Position::AfterChanges => {
                Some(Obstacle::NotTransactional { at })
            }
            Some(_) => None,
        },
        kind::PAYLOAD => match payload_statement(body) {
            None => Some(Obstacle::Malformed { at }),
            Some(text) if text.starts_with(b"XA ") => Some(Obstacle::Xa { at }),
            Some(_) => None,
        },
        _ => None,
    }
}

/// Where in its transaction an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// After the GTID event and at most one other.
    Beginning,
    /// After more than that.
    AfterChanges,
}

/// The text in the body of a query event (type 2), as far as `body` reaches, without checksum.
fn statement(body: &[u8]) -> Option<&[u8]> {
    let mut rest = Bytes(body);
    rest.take(8)?; // thread, seconds
    let database = rest.u8()?;
    rest.take(2)?; // error
    let variables = rest.u16()?;
    rest.take(variables.into())?;
    rest.take(usize::from(database) + 1)?; // ends with a zero byte
    Some(rest.0)
}

/// The first statement in the body of a transaction payload event (type 40): the payload's first event
/// is always a query, `BEGIN` or `XA START …`.
fn payload_statement(body: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Bytes(body);
    let mut compression = None;
    // Fields of number, length and value; the number 0 ends them, the payload follows.
    loop {
        let field = rest.packed()?;
        if field == 0 {
            break;
        }
        let length = usize::try_from(rest.packed()?).ok()?;
        let mut value = Bytes(rest.take(length)?);
        if field == 2 {
            compression = Some(value.packed()?);
        }
    }
    let mut first = Vec::new();
    match compression? {
        UNCOMPRESSED => first.extend_from_slice(rest.0),
        ZSTD => {
            let mut decoder = StreamingDecoder::new(rest.0).ok()?;
            read_up_to(&mut decoder, &mut first, HEADER_BYTES)?;
            let length = Event::inside_payload(&first)?.length;
            let wanted = usize::try_from(length).ok()?.min(STATEMENT_BYTES);
            read_up_to(&mut decoder, &mut first, wanted)?;
        }
        _ => return None,
    }
    let event = Event::inside_payload(&first)?;
    if event.kind != kind::QUERY {
        return None;
    }
    let whole = first.len().min(usize::try_from(event.length).ok()?);
    statement(first.get(HEADER_BYTES..whole)?).map(<[u8]>::to_vec)
}

/// Reads until `bytes` has `wanted` bytes. Only as much is decompressed as that takes.
fn read_up_to(from: &mut impl Read, bytes: &mut Vec<u8>, wanted: usize) -> Option<()> {
    let missing = wanted.saturating_sub(bytes.len());
    from.take(u64::try_from(missing).ok()?)
        .read_to_end(bytes)
        .ok()?;
    (bytes.len() >= wanted).then_some(())
}
