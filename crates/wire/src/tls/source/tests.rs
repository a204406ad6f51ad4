use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::tests::certificates::Ca;

/// Looks at the folder whenever it is asked.
fn follow(folder: &Path) -> Result<CredentialsSource, CredentialsError> {
    CredentialsSource::from_folder(folder, Duration::ZERO)
}

fn write(folder: &Path, pem: &PemFiles) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("ca.crt"), &pem.bundle).unwrap();
    fs::write(folder.join("tls.crt"), &pem.certificate).unwrap();
    fs::write(folder.join("tls.key"), pem.key.expose()).unwrap();
}

#[test]
fn new_files_are_taken_and_unchanged_ones_are_not_taken_again() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Ca::new(1);
    write(folder.path(), &ca.cluster("ns", "a"));
    let source = follow(folder.path()).unwrap();
    assert_eq!(source.current().generation, 1);
    assert_eq!(source.current().generation, 1);
    write(folder.path(), &ca.cluster("ns", "b"));
    assert_eq!(source.current().generation, 2);
    assert_eq!(source.identity().to_string(), "moco:cluster/ns/b");
    assert_eq!(source.current().generation, 2);
}

#[test]
fn a_folder_is_looked_at_no_more_often_than_agreed() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Ca::new(1);
    write(folder.path(), &ca.cluster("ns", "a"));
    let hour = Duration::from_secs(3600);
    let source = CredentialsSource::from_folder(folder.path(), hour).unwrap();
    write(folder.path(), &ca.cluster("ns", "b"));
    assert_eq!(source.current().generation, 1);
}

#[test]
fn files_that_cannot_be_used_leave_the_old_credentials_and_are_told_until_mended() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Ca::new(1);
    let good = ca.cluster("ns", "a");
    write(folder.path(), &good);
    let source = follow(folder.path()).unwrap();
    assert!(source.trouble().is_none());

    fs::write(folder.path().join("tls.crt"), "no certificate").unwrap();
    assert_eq!(source.identity().to_string(), "moco:cluster/ns/a");
    let first = source.trouble().unwrap();
    assert!(
        matches!(*first, CredentialsError::Unusable { .. }),
        "{first:?}"
    );
    // Reported once: the same trouble is not made again by the next look.
    assert!(Arc::ptr_eq(&first, &source.trouble().unwrap()));

    fs::remove_file(folder.path().join("tls.key")).unwrap();
    let second = source.trouble().unwrap();
    assert!(second.to_string().ends_with("tls.key"), "{second}");
    assert!(Arc::ptr_eq(&second, &source.trouble().unwrap()));
    assert_eq!(source.current().generation, 1);

    write(folder.path(), &good);
    assert!(source.trouble().is_none());
    assert_eq!(source.identity().to_string(), "moco:cluster/ns/a");
}

#[test]
fn a_key_of_another_pair_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Ca::new(1);
    write(folder.path(), &ca.cluster("ns", "a"));
    let source = follow(folder.path()).unwrap();
    let other = ca.cluster("ns", "b");
    fs::write(folder.path().join("tls.key"), other.key.expose()).unwrap();
    assert!(source.trouble().is_some());
    assert_eq!(source.current().generation, 1);
}

#[test]
fn a_mounted_secret_is_followed_when_its_link_moves() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Ca::new(1);
    let path = |name: &str| folder.path().join(name);
    write(&path("..first"), &ca.cluster("ns", "a"));
    symlink("..first", path("..data")).unwrap();
    // Kubernetes also lays a link to each file beside `..data`. They are not used: read one after
    // the other they could lead into two different updates.
    let source = follow(folder.path()).unwrap();
    write(&path("..second"), &ca.cluster("ns", "b"));
    symlink("..second", path("..data_tmp")).unwrap();
    fs::rename(path("..data_tmp"), path("..data")).unwrap();
    fs::remove_dir_all(path("..first")).unwrap();
    assert_eq!(source.identity().to_string(), "moco:cluster/ns/b");
    assert!(source.trouble().is_none());
}

#[test]
fn what_is_put_into_the_channel_is_taken() {
    let ca = Ca::new(1);
    let (put, channel) = watch::channel(ca.controller());
    let source = CredentialsSource::from_channel(channel).unwrap();
    assert_eq!(source.identity(), Identity::Controller);
    put.send(ca.cluster("ns", "a")).unwrap();
    assert_eq!(source.identity().to_string(), "moco:cluster/ns/a");
    let broken = PemFiles {
        key: KeyPem::new("-----BEGIN secret"),
        ..ca.controller()
    };
    put.send(broken).unwrap();
    assert_eq!(source.identity().to_string(), "moco:cluster/ns/a");
    let trouble = source.trouble().unwrap();
    assert!(!chain(&*trouble).contains("secret"), "{trouble:?}");
    drop(put);
    assert_eq!(source.current().generation, 2);
}

#[test]
fn an_empty_or_missing_folder_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let error = follow(folder.path()).unwrap_err();
    assert!(error.to_string().ends_with("ca.crt"), "{error}");
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &Ca::new(1).cluster("ns", "a"));
    fs::write(folder.path().join("ca.crt"), "x".repeat(256 * 1024 + 1)).unwrap();
    let error = follow(folder.path()).unwrap_err();
    assert!(chain(&error).contains("larger than"), "{error:?}");
}

#[test]
fn debug_output_shows_no_key() {
    let pem = Ca::new(1).controller();
    let (_put, channel) = watch::channel(pem.clone());
    let source = CredentialsSource::from_channel(channel).unwrap();
    let printed = format!("{pem:?} {source:?}");
    assert!(printed.contains("Controller"), "{printed}");
    assert!(!printed.contains("BEGIN"), "{printed}");
}
