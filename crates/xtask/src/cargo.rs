//! How this program calls Cargo: always into the cached target folder, tests and images with the same flags, so that
//! what one built the other finds.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::cmd::Cmd;
use crate::paths;

/// The target of everything that runs in an image. Named explicitly, so that the static flag does not reach build
/// scripts and procedural macros.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// How a build is optimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to link, optimised enough to be honest.
    Quick,
    /// As it is released.
    Release,
}

impl Profile {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Release => "release",
        }
    }
}

/// A call of Cargo in the checkout.
pub(crate) fn cargo() -> Result<Cmd> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Ok(Cmd::new(program)
        .dir(&paths::checkout()?)
        .env("CARGO_TARGET_DIR", paths::cargo_target()?)
        .within(Duration::from_secs(7200)))
}

/// `cargo WORD` for static programs of the given profile.
pub(crate) fn static_cargo(word: &str, profile: Profile) -> Result<Cmd> {
    Ok(cargo()?
        .env(
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
            "-C target-feature=+crt-static",
        )
        .args([word, "--profile", profile.name(), "--target", TARGET]))
}

/// Builds the static binary of `package` and returns its path.
pub(crate) fn build_static(package: &str, profile: Profile) -> Result<PathBuf> {
    static_cargo("build", profile)?
        .args(["--package", package])
        .run_shown()?;
    Ok(paths::cargo_target()?
        .join(TARGET)
        .join(profile.name())
        .join(package))
}

/// A package of the workspace and its integration tests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Names of the targets of kind `test`.
    pub(crate) tests: Vec<String>,
}

/// The packages of the workspace.
pub(crate) fn packages() -> Result<Vec<Package>> {
    let text = cargo()?
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .output()
        .context("ask Cargo for the workspace")?;
    Ok(packages_in(
        &serde_json::from_str(&text).context("read Cargo's metadata")?,
    ))
}

fn packages_in(metadata: &Value) -> Vec<Package> {
    let listed = |value: &Value, name: &str| -> Vec<Value> {
        value
            .get(name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let name_of = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
    listed(metadata, "packages")
        .iter()
        .filter_map(|package| {
            let tests = listed(package, "targets")
                .iter()
                .filter(|target| listed(target, "kind").iter().any(|kind| kind == "test"))
                .filter_map(name_of)
                .collect();
            Some(Package {
                name: name_of(package)?,
                tests,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn integration_tests_are_read_from_the_metadata() {
        let metadata = json!({"packages": [{"name": "a", "targets": [
            {"name": "a", "kind": ["lib"]}, {"name": "real_server", "kind": ["test"]},
        ]}]});
        let wanted = Package {
            name: "a".to_owned(),
            tests: vec!["real_server".to_owned()],
        };
        assert_eq!(packages_in(&metadata), [wanted]);
    }
}
