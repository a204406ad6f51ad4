//! The page says which rights each verb needs; here that is compared with what each verb asks.

use std::collections::{BTreeMap, BTreeSet};

use clap::Parser as _;
use moco_api::constants::annotations::CLUSTERING_STOPPED;
use moco_model::MemberId;
use serde_json::{Value, json};

use crate::cli::{Ask, Cli, Verb};
use crate::commands::{End, carry_out};
use crate::connection::tests::flags;
use crate::testing::{Asked, Server, dynamic, healthy, labels, labels_of_controllers, lost};

type Rights = BTreeSet<Asked>;

fn right(resource: &str, verb: &str) -> Asked {
    Asked {
        resource: resource.to_owned(),
        verb: verb.to_owned(),
    }
}

/// The table in the section "Rights": `| verbs | resource: verb, verb; … |`.
fn written() -> BTreeMap<String, Rights> {
    let page = include_str!("../../../docs/kubectl-moco.md");
    let section = page
        .split("\n## Rights\n")
        .nth(1)
        .expect("a section Rights");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut all = BTreeMap::new();
    for row in rows {
        let mut cells = row.trim_end_matches('|').split('|');
        let (verbs, rights) = (cells.next().unwrap(), cells.next().unwrap());
        let rights: Rights = rights
            .split(';')
            .flat_map(|one| {
                let (resource, verbs) = one.split_once(':').unwrap_or_else(|| panic!("{row}"));
                let resource = resource.trim().trim_matches('`').to_owned();
                let verbs = verbs.split(',').map(str::trim).map(str::to_owned);
                verbs
                    .map(move |verb| right(&resource, &verb))
                    .collect::<Vec<_>>()
            })
            .collect();
        for verb in verbs.replace('`', "").split(',') {
            all.insert(verb.trim().to_owned(), rights.clone());
        }
    }
    all
}

fn server(mut cluster: Value) -> Server {
    let server = Server::default();
    cluster["spec"]["mysqlConfigMapName"] = json!("options");
    server.put("mysqlclusters", json!(dynamic(cluster)));
    let pod = |name: &str, labels: Value| {
        json!({
            "metadata": { "name": name, "labels": labels },
            "spec": { "containers": [{ "name": "mysqld" }] },
        })
    };
    server.put("pods", pod("moco-orders-0", labels()));
    server.put("pods", pod("moco-controller-x", labels_of_controllers()));
    let secret =
        json!({ "metadata": { "name": "moco-orders" }, "data": { "READONLY_PASSWORD": "eA==" } });
    server.put("secrets", secret);
    server.set_log("2026-02-03T04:05:06Z hello\n");
    server
}

/// What `kubectl exec` asks: newer ones by get, older ones by create.
fn exec() -> Rights {
    let all = [
        ("pods", "get"),
        ("pods/exec", "get"),
        ("pods/exec", "create"),
    ];
    all.map(|(resource, verb)| right(resource, verb)).into()
}

async fn asked(line: &str) -> Rights {
    // Only a cluster that takes no writes may be forced, and only one that was stopped is started.
    let mut cluster = if line.starts_with("force") {
        lost()
    } else {
        healthy()
    };
    if line.starts_with("start") {
        cluster["metadata"]["annotations"] = json!({ CLUSTERING_STOPPED: "true" });
    }
    let server = server(cluster);
    let words = std::iter::once("kubectl-moco").chain(line.split(' '));
    let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
    let Verb::Ask(ask) = cli.verb else {
        panic!("{line} asks nobody")
    };
    let mut rights = Rights::new();
    let end = match &ask {
        // kubectl would be run; its call is what counts.
        Ask::Logs(logs) if logs.slow => {
            let pods = server
                .calls()
                .pods_of(&server.calls().id("orders").unwrap())
                .await;
            assert_eq!(pods.unwrap().len(), 1);
            let id = server.calls().id("orders").unwrap();
            End::Become(crate::kubectl::exec(&flags(""), &id, MemberId(0)))
        }
        ask => carry_out(ask, &flags(""), &server.calls()).await.unwrap(),
    };
    if let End::Become(command) = end {
        assert!(crate::kubectl::words(&command).contains(&"exec".as_ref()));
        rights.extend(exec());
    }
    rights.extend(server.asked());
    rights
}

#[tokio::test]
async fn each_verb_asks_for_what_the_page_says_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let manifest = |name: &str| {
        format!(
            "apiVersion: moco.cybozu.com/v1beta2\nkind: MySQLCluster\nmetadata: {{ name: {name} }}\n\
             spec:\n  mysqlConfigMapName: options\n  podTemplate: {{ spec: {{ containers: \
             [{{ name: mysqld, image: i }}] }} }}\n  volumeClaimTemplates: []\n"
        )
    };
    let (known, new) = (manifest("orders"), manifest("new"));
    let known = file("known.yaml", &known);
    let new = file("new.yaml", &new);
    let report = place.path().join("r.tar.gz").display().to_string();
    let lines = [
        ("status", vec!["status orders".to_owned()]),
        ("status -o wide", vec!["status orders -o wide".to_owned()]),
        ("failovers", vec!["failovers orders".to_owned()]),
        (
            "plan",
            vec![format!("plan -f {known}"), format!("plan -f {new}")],
        ),
        (
            "switchover",
            vec!["switchover orders --timeout 50ms".to_owned()],
        ),
        (
            "switchover --no-wait",
            vec!["switchover orders --no-wait".to_owned()],
        ),
        ("force", vec!["force orders --epoch 7".to_owned()]),
        ("stop", vec!["stop clustering orders".to_owned()]),
        ("start", vec!["start clustering orders".to_owned()]),
        ("mysql", vec!["mysql orders".to_owned()]),
        ("credential", vec!["credential orders".to_owned()]),
        ("logs", vec!["logs orders".to_owned()]),
        ("logs --slow", vec!["logs orders --slow".to_owned()]),
        ("report", vec![format!("report orders --file {report}")]),
    ];
    let mut found = BTreeMap::new();
    for (verb, lines) in lines {
        let mut rights = Rights::new();
        for line in &lines {
            rights.extend(asked(line).await);
        }
        found.insert(verb.to_owned(), rights);
    }
    let server = server(healthy());
    server.calls().cluster_names().await.unwrap();
    found.insert(
        "completion of names".to_owned(),
        server.asked().into_iter().collect(),
    );
    let written = written();
    for (verb, rights) in &found {
        assert_eq!(written.get(verb), Some(rights), "{verb}");
    }
    assert_eq!(written.len(), found.len(), "{:?}", written.keys());
}
