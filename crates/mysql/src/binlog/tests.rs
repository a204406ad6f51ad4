use std::fs;
use std::io::Cursor;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::content::{Position, obstacle};
use super::events::{Checksum, Event, Events, Found, kind};
use super::gtids::{Begin, previous};
use super::*;

pub(super) mod writer;
use writer::{Does, UUID, Writer, event, gtid};

fn set(text: &str) -> GtidSet {
    text.parse().unwrap()
}

/// Numbers of transactions without tag.
fn numbers(numbers: &str) -> GtidSet {
    set(&format!("{UUID}:{numbers}"))
}

fn judged(bytes: &[u8], history: &GtidSet) -> Tail {
    let path = Path::new("binlog.000001");
    walk::judge(path, Cursor::new(bytes), bytes.len() as u64, history).unwrap()
}

/// What stands against cutting, which something must.
fn refused(writer: &Writer, history: &GtidSet) -> Obstacle {
    match judged(&writer.bytes, history) {
        Tail::NotCuttable { because, .. } => because,
        other => panic!("{other:?}"),
    }
}

/// A file with the transactions 11 to 13 behind ten others.
fn three(does: Does) -> Writer {
    let mut writer = Writer::new(Checksum::Crc32, 10);
    for number in 11..=13 {
        writer.transaction("", number, does);
    }
    writer
}

#[test]
fn the_cut_starts_at_the_first_transaction_that_is_not_in_the_history() {
    for does in [
        Does::Rows,
        Does::Compressed,
        Does::Uncompressed,
        Does::Ddl,
        Does::Nothing,
    ] {
        let writer = three(does);
        let Tail::Cut(cut) = judged(&writer.bytes, &numbers("1-11")) else {
            panic!("{does:?}");
        };
        assert_eq!(cut.at, writer.starts[1]);
        assert_eq!(cut.bytes, writer.size() - writer.starts[1]);
        assert_eq!(cut.transactions, numbers("12-13"));
        assert_eq!(cut.head, writer.starts[0]);
    }
}

#[test]
fn tagged_transactions_are_told_apart_from_those_without_a_tag() {
    let mut writer = Writer::new(Checksum::Crc32, 0);
    writer
        .transaction("", 1, Does::Compressed)
        .transaction("moco_heartbeat", 1, Does::Compressed)
        .transaction("", 2, Does::Compressed)
        .transaction("moco_heartbeat", 2, Does::Compressed)
        .transaction("", 300, Does::Compressed);
    let history = set(&format!("{UUID}:1-2:moco_heartbeat:1"));
    let Tail::Cut(cut) = judged(&writer.bytes, &history) else {
        panic!("not cut");
    };
    assert_eq!(cut.at, writer.starts[3]);
    assert_eq!(
        cut.transactions,
        set(&format!("{UUID}:300:moco_heartbeat:2"))
    );
}

#[test]
fn a_closed_file_and_one_that_is_all_history_are_left_alone() {
    let none = |because| Tail::None { because };
    let writer = three(Does::Rows);
    assert_eq!(
        judged(&writer.clone().closed().bytes, &numbers("1-11")),
        none(NothingToCut::ClosedCleanly)
    );
    assert_eq!(
        judged(&writer.bytes, &numbers("1-99")),
        none(NothingToCut::AllInHistory)
    );
    let empty = Writer::new(Checksum::Crc32, 10);
    assert_eq!(
        judged(&empty.bytes, &numbers("1-10")),
        none(NothingToCut::AllInHistory)
    );
    // Killed while it went on to the next file.
    let mut rotated = three(Does::Rows);
    rotated.event(kind::ROTATE, &[0; 8]);
    assert_eq!(
        judged(&rotated.bytes, &numbers("1-13")),
        none(NothingToCut::AllInHistory)
    );
}

#[test]
fn a_history_that_lacks_earlier_files_or_has_gaps_is_not_cut_after() {
    let writer = three(Does::Rows);
    assert_eq!(refused(&writer, &numbers("1-9")), Obstacle::EarlierFiles);
    assert_eq!(
        refused(&writer, &numbers("1-11:13")),
        Obstacle::HistoryAfterTail {
            at: writer.starts[2]
        }
    );
    let Tail::NotCuttable { transactions, .. } = judged(&writer.bytes, &numbers("1-11:13")) else {
        panic!("cut");
    };
    assert_eq!(transactions, numbers("12"));
}

