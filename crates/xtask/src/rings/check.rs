//! What needs no run: format, lints, documentation.

use anyhow::Result;

use crate::cargo::cargo;
use crate::counts::Counts;
use crate::say::say;

/// Makes every check, also after one has failed.
pub(crate) fn check() -> Result<Counts> {
    let mut counts = Counts::default();
    say("cargo fmt --check");
    let format = cargo()?.args(["fmt", "--all", "--check"]);
    counts += Counts::of(
        "cargo fmt --check (mend it with `cargo fmt`)",
        format.run_shown(),
    );
    say("cargo clippy");
    let lints = cargo()?.args([
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]);
    counts += Counts::of("cargo clippy", lints.run_shown());
    say("cargo doc");
    let documentation = cargo()?
        .args([
            "doc",
            "--quiet",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ])
        .env(
            "RUSTDOCFLAGS",
            "--deny warnings --allow rustdoc::private_intra_doc_links",
        );
    counts += Counts::of("cargo doc", documentation.run_shown());
    say("cargo xtask gen --check");
    counts += Counts::of("generated files", crate::generate::check());
    Ok(counts)
}
