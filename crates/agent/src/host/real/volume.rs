//! What is on the volume, and whether this member may use it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use moco_model::report::{Fault, FaultCode};
use moco_model::sentence::with_causes;
use moco_model::{ClusterUid, Guard, MemberId};

use super::guard_file;

/// Looks at the volume: the guard file if it is this member's, none if the volume was never used.
/// Nothing is changed but a probe file that is removed again.
pub fn inspect(
    volume: &Path,
    cluster: &ClusterUid,
    member: MemberId,
) -> Result<Option<Guard>, Fault> {
    let fault = |code, sentence| Fault { code, sentence };
    let found = guard_file::read(volume).map_err(|error| {
        let advice = "if nobody needs the data, delete the PersistentVolumeClaim and the pod";
        fault(
            FaultCode::GuardUnreadable,
            format!("{}; {advice}", with_causes(&error)),
        )
    })?;
    match found {
        Some(guard) if guard.cluster != *cluster || guard.member != member => Err(fault(
            FaultCode::ForeignVolume,
            format!(
                "the volume belongs to member {} of the cluster with uid {}; if nobody needs its data, delete the PersistentVolumeClaim and the pod",
                guard.member, guard.cluster
            ),
        )),
        Some(guard) => writable(volume).map(|()| Some(guard)),
        None => {
            writable(volume)?;
            if holds_files(&volume.join("data")) {
                return Err(fault(
                    FaultCode::UnknownData,
                    "the volume holds a data directory that MOCO did not make; give the member an empty volume".to_owned(),
                ));
            }
            Ok(None)
        }
    }
}

fn holds_files(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

fn writable(volume: &Path) -> Result<(), Fault> {
    let probe = volume.join("moco-probe");
    let written = fs::write(&probe, b"moco").and_then(|()| fs::remove_file(&probe));
    written.map_err(|error| Fault {
        code: FaultCode::VolumeNotWritable,
        sentence: format!(
            "cannot write to the volume at {}: {error}; check its permissions (fsGroup 10000) and free space",
            volume.display()
        ),
    })
}

/// What tells this volume from others: the id of its file system, and the device that it is on. Empty
/// when the kernel does not say.
pub fn identity(volume: &Path) -> String {
    let told = rustix::fs::statvfs(volume)
        .ok()
        .zip(fs::metadata(volume).ok());
    told.map_or_else(String::new, |(file_system, folder)| {
        format!("{:x}-{:x}", file_system.f_fsid, folder.dev())
    })
}

/// Removes the data directory of a stage that was cut. The guard file says that it is worthless.
pub fn wipe(data_dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(data_dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use moco_model::guard::DataState;
    use moco_model::{Epoch, GtidSet};

    use super::*;

    fn uid() -> ClusterUid {
        ClusterUid("u".into())
    }

    #[test]
    fn an_unused_volume_is_fine_and_an_unknown_data_directory_is_not() {
        let volume = tempfile::tempdir().unwrap();
        assert_eq!(inspect(volume.path(), &uid(), MemberId(0)), Ok(None));
        fs::create_dir(volume.path().join("data")).unwrap();
        assert_eq!(inspect(volume.path(), &uid(), MemberId(0)), Ok(None));
        fs::write(volume.path().join("data/ibdata1"), "x").unwrap();
        let fault = inspect(volume.path(), &uid(), MemberId(0)).unwrap_err();
        assert_eq!(fault.code, FaultCode::UnknownData);
    }

    #[test]
    fn the_volume_of_another_member_or_cluster_is_refused_and_its_owner_named() {
        let volume = tempfile::tempdir().unwrap();
        let guard = Guard {
            cluster: uid(),
            member: MemberId(3),
            epoch: Epoch(4),
            promised: Epoch(4),
            opened: None,
            role: None,
            membership: None,
            incarnation: "i".into(),
            data: DataState::Holding,
            boot_id: "b".into(),
            pod_uid: "p".into(),
            volume_id: "v".into(),
            watermark: GtidSet::new(),
            server_version: None,
        };
        guard_file::write(volume.path(), &guard).unwrap();
        let other = ClusterUid("w".into());
        for (cluster, member) in [(uid(), MemberId(0)), (other, MemberId(3))] {
            let fault = inspect(volume.path(), &cluster, member).unwrap_err();
            assert_eq!(fault.code, FaultCode::ForeignVolume);
            let owner = "member 3 of the cluster with uid u;";
            assert!(fault.sentence.contains(owner), "{}", fault.sentence);
        }
        let own = inspect(volume.path(), &uid(), MemberId(3));
        assert_eq!(own, Ok(Some(guard)));
    }

    #[test]
    fn volumes_differ_in_their_identity_and_one_keeps_its_own() {
        let volume = tempfile::tempdir().unwrap();
        let own = identity(volume.path());
        fs::write(volume.path().join("file"), "x").unwrap();
        assert_eq!(identity(volume.path()), own);
        assert_ne!(identity(Path::new("/proc")), own);
        assert_eq!(identity(Path::new("/nonexistent/moco")), "");
    }

    #[test]
    fn a_missing_volume_is_told_as_not_writable() {
        let fault = inspect(Path::new("/nonexistent/moco"), &uid(), MemberId(0)).unwrap_err();
        assert_eq!(fault.code, FaultCode::VolumeNotWritable);
    }
}
