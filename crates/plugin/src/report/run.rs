//! Makes the report.

use std::fs::{OpenOptions, remove_file};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;
use moco_model::ClusterId;

use super::File;
use super::archive;
use super::collect::Collection;
use crate::calls::Calls;
use crate::cli::Report;
use crate::commands::{Answer, refuse};
use crate::output::{complain, say};

/// What stands at the beginning of every report.
const ABOUT: &str = "What `kubectl moco report` found. Data of Secrets was not read. Values of environment \
                     variables, and what follows words such as password, are left out everywhere; read it \
                     through before you give it away all the same: names, addresses and statements are in it.\n";

/// Carries `kubectl moco report` out.
pub(crate) async fn run(calls: &Calls, asked: &Report) -> anyhow::Result<Answer> {
    let id = calls.id(&asked.cluster)?;
    let Some(stored) = calls.stored(&id).await? else {
        return Ok(refuse(&format!("there is no MySQLCluster {id}")));
    };
    let options = stored.data.pointer("/spec/mysqlConfigMapName");
    let options = options.and_then(|name| name.as_str().map(str::to_owned));
    let mut collection = Collection::of(&id, &stored)?;
    collection
        .add_objects(calls, &id, options.as_deref())
        .await?;
    collection.add_members(calls, &id).await;
    let theirs = calls.within(&asked.system_namespace);
    collection.add_controllers(&theirs).await?;
    let Collection { mut files, missing } = collection;
    files.push(about(&missing));
    let now = Timestamp::now();
    let folder = folder(&id, now);
    let path = asked.file.clone();
    let path = path.unwrap_or_else(|| PathBuf::from(format!("{folder}.tar.gz")));
    store(&path, &folder, &files, now)?;
    for because in &missing {
        complain(&format!("warning: not in the report: {because}"));
    }
    say(&format!(
        "wrote {} with {} files",
        path.display(),
        files.len()
    ))?;
    Ok(Answer::Yes)
}

fn about(missing: &[String]) -> File {
    let mut text = ABOUT.to_owned();
    if !missing.is_empty() {
        text.push_str("\nNot in it:\n");
    }
    for because in missing {
        text.extend(["- ", because, "\n"]);
    }
    File {
        path: "README.txt".to_owned(),
        text,
    }
}

/// The name of the archive and of the folder in it.
fn folder(id: &ClusterId, now: Timestamp) -> String {
    let at = now.strftime("%Y%m%dT%H%M%SZ");
    format!("moco-report-{}-{}-{at}", id.namespace, id.name)
}

/// Writes the archive for its owner only, and never over another file.
fn store(path: &Path, folder: &str, files: &[File], now: Timestamp) -> anyhow::Result<()> {
    let what = || format!("cannot write {}", path.display());
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let at = u64::try_from(now.as_second()).unwrap_or_default();
    let written = archive::write(BufWriter::new(file.with_context(what)?), folder, files, at);
    if written.is_err() {
        // Half a report is none.
        let _ = remove_file(path);
    }
    written.with_context(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_named_for_the_cluster_and_the_time_and_replaces_no_file() {
        let id = ClusterId::new("shop", "orders").unwrap();
        let now: Timestamp = "2026-02-03T04:05:06Z".parse().unwrap();
        assert_eq!(folder(&id, now), "moco-report-shop-orders-20260203T040506Z");
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("r.tar.gz");
        store(&path, "r", &[], now).unwrap();
        let again = store(&path, "r", &[], now).unwrap_err();
        assert!(
            format!("{again:#}").contains("r.tar.gz: File exists"),
            "{again:#}"
        );
    }
}