#[test]
fn xa_and_changes_that_cannot_be_rolled_back_are_not_cut() {
    for does in [
        Does::XaPrepare,
        Does::XaPrepareCompressed,
        Does::XaCommit,
        Does::MyIsam,
    ] {
        let mut writer = three(Does::Rows);
        writer.transaction("", 14, does);
        let because = refused(&writer, &numbers("1-12"));
        let expected = match because {
            Obstacle::NotTransactional { at } => does == Does::MyIsam && at > writer.starts[3],
            Obstacle::Xa { at } => does != Does::MyIsam && at > writer.starts[3],
            _ => false,
        };
        assert!(expected, "{does:?}: {because:?}");
        // In the history they are no obstacle.
        writer.transaction("", 15, Does::Rows);
        let Tail::Cut(cut) = judged(&writer.bytes, &numbers("1-14")) else {
            panic!("{does:?}");
        };
        assert_eq!(cut.at, writer.starts[4]);
    }
}

#[test]
fn events_that_do_not_belong_there_are_not_cut_over() {
    let history = numbers("1-11");
    let place = |kind| {
        let mut writer = three(Does::Rows);
        let at = writer.size();
        writer.event(kind, &[0; 60]);
        (writer, at)
    };
    let (writer, at) = place(kind::ANONYMOUS_GTID);
    assert_eq!(refused(&writer, &history), Obstacle::Anonymous { at });
    for kind in [kind::QUERY, kind::FORMAT, kind::LAST + 1] {
        let (writer, at) = place(kind);
        assert_eq!(
            refused(&writer, &history),
            Obstacle::Unexpected { kind, at }
        );
    }
    for kind in [kind::GTID, kind::TAGGED_GTID] {
        let (writer, at) = place(kind);
        assert_eq!(refused(&writer, &history), Obstacle::Malformed { at });
    }
}

#[test]
fn a_transaction_that_does_not_end_where_it_says_is_not_cut() {
    let history = numbers("1-11");
    let mut too_long = three(Does::Rows);
    too_long.begin("", 14, 500);
    let at = too_long.size();
    too_long.transaction("", 15, Does::Rows);
    let kind = kind::GTID;
    assert_eq!(
        refused(&too_long, &history),
        Obstacle::Unexpected { kind, at }
    );
    let mut too_short = three(Does::Rows);
    too_short.begin("", 14, 10);
    let at = too_short.size();
    too_short.event(kind::QUERY, &[0; 60]);
    assert_eq!(refused(&too_short, &history), Obstacle::Malformed { at });
}

#[test]
fn a_gtid_event_that_contradicts_itself_is_not_cut_at() {
    let history = numbers("1-11");
    let writer = three(Does::Rows);
    let at = writer.size();
    let mut shorter_than_itself = writer.clone();
    let (kind, body) = gtid("", 14, 10);
    shorter_than_itself.event(kind, &body);
    let mut elsewhere = writer.clone();
    let (kind, body) = gtid("", 14, 500);
    let moved = event(kind, &body, Checksum::Crc32, writer.bytes.len() + 1);
    elsewhere.bytes.extend(moved);
    for writer in [shorter_than_itself, elsewhere] {
        assert_eq!(refused(&writer, &history), Obstacle::Malformed { at });
    }
}

#[test]
fn rows_that_look_like_gtid_events_are_told_apart_unless_there_are_too_many() {
    let history = numbers("1-12");
    let mut damaged = three(Does::Rows);
    let at = damaged.bytes.len();
    damaged.bytes.resize(at + 30, 0);
    let lookalikes = |count: usize, distance: usize| {
        let mut writer = damaged.clone();
        for _ in 0..count {
            let at = writer.bytes.len() + distance;
            let mut bytes = event(kind::GTID, &[], Checksum::Crc32, at);
            bytes[20] ^= 1; // its checksum
            writer.bytes.extend(bytes);
        }
        judged(&writer.bytes, &history)
    };
    let cut = |tail: Tail| matches!(tail, Tail::Cut(cut) if cut.at == damaged.starts[2]);
    assert!(cut(lookalikes(2000, 1)));
    assert!(cut(lookalikes(900, 0)));
    let at = at as u64;
    assert!(matches!(
        lookalikes(1100, 0),
        Tail::NotCuttable { because: Obstacle::DamagedBeforeEnd { at: found }, .. } if found == at
    ));
}

#[test]
fn files_that_cannot_be_read_from_the_start_are_not_cut() {
    let mut encrypted = three(Does::Rows);
    encrypted.bytes[0] = 0xfd;
    let history = numbers("1-11");
    assert_eq!(refused(&encrypted, &history), Obstacle::Encrypted);
    for at in [0, 4 + 4, 4 + 30, 150] {
        let mut damaged = three(Does::Rows);
        damaged.bytes[at] ^= 0x40;
        assert_eq!(refused(&damaged, &history), Obstacle::HeadUnreadable);
    }
}

