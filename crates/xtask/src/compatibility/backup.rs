//! Backup, restore, and the recovery of a moment.

use super::{Row, not_yet};

const NONE: &str = "no backup is made";
const NOTHING: &str =
    "nothing is restored; a cluster with `spec.restore` is not started, and says why";
const NO_EFFECT: (&str, &str) = (super::VALIDATE, "fields_without_effect_are_listed");

pub(super) const BACKUP: &[Row] = &[
    not_yet(
        187,
        "A CronJob with the user's identity, volumes and affinity",
        NONE,
        &[NO_EFFECT],
    ),
    not_yet(188, "A Role for the user's ServiceAccount", NONE, &[]),
    not_yet(189, "The names of objects in the bucket", NONE, &[]),
    not_yet(190, "The course of a backup, and its status", NONE, &[]),
    not_yet(191, "Which member is read", NONE, &[]),
    not_yet(192, "A dump without MOCO's accounts", NONE, &[]),
    not_yet(193, "The binary logs since the last dump", NONE, &[]),
    not_yet(194, "Missing binary logs are a warning", NONE, &[]),
    not_yet(195, "Every run is a full dump", NONE, &[]),
    not_yet(196, "S3", NONE, &[]),
    not_yet(197, "Google Cloud Storage", NONE, &[]),
    not_yet(198, "Azure Blob Storage", NONE, &[]),
    not_yet(
        199,
        "Region, endpoint, path style and authority of S3",
        NONE,
        &[],
    ),
];

pub(super) const RESTORE: &[Row] = &[
    not_yet(
        200,
        "Only into a new cluster, which waits for it",
        NOTHING,
        &[NO_EFFECT],
    ),
    not_yet(
        201,
        "A Job, which a person deletes to try again",
        NOTHING,
        &[],
    ),
    not_yet(202, "The course of a restore, and its status", NOTHING, &[]),
    not_yet(203, "The newest dump before the moment", NOTHING, &[]),
    not_yet(
        204,
        "Loading with accounts, schemas and users chosen",
        NOTHING,
        &[],
    ),
    not_yet(205, "Binary logs up to a second", NOTHING, &[]),
    not_yet(206, "Afterwards the other members are cloned", NOTHING, &[]),
    not_yet(
        207,
        "Moments between the first and the last backup",
        NOTHING,
        &[],
    ),
];
