//! Loading image archives into the nodes' containerd.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

use super::Testbed;
use crate::cmd::Cmd;
use crate::images::Archive;

/// Whether nodes had the images already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// All of them had.
    Before,
    /// At least one had to be given them.
    Now,
}

/// Loads an archive on one node unless the node has exactly its images.
pub(crate) fn load(testbed: &Testbed, node: u8, archive: &Archive) -> Result<Loaded> {
    let listed = ctr(testbed, node).args(["images", "list"]).output()?;
    if archive
        .images
        .iter()
        .all(|image| has(&listed, &image.name, &image.digest))
    {
        return Ok(Loaded::Before);
    }
    ctr(testbed, node)
        .args(["images", "import"])
        .arg(&archive.path)
        .within(Duration::from_secs(300))
        .run()
        .with_context(|| format!("load {} on n{node}", archive.path.display()))?;
    Ok(Loaded::Now)
}

/// Loads an archive on every node at once.
pub(crate) fn load_everywhere(testbed: &Testbed, archive: &Archive) -> Result<Loaded> {
    std::thread::scope(|scope| {
        let running: Vec<_> = testbed
            .nodes()
            .map(|node| scope.spawn(move || load(testbed, node, archive)))
            .collect();
        let mut all = Loaded::Before;
        for one in running {
            if one.join().map_err(|_| anyhow!("a thread panicked"))?? == Loaded::Now {
                all = Loaded::Now;
            }
        }
        Ok(all)
    })
}

fn ctr(testbed: &Testbed, node: u8) -> Cmd {
    Cmd::new(testbed.tools.ctr())
        .arg("--address")
        .arg(testbed.layout.containerd_socket(node))
        .args(["--namespace", "k8s.io"])
}

/// True if containerd's list has a line with this name and digest.
fn has(listed: &str, name: &str, digest: &str) -> bool {
    listed.lines().any(|line| {
        let mut fields = line.split_whitespace();
        fields.next() == Some(name) && fields.any(|field| field == digest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_with_another_digest_is_not_there() {
        let listed = "REF TYPE DIGEST SIZE\na:1 application/x sha256:1 5 MiB linux/amd64 -\n";
        assert!(has(listed, "a:1", "sha256:1"));
        assert!(!has(listed, "a:1", "sha256:2"));
        assert!(!has(listed, "b:1", "sha256:1"));
    }
}
