//! Writes the generated manifests into a folder: `gen FOLDER [IMAGE [NAMESPACE]]`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use moco_resources::{install, to_yaml};
use serde_json::Value;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder: PathBuf = arguments
        .next()
        .context("give the folder to write to")?
        .into();
    let image = arguments
        .next()
        .unwrap_or_else(|| concat!("moco:", env!("CARGO_PKG_VERSION")).to_owned());
    let namespace = arguments.next().unwrap_or_else(|| "moco-system".to_owned());
    for definition in moco_api::crds() {
        let text = |pointer| definition.pointer(pointer).and_then(Value::as_str);
        let (Some(group), Some(plural)) = (text("/spec/group"), text("/spec/names/plural")) else {
            anyhow::bail!("a definition without group or name");
        };
        let file = format!("config/crd/{group}_{plural}.yaml");
        write(&folder.join(file), std::slice::from_ref(&definition))?;
    }
    write(
        &folder.join("config/install.yaml"),
        &install(&image, &namespace),
    )
}

fn write(file: &Path, objects: &[Value]) -> anyhow::Result<()> {
    let text = to_yaml(objects).context("cannot write YAML")?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let text = format!("# Generated; see the crates api and resources.\n{text}");
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
