//! The crates that decide may not look at the world: what they depend on, and what they call.

use std::collections::BTreeSet;

use crate::checkout::cargo;
use crate::rust_source::{has_word, product};

/// The pure crates.
const PURE: [&str; 3] = ["model", "planner", "resources"];

/// Packages that bring a runtime, a client, a clock, a random source, a log or the operating system. A name that ends
/// in `*` stands for all names with that beginning.
const FORBIDDEN: [&str; 41] = [
    "async-std",
    "chrono",
    "env_logger",
    "fastrand",
    "futures*",
    "getrandom",
    "h2",
    "hyper*",
    "jiff",
    "kube",
    "kube-client",
    "kube-runtime",
    "libc",
    "log",
    "mio",
    "moco-agent",
    "moco-controller",
    "moco-mysql",
    "moco-pass",
    "moco-pki",
    "moco-supervisor",
    "moco-wire",
    "mysql*",
    "nix",
    "openssl*",
    "prometheus*",
    "rand*",
    "reqwest",
    "ring",
    "rustix",
    "rustls*",
    "signal-hook*",
    "smol",
    "socket2",
    "tempfile",
    "time",
    "tokio*",
    "tonic*",
    "tower*",
    "tracing*",
    "uuid",
];

/// What is in spite of that linked, by whom, and why that is no harm.
const ALLOWED: [(&str, &str, &str); 1] = [(
    "resources",
    "jiff",
    "k8s-openapi has its times as a type of jiff; reading the clock is found by the test of what is called",
)];

fn matches(pattern: &str, name: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == name, |start| name.starts_with(start))
}

/// Every package that the crate links, itself left out; macros run in the compiler and do not count.
fn linked(name: &str) -> BTreeSet<String> {
    let package = format!("moco-{name}");
    let tree = cargo(&[
        "tree",
        "--locked",
        "--package",
        &package,
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let names = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != package)
        .map(str::to_owned)
        .collect()
}

#[test]
fn pure_crates_link_no_runtime_client_clock_or_random_source() {
    let mut used = BTreeSet::new();
    for name in PURE {
        let linked = linked(name);
        assert!(
            linked.contains("serde"),
            "the tree of {name} was not read: {linked:?}"
        );
        for package in &linked {
            if !FORBIDDEN.iter().any(|pattern| matches(pattern, package)) {
                continue;
            }
            let allowed = ALLOWED
                .iter()
                .find(|(by, what, _)| *by == name && what == package);
            assert!(allowed.is_some(), "{name} links {package}");
            used.insert((name, package.clone()));
        }
    }
    assert_eq!(
        used.len(),
        ALLOWED.len(),
        "an exception is not needed any more; needed are {used:?}"
    );
}

#[test]
fn pure_crates_call_no_clock_and_touch_no_file_process_or_environment() {
    let forbidden = [
        "std::env",
        "std::fs",
        "std::io",
        "std::net",
        "std::process",
        "std::thread",
        "std::os",
        "SystemTime",
        "Instant",
        "Timestamp::now",
        "Zoned::now",
        "HashMap",
        "HashSet",
        "RandomState",
        "async fn",
        "println",
        "eprintln",
        "print",
        "eprint",
        "dbg",
    ];
    let mut found = Vec::new();
    // The types and rules of the interface are not pure by their dependencies, but by what they call.
    for name in PURE.into_iter().chain(["api"]) {
        let sources = product(name);
        assert!(!sources.is_empty(), "no source of {name} was read");
        for (path, source) in sources {
            for (line, number) in source.code.lines().zip(1..) {
                let words = forbidden.iter().filter(|word| has_word(line, word));
                found.extend(words.map(|word| format!("{path}:{number}: {word}")));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn one_tls_provider_is_built_and_one_yaml() {
    let tree = cargo(&[
        "tree",
        "--locked",
        "--workspace",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let built: BTreeSet<_> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(
        built.contains("aws-lc-rs") && built.contains("serde-saphyr"),
        "the tree was not read"
    );
    for refused in [
        "ring",
        "openssl-sys",
        "openssl",
        "native-tls",
        "serde_yaml",
        "chrono",
    ] {
        assert!(!built.contains(refused), "{refused} is built");
    }
}

#[test]
fn a_pattern_with_a_star_matches_beginnings_only() {
    assert!(matches("tokio*", "tokio-util") && matches("log", "log"));
    assert!(!matches("log", "logos") && !matches("rand*", "ordered-float"));
}
