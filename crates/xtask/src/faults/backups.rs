//! The object store and what is kept there. Nothing of it is built.

use super::{Lacks, Row};

const BACKUPS: Lacks = Lacks::Capability("backups.");
const RESTORE: Lacks = Lacks::Capability("restore from a backup.");
const NOTHING: &str = "Nothing yet.";

const fn row(number: u32, fault: &'static str, lacks: Lacks) -> Row {
    Row {
        number,
        fault,
        does: NOTHING,
        tests: &[],
        lacks,
    }
}

pub(super) const ROWS: &[Row] = &[
    row(
        99,
        "The store answers with errors, slowly, or breaks off in the middle",
        BACKUPS,
    ),
    row(
        100,
        "An upload is confirmed, and the object is missing, cut or damaged",
        BACKUPS,
    ),
    row(101, "A list of the store is old or wrong", BACKUPS),
    row(
        102,
        "The bucket is deleted, its key is revoked, or clocks disagree about signatures",
        BACKUPS,
    ),
    row(
        103,
        "The old primary goes on to upload after a failover",
        BACKUPS,
    ),
    row(104, "The kept binary logs have a gap", BACKUPS),
    row(
        105,
        "A restore is asked for a time or transaction that is not kept, or was cut",
        RESTORE,
    ),
    row(
        106,
        "The key of an encrypted backup is lost or wrong",
        RESTORE,
    ),
    row(
        107,
        "A backup is taken of a member with transactions of its own, or with damage",
        BACKUPS,
    ),
    row(
        108,
        "Old backups are removed by a wrong clock or an incomplete list",
        BACKUPS,
    ),
    row(
        109,
        "A restore is asked for into a cluster that lives",
        RESTORE,
    ),
    row(
        110,
        "Terabytes, a million tables, rows of gigabytes, encrypted tables",
        BACKUPS,
    ),
];
