//! Numbers that both sides of the protocol hold to.

use crate::convert::{Problem, ReadError};

/// The version of `proto/agent.proto` that this program speaks; rises with every released change.
pub const PROTOCOL: u32 = 1;

/// The oldest version of a peer that is accepted: that of two releases ago.
pub const PROTOCOL_FLOOR: u32 = 1;

/// Largest message, bytes: the largest report fits. It has five times 1 MiB of GTID sets (executed,
/// purged, received, the guard's watermark, all evidence together), 512 KiB of drifted settings (128
/// of 4 KiB), and less than 64 KiB of all else: two texts for people, two lists of 1024 members of
/// 5 bytes, some twenty names. An order has one GTID set.
pub const MESSAGE_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Checks the `protocol` field of a peer's message.
pub(crate) fn check(peer: Option<u32>) -> Result<(), ReadError> {
    let problem = match peer {
        Some(PROTOCOL_FLOOR..) => return Ok(()),
        Some(value) => Problem::OutOfRange {
            value: value.into(),
            expected: "a release of the peer that is at most two releases older",
        },
        None => Problem::Missing,
    };
    Err(ReadError {
        field: "protocol".to_owned(),
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_peers_are_accepted_and_older_than_the_floor_are_not() {
        assert_eq!(check(Some(PROTOCOL + 7)), Ok(()));
        assert_eq!(check(Some(PROTOCOL_FLOOR)), Ok(()));
        let old = check(Some(PROTOCOL_FLOOR - 1)).unwrap_err();
        assert!(old.to_string().starts_with("field protocol: is 0"), "{old}");
        assert_eq!(check(None).unwrap_err().problem, Problem::Missing);
    }
}
