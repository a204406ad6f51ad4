use std::os::unix::fs::PermissionsExt as _;

use moco_model::GtidSet;
use tempfile::TempDir;

use super::super::events::Checksum;
use super::super::tests::writer::{Does, UUID, Writer};
use super::super::{NothingToCut, Tail, judge};
use super::*;

/// A data directory whose last transaction is the tail, and a folder for evidence.
struct Lab {
    dir: TempDir,
    writer: Writer,
    history: GtidSet,
    cut: Cut,
}

fn lab() -> Lab {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(Checksum::Crc32, 0);
    writer
        .transaction("", 1, Does::Rows)
        .transaction("", 2, Does::Compressed);
    fs::write(dir.path().join("binlog.index"), "./binlog.000001\n").unwrap();
    fs::write(dir.path().join("binlog.000001"), &writer.bytes).unwrap();
    let history = format!("{UUID}:1").parse().unwrap();
    let Tail::Cut(cut) = judge(dir.path(), &history).unwrap() else {
        panic!("nothing to cut");
    };
    Lab {
        dir,
        writer,
        history,
        cut,
    }
}

impl Lab {
    fn evidence(&self) -> PathBuf {
        self.dir.path().join("evidence")
    }

    fn split(&self) -> (&[u8], &[u8], &[u8]) {
        let at = |offset: u64| usize::try_from(offset).unwrap();
        let (head, rest) = self.writer.bytes.split_at(at(self.writer.starts[0]));
        let (history, tail) = rest.split_at(at(self.cut.at - self.writer.starts[0]));
        (head, history, tail)
    }

    /// That everything is as it must be in the end.
    fn check(&self, done: &CutDone) {
        let (head, history, tail) = self.split();
        assert_eq!(done.bytes, tail.len() as u64);
        assert_eq!(fs::read(&done.evidence).unwrap(), [head, tail].concat());
        assert_eq!(fs::read(&self.cut.file).unwrap(), [head, history].concat());
        let names = fs::read_dir(self.evidence()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }
}

#[test]
fn the_tail_is_kept_as_a_binary_log_and_cut_off() {
    let lab = lab();
    let done = cut(&lab.cut, &lab.evidence()).unwrap();
    lab.check(&done);
    let name = format!("binlog.000001-cut-at-{}", lab.cut.at);
    assert_eq!(done.evidence, lab.evidence().join(name));
    for (path, mode) in [(&lab.evidence(), 0o700), (&done.evidence, 0o600)] {
        let found = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode);
    }
    let because = NothingToCut::AllInHistory;
    assert_eq!(
        judge(lab.dir.path(), &lab.history).unwrap(),
        Tail::None { because }
    );
}

#[test]
fn killed_at_any_point_and_called_again_it_comes_to_the_same_end() {
    let states: [fn(&Lab); 4] = [
        // Before anything.
        |_| {},
        // While the evidence was written.
        |lab| {
            fs::create_dir(lab.evidence()).unwrap();
            let partial = format!("binlog.000001-cut-at-{}.partial", lab.cut.at);
            fs::write(lab.evidence().join(partial), vec![9; 5000]).unwrap();
        },
        // After the evidence.
        |lab| {
            cut(&lab.cut, &lab.evidence()).unwrap();
            fs::write(&lab.cut.file, &lab.writer.bytes).unwrap();
        },
        // After the cut.
        |lab| {
            cut(&lab.cut, &lab.evidence()).unwrap();
        },
    ];
    for killed in states {
        let lab = lab();
        killed(&lab);
        lab.check(&cut(&lab.cut, &lab.evidence()).unwrap());
    }
}

#[test]
fn the_evidence_of_an_earlier_data_directory_is_never_overwritten() {
    let lab = lab();
    fs::create_dir(lab.evidence()).unwrap();
    let name = format!("binlog.000001-cut-at-{}", lab.cut.at);
    let earlier = lab.evidence().join(&name);
    fs::write(&earlier, "another tail").unwrap();
    let done = cut(&lab.cut, &lab.evidence()).unwrap();
    assert_eq!(done.evidence, lab.evidence().join(format!("{name}.2")));
    assert_eq!(fs::read(earlier).unwrap(), b"another tail");
    // Called again, it finds its own.
    assert_eq!(cut(&lab.cut, &lab.evidence()).unwrap(), done);
}

#[test]
fn nothing_is_cut_without_evidence_or_from_another_file() {
    let lab = lab();
    let nowhere = lab.dir.path().join("not/there");
    assert!(matches!(
        cut(&lab.cut, &nowhere),
        Err(TailError::Evidence { .. })
    ));
    assert_eq!(fs::read(&lab.cut.file).unwrap(), lab.writer.bytes);

    let mut other = lab.writer.clone();
    other.transaction("", 3, Does::Rows);
    fs::write(&lab.cut.file, &other.bytes).unwrap();
    assert!(matches!(
        cut(&lab.cut, &lab.evidence()),
        Err(TailError::Changed { .. })
    ));
    assert_eq!(fs::read(&lab.cut.file).unwrap(), other.bytes);

    // Cut by somebody who kept nothing.
    let (head, history, _) = lab.split();
    fs::write(&lab.cut.file, [head, history].concat()).unwrap();
    assert!(matches!(
        cut(&lab.cut, &lab.evidence()),
        Err(TailError::Changed { .. })
    ));
}
