//! Container images without a builder: layers, configuration and manifests in one OCI archive that
//! `ctr images import` reads.
//!
//! The same input gives the same bytes: entries are sorted, times are zero.

mod layer;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

pub(crate) use layer::{Blob, Layer};

use crate::tools::hex;

/// An image: its name, its layers from the lowest to the highest, and how it is run.
pub(crate) struct Image<'a> {
    pub(crate) name: &'a str,
    pub(crate) layers: Vec<&'a Blob>,
    pub(crate) run: Run<'a>,
}

/// How a container of the image runs if the pod says nothing else.
#[derive(Clone, Copy, Default)]
pub(crate) struct Run<'a> {
    pub(crate) entrypoint: &'a [&'a str],
    pub(crate) cmd: &'a [&'a str],
    /// `UID:GID`; numeric, or the kubelet cannot tell that it is not root.
    pub(crate) user: &'a str,
}

/// What an archive holds, kept beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
    /// Of the manifest: `sha256:…`.
    pub(crate) digest: String,
    /// Of all layers.
    pub(crate) size_bytes: u64,
}

/// Writes the archive of `images` to `path`. A layer that several images share is stored once.
pub(crate) fn write_archive(path: &Path, images: &[Image<'_>]) -> Result<Vec<Listed>> {
    let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    let mut archive = Archive {
        tar: tar::Builder::new(BufWriter::new(file)),
        stored: Vec::new(),
    };
    let mut listed = Vec::new();
    let mut manifests = Vec::new();
    for image in images {
        let (digest, size) = archive.image(image)?;
        manifests.push(json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest, "size": size,
            "annotations": {"io.containerd.image.name": image.name},
        }));
        let size_bytes = image.layers.iter().map(|layer| layer.size_bytes).sum();
        listed.push(Listed {
            name: image.name.to_owned(),
            digest,
            size_bytes,
        });
    }
    archive.bytes("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    let index = json!({"schemaVersion": 2, "manifests": manifests});
    archive.bytes("index.json", index.to_string().as_bytes())?;
    let mut file = archive.tar.into_inner().context("end the archive")?;
    file.flush()
        .with_context(|| format!("write {}", path.display()))?;
    Ok(listed)
}

struct Archive {
    tar: tar::Builder<BufWriter<File>>,
    /// Digests of the blobs that are in the archive already.
    stored: Vec<String>,
}

impl Archive {
    /// Stores an image's blobs; returns digest and size of its manifest.
    fn image(&mut self, image: &Image<'_>) -> Result<(String, usize)> {
        for layer in &image.layers {
            self.layer(layer)?;
        }
        let diffs: Vec<_> = image.layers.iter().map(|layer| &layer.digest).collect();
        let config = json!({
            "architecture": "amd64", "os": "linux",
            "config": {
                "Entrypoint": image.run.entrypoint, "Cmd": image.run.cmd, "User": image.run.user,
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            },
            "rootfs": {"type": "layers", "diff_ids": diffs},
        })
        .to_string();
        let config_digest = self.blob(config.as_bytes())?;
        let layers: Vec<_> = image
            .layers
            .iter()
            .map(|layer| {
                json!({
                    "mediaType": "application/vnd.oci.image.layer.v1.tar",
                    "digest": layer.digest, "size": layer.size_bytes,
                })
            })
            .collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": config_digest, "size": config.len(),
            },
            "layers": layers,
        })
        .to_string();
        Ok((self.blob(manifest.as_bytes())?, manifest.len()))
    }

    fn blob(&mut self, bytes: &[u8]) -> Result<String> {
        let digest = format!("sha256:{}", hex(&Sha256::digest(bytes)));
        if self.is_new(&digest) {
            self.bytes(&blob_path(&digest), bytes)?;
        }
        Ok(digest)
    }

    fn layer(&mut self, layer: &Blob) -> Result<()> {
        if !self.is_new(&layer.digest) {
            return Ok(());
        }
        let shown = layer.path.display();
        let file = File::open(&layer.path).with_context(|| format!("open layer {shown}"))?;
        let mut header = plain_header(layer.size_bytes);
        self.tar
            .append_data(&mut header, blob_path(&layer.digest), file)
            .with_context(|| format!("store layer {shown}"))
    }

    fn is_new(&mut self, digest: &str) -> bool {
        let new = !self.stored.iter().any(|stored| stored == digest);
        if new {
            self.stored.push(digest.to_owned());
        }
        new
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut header = plain_header(u64::try_from(bytes.len())?);
        self.tar
            .append_data(&mut header, name, bytes)
            .with_context(|| format!("store {name}"))
    }
}

fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn plain_header(size_bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size_bytes);
    header.set_mode(0o644);
    header
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;

    use super::*;

    fn layer_with(text: &str, place: &Path) -> Blob {
        let mut layer = Layer::default();
        layer.text("etc/word", text, 0o644);
        layer.write(place).unwrap()
    }

    #[test]
    fn the_same_input_gives_the_same_bytes_and_a_shared_layer_is_stored_once() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        let low = layer_with("low", &path("low"));
        let high = layer_with("high", &path("high"));
        let images =
            [("a:1", vec![&low]), ("b:1", vec![&low, &high])].map(|(name, layers)| Image {
                name,
                layers,
                run: Run::default(),
            });
        let first = write_archive(&path("one.tar"), &images).unwrap();
        write_archive(&path("two.tar"), &images).unwrap();
        assert_eq!(
            fs::read(path("one.tar")).unwrap(),
            fs::read(path("two.tar")).unwrap()
        );
        assert_ne!(first[0].digest, first[1].digest);
        let mut archive = tar::Archive::new(File::open(path("one.tar")).unwrap());
        let names: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().into_owned())
            .collect();
        let lows = names
            .iter()
            .filter(|name| name.ends_with(low.digest.replace("sha256:", "")));
        assert_eq!(lows.count(), 1, "{names:?}");
    }

    #[test]
    fn the_index_names_each_image_and_the_digest_of_its_manifest() {
        let place = tempfile::tempdir().unwrap();
        let layer = layer_with("x", &place.path().join("layer"));
        let image = Image {
            name: "a:1",
            layers: vec![&layer],
            run: Run::default(),
        };
        let path = place.path().join("archive");
        let listed = write_archive(&path, &[image]).unwrap();
        let mut archive = tar::Archive::new(File::open(&path).unwrap());
        let mut index = String::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.path().unwrap().ends_with("index.json") {
                entry.read_to_string(&mut index).unwrap();
            }
        }
        assert!(
            index.contains(&listed[0].digest) && index.contains("\"a:1\""),
            "{index}"
        );
    }
}