#[test]
fn damage_in_the_last_transaction_belongs_to_the_tail_and_damage_before_it_does_not() {
    let writer = three(Does::Rows);
    let damage = |at: u64| {
        let mut writer = writer.clone();
        writer.bytes[usize::try_from(at).unwrap() + 25] ^= 1;
        writer
    };
    let last = damage(writer.starts[2]);
    let Tail::Cut(cut) = judged(&last.bytes, &numbers("1-11")) else {
        panic!("not cut");
    };
    assert_eq!((cut.at, cut.transactions), (last.starts[1], numbers("12")));
    // mysqld drops it, whosever it was.
    let because = NothingToCut::AllInHistory;
    assert_eq!(
        judged(&last.bytes, &numbers("1-12")),
        Tail::None { because }
    );
    let before = damage(writer.starts[1]);
    assert_eq!(
        refused(&before, &numbers("1-11")),
        Obstacle::DamagedBeforeEnd {
            at: writer.starts[1]
        }
    );
    // Rows of the last transaction, which the cluster has.
    let mut rows = writer.clone();
    let at = rows.bytes.len() - 60;
    rows.bytes[at] ^= 1;
    assert!(matches!(
        refused(&rows, &numbers("1-13")),
        Obstacle::HistoryDamaged { .. }
    ));
    assert!(matches!(
        judged(&rows.bytes, &numbers("1-12")),
        Tail::Cut(_)
    ));
}

#[test]
fn transactions_behind_a_hole_are_found_however_large_the_hole_is() {
    let mut writer = three(Does::Rows);
    let hole = writer.bytes.len();
    writer.bytes.resize(hole + (1 << 20) - 7, 0);
    let Tail::Cut(cut) = judged(&writer.bytes, &numbers("1-12")) else {
        panic!("not cut");
    };
    assert_eq!(cut.at, writer.starts[2]);
    for more in [0, 1, 7, 8, 30] {
        let mut writer = writer.clone();
        writer.bytes.resize(writer.bytes.len() + more, 0);
        writer.transaction("", 14, Does::Rows);
        assert_eq!(
            refused(&writer, &numbers("1-13")),
            Obstacle::DamagedBeforeEnd { at: hole as u64 }
        );
    }
}

#[test]
fn the_data_directory_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let no_file = |found: Result<Tail, TailError>| {
        matches!(
            found.unwrap(),
            Tail::NotCuttable {
                because: Obstacle::NoFile { .. },
                ..
            }
        )
    };
    let history = numbers("1-11");
    assert!(no_file(judge(dir.path(), &history)));
    fs::write(
        dir.path().join("binlog.index"),
        "./binlog.000006\n./binlog.000007\n",
    )
    .unwrap();
    assert!(no_file(judge(dir.path(), &history)));
    let writer = three(Does::Compressed);
    let file = dir.path().join("binlog.000007");
    fs::write(&file, &writer.bytes).unwrap();
    let Tail::Cut(cut) = judge(dir.path(), &history).unwrap() else {
        panic!("not cut");
    };
    assert_eq!((cut.file, cut.at), (file, writer.starts[1]));
}

#[test]
fn what_mysqld_wrote_is_read() {
    // Bodies of MySQL 9.7.4, without checksum.
    let tagged =
        b"\x02\x84\x00\x00\x00\x02@Z\n\xd1\x02\xa1\x03\xe1\x03\"\xc5\x03u\x02R\x04\xf1\x03\
        \x00\x00\x00\x02\x04\x04\x06\x1cmoco_heartbeat\x08\x08\n\x14\x0c\x7ft\xfavh\x1da\x06\x10\
        \xf5\x03";
    assert_eq!(Begin::tagged(tagged).unwrap().length, 253);
    let plain = b"\x00 -\x05\xb4\xe8\xf8\x11\xf1\x9d)\x02\xfc\x00\x00\x00\x01\x03\x00\x00\x00\x00\
        \x00\x00\x00\x02\x02\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\xa1hvh\x1d\
        a\x06\xf0Pb\x01\x00";
    assert_eq!(Begin::plain(plain).unwrap().length, 240);
    let earlier =
        b"\x01\x02\x00\x00\x00\x00\x00\x01 -\x05\xb4\xe8\xf8\x11\xf1\x9d)\x02\xfc\x00\x00\
        \x00\x01\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\n\x00\x00\x00\
        \x00\x00\x00\x00 -\x05\xb4\xe8\xf8\x11\xf1\x9d)\x02\xfc\x00\x00\x00\x01\x1cmoco_heartbeat\
        \x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\
        \x00\x00";
    let expected = set(&format!("{UUID}:1-9:moco_heartbeat:1"));
    assert_eq!(previous(earlier), Some(expected));
}

