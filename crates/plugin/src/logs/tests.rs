use clap::Parser as _;
use serde_json::json;

use super::*;
use crate::cli::{Ask, Cli, Verb};

pub(super) fn asked(line: &str) -> Logs {
    let words = ["kubectl-moco", "logs"].into_iter().chain(line.split(' '));
    match Cli::try_parse_from(words).unwrap().verb {
        Verb::Ask(Ask::Logs(logs)) => logs,
        _ => panic!("not logs"),
    }
}

fn pods_of(members: u32) -> BTreeMap<MemberId, Pod> {
    let pod = |member: u32| {
        let pod = json!({
            "metadata": { "name": format!("moco-orders-{member}") },
            "spec": {
                "initContainers": [{ "name": "copy-moco-init" }],
                "containers": [{ "name": "mysqld" }, { "name": "slow-log" }],
            },
        });
        (MemberId(member), serde_json::from_value(pod).unwrap())
    };
    (0..members).map(pod).collect()
}

fn named(line: &str) -> Vec<String> {
    let all = sources(&pods_of(2), &asked(line)).unwrap();
    let name = |source: &Source| prefix(source, &all);
    all.iter().map(name).collect()
}

#[test]
fn mysqld_of_every_member_is_meant_unless_something_else_is_named() {
    assert_eq!(named("orders"), ["[0] ", "[1] "]);
    assert_eq!(named("orders --index 1"), [""]);
    assert_eq!(named("orders -c slow-log"), ["[0] ", "[1] "]);
    assert_eq!(
        named("orders --index 0 --all-containers"),
        ["[0 copy-moco-init] ", "[0 mysqld] ", "[0 slow-log] "]
    );
}

#[test]
fn what_is_not_there_is_named() {
    let refused = |line: &str| sources(&pods_of(2), &asked(line)).unwrap_err().to_string();
    assert_eq!(refused("orders --index 2"), "member 2 has no pod");
    assert_eq!(
        refused("orders -c agent"),
        "no pod has a container agent; there are copy-moco-init, mysqld, slow-log"
    );
    let none = sources(&BTreeMap::new(), &asked("orders")).unwrap_err();
    assert_eq!(none, Refusal::Empty);
}

#[test]
fn lines_of_all_members_are_in_the_order_of_time_and_those_of_one_in_their_own() {
    let first = "2026-02-03T04:05:06.1Z a\n2026-02-03T04:05:09Z b\n2026-02-03T04:05:07Z set back\n";
    let second = "2026-02-03T04:05:06.1Z c\nno time\n2026-02-03T04:05:08.999Z d\n";
    let logs = [("[0] ", first), ("[1] ", second)];
    let logs = logs.map(|(prefix, log)| (prefix.to_owned(), entries(log)));
    assert_eq!(
        merged(logs.into()),
        "[0] a\n[1] c\n[1] no time\n[1] d\n[0] b\n[0] set back\n"
    );
}

#[test]
fn a_log_is_bounded_also_when_nobody_says_so() {
    assert_eq!(tail(&asked("orders")), 1_000);
    assert_eq!(tail(&asked("orders --since 5m")), 100_000);
    assert_eq!(tail(&asked("orders --since 5m --tail 7")), 7);
}
