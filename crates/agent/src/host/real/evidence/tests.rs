use moco_model::Epoch;

use super::*;

fn entry(epoch: u64) -> Evidence {
    Evidence {
        at: 1,
        epoch: Epoch(epoch),
        transactions: "00000000-0000-0000-0000-000000000001:5-7".parse().unwrap(),
        file: None,
    }
}

fn volume_with_logs(count: u64) -> tempfile::TempDir {
    let volume = tempfile::tempdir().unwrap();
    fs::create_dir(volume.path().join("data")).unwrap();
    for number in 1..=count {
        let name = format!("data/binlog.{number:06}");
        fs::write(volume.path().join(name), format!("log {number}")).unwrap();
    }
    fs::write(volume.path().join("data/binlog.index"), "./binlog.000001\n").unwrap();
    volume
}

fn keep(volume: &Path, of: &str, epoch: u64) {
    keep_logs(volume, &volume.join("data"), of, entry(epoch)).unwrap();
}

#[test]
fn kept_logs_outlive_the_data_directory_and_the_entry_names_them() {
    let volume = volume_with_logs(3);
    keep(volume.path(), "a", 4);
    let data = volume.path().join("data");
    assert_eq!(fs::read_dir(&data).unwrap().count(), 4, "the data stays");
    fs::remove_dir_all(data).unwrap();
    let entries = read(volume.path());
    assert_eq!(entries.len(), 1);
    let folder = entries[0].file.as_deref().unwrap();
    assert_eq!(folder, "evidence/binlogs-of-a");
    let log = volume.path().join(folder).join("binlog.000003");
    assert_eq!(fs::read_to_string(log).unwrap(), "log 3");
}

#[test]
fn keeping_the_same_again_changes_nothing() {
    let volume = volume_with_logs(2);
    keep(volume.path(), "a", 4);
    let before = read(volume.path());
    keep(volume.path(), "a", 4);
    assert_eq!(read(volume.path()), before);
}

#[test]
fn only_as_many_of_the_newest_logs_are_kept_as_the_bound_allows() {
    let volume = volume_with_logs(3);
    let grow = |number: u64, bytes| {
        let path = volume.path().join(format!("data/binlog.{number:06}"));
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(bytes).unwrap();
    };
    grow(2, LOG_BYTES_MAX - 5);
    let names = |volume: &Path| {
        let logs = newest_logs(&volume.join("data")).unwrap();
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        logs.into_iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(volume.path()), ["binlog.000003", "binlog.000002"]);
    grow(2, LOG_BYTES_MAX);
    assert_eq!(names(volume.path()), ["binlog.000003"]);
}

#[test]
fn without_binary_logs_there_is_an_entry_without_a_file() {
    let volume = tempfile::tempdir().unwrap();
    keep(volume.path(), "a", 4);
    assert_eq!(read(volume.path()), [entry(4)]);
}

#[test]
fn the_oldest_entries_and_their_files_go_and_the_list_stays_bounded() {
    let volume = volume_with_logs(1);
    let count = u64::try_from(EVIDENCE_MAX).unwrap() + 2;
    for epoch in 1..=count {
        keep(volume.path(), &format!("i{epoch}"), epoch);
    }
    let entries = read(volume.path());
    assert_eq!(entries.len(), EVIDENCE_MAX);
    assert_eq!(entries[0].epoch, Epoch(3));
    let there = |of: &str| {
        volume
            .path()
            .join("evidence/binlogs-of-".to_owned() + of)
            .exists()
    };
    assert!(!there("i1") && !there("i2"));
    assert!(there("i3") && there(&format!("i{count}")));
}

#[test]
fn a_damaged_list_does_not_stand_in_the_way() {
    let volume = volume_with_logs(1);
    keep(volume.path(), "a", 1);
    fs::write(volume.path().join("evidence/entries.json"), "[{").unwrap();
    assert_eq!(read(volume.path()), []);
    keep(volume.path(), "b", 2);
    assert_eq!(read(volume.path()).len(), 1);
}