const BOTH: &[Checksum] = &[Checksum::None, Checksum::Crc32];

/// A log of cuttable transactions, some with a tag, how many of them are in the history, and it.
fn logs(checksums: &'static [Checksum]) -> impl Strategy<Value = (Writer, usize, GtidSet)> {
    let does = prop_oneof![
        Just(Does::Rows),
        Just(Does::Compressed),
        Just(Does::Uncompressed),
        Just(Does::Ddl),
        Just(Does::Nothing),
    ];
    let checksum = select(checksums);
    let tag = prop_oneof![Just(""), Just("a"), Just("moco_heartbeat")];
    let transactions = vec((tag, does), 1..6);
    (checksum, transactions, 0..100_usize).prop_map(|(checksum, transactions, share)| {
        let mut writer = Writer::new(checksum, 10);
        let known = share % (transactions.len() + 1);
        let mut history = numbers("1-10");
        for ((tag, does), number) in transactions.into_iter().zip(11..) {
            writer.transaction(tag, number, does);
            if writer.starts.len() <= known {
                let colon = if tag.is_empty() { "" } else { ":" };
                let one = set(&format!("{UUID}{colon}{tag}:{number}"));
                history = history.union(&one);
            }
        }
        (writer, known, history)
    })
}

/// Where the history ends in the file.
fn boundary(writer: &Writer, known: usize) -> u64 {
    writer.starts.get(known).copied().unwrap_or(writer.size())
}

/// Whether a file of that size ends in a transaction, behind its GTID event.
fn inside(writer: &Writer, size: u64) -> bool {
    let begun = writer.starts.iter().filter(|start| **start < size).count();
    let known = writer.gtid_ends.iter().filter(|end| **end <= size).count();
    begun == known && !writer.starts.contains(&size)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_file_that_ends_at_any_byte_is_cut_where_its_tail_starts(
        (writer, known, history) in logs(BOTH),
    ) {
        let boundary = boundary(&writer, known);
        for size in 0..=writer.bytes.len() {
            let found = judged(&writer.bytes[..size], &history);
            let size = size as u64;
            let whole_gtids = writer.gtid_ends.iter().filter(|end| **end <= size).count();
            let expected = if size < writer.starts[0] {
                matches!(found, Tail::NotCuttable { because: Obstacle::HeadUnreadable, .. })
            } else if whole_gtids > known {
                matches!(found, Tail::Cut(ref cut) if cut.at == boundary && cut.bytes == size - boundary)
            } else if size >= boundary || !inside(&writer, size) {
                found == Tail::None { because: NothingToCut::AllInHistory }
            } else {
                matches!(found, Tail::NotCuttable { because: Obstacle::HistoryDamaged { .. }, .. })
            };
            prop_assert!(expected, "{size} of {}, history ends at {boundary}: {found:?}", writer.size());
        }
    }
}

proptest! {
    #[test]
    fn one_wrong_byte_never_costs_a_transaction_of_the_history(
        (writer, known, history) in logs(&[Checksum::Crc32]), at in 0..1_000_000_usize, flip in 1..=255_u8,
    ) {
        let boundary = boundary(&writer, known);
        let mut bytes = writer.bytes.clone();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Tail::Cut(cut) = judged(&bytes, &history) {
            prop_assert_eq!(cut.at, boundary, "byte {}", at);
        }
    }

    #[test]
    fn arbitrary_bytes_are_read_without_a_panic(
        (writer, _, history) in logs(BOTH), bytes in vec(any::<u8>(), 0..600), kind in 0..50_u8,
    ) {
        let mut behind = writer.clone();
        behind.bytes.extend(&bytes);
        judged(&behind.bytes, &history);
        let mut wrapped = writer;
        wrapped.event(kind, &bytes);
        judged(&wrapped.bytes, &history);
        judged(&bytes, &history);
        let _ = (Begin::plain(&bytes), Begin::tagged(&bytes), previous(&bytes));
        for kind in [kind::QUERY, kind::PAYLOAD] {
            let event = header(kind);
            let _ = obstacle(&event, &bytes, Position::Beginning);
            let mut payload = vec![2, 1, 0, 0, 0x28, 0xb5, 0x2f, 0xfd];
            payload.extend(&bytes);
            let _ = obstacle(&event, &payload, Position::Beginning);
        }
    }
}

fn header(kind: u8) -> Event {
    let mut writer = Writer::new(Checksum::Crc32, 0);
    let at = writer.size();
    writer.event(kind, &[]);
    let size = writer.size();
    let mut events = Events::new(Cursor::new(writer.bytes), size, at).unwrap();
    match events.next(0).unwrap() {
        Found::Whole(event) => event,
        other => panic!("{other:?}"),
    }
}
