use super::*;

fn at(line: &str) -> Context {
    let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
    let (typed, before) = words.split_last().unwrap();
    context(before, typed)
}

fn words(line: &str) -> Vec<String> {
    match at(line).place {
        Place::Words(words) => words.into_iter().map(|(word, _)| word).collect(),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn verbs_are_offered_first_and_none_that_is_hidden() {
    let verbs = words("");
    assert!(verbs.contains(&"switchover".to_owned()), "{verbs:?}");
    assert!(!verbs.contains(&"__complete".to_owned()), "{verbs:?}");
    assert_eq!(words("-n shop "), verbs);
    assert_eq!(words("stop "), ["clustering", "reconciliation"]);
    assert_eq!(words("completion "), ["bash", "zsh", "fish"]);
}

#[test]
fn clusters_are_offered_where_a_cluster_is_meant_and_looked_for_where_the_flags_say() {
    for line in [
        "status ",
        "mysql -it ",
        "stop clustering ",
        "credential show ",
        "credential ",
        "logs -f ",
        "report ",
    ] {
        assert_eq!(at(line).place, Place::Cluster, "{line}");
    }
    let context = at("-n shop mysql --context=there -u moco-admin or");
    assert_eq!(context.place, Place::Cluster);
    assert_eq!(context.connection, ["-n", "shop", "--context=there"]);
    assert_eq!(at("status orders ").place, Place::Unknown);
    assert_eq!(at("mysql orders -- ").place, Place::Unknown);
}

#[test]
fn values_of_flags_are_offered_after_them() {
    let users = ["moco-readonly", "moco-writable", "moco-admin"];
    assert_eq!(words("mysql -u "), users);
    assert_eq!(words("mysql -itu "), users);
    assert_eq!(words("credential --mysql-user "), users);
    assert_eq!(words("credential --format "), ["plain", "mycnf"]);
    assert_eq!(words("status -o "), ["json", "yaml", "wide"]);
    assert_eq!(words("failovers -o "), ["json", "yaml"]);
    assert_eq!(at("switchover --to ").place, Place::Unknown);
    assert_eq!(at("plan -f ").place, Place::File);
    assert_eq!(at("report orders --file ").place, Place::File);
}

#[test]
fn flags_are_offered_when_one_is_begun() {
    let flags = words("switchover --");
    assert!(flags.contains(&"--to".to_owned()), "{flags:?}");
    assert!(flags.contains(&"--context".to_owned()), "{flags:?}");
}

#[test]
fn the_answer_is_what_kubectl_reads() {
    let candidates = [("one", "first"), ("other", ""), ("two", "")]
        .map(|(word, help)| (word.to_owned(), help.to_owned()));
    assert_eq!(text(&candidates, "o", NO_FILES), "one\tfirst\nother\n:4\n");
}

/// Runs the script in a real bash, with a function in the place of the program.
#[test]
fn bash_offers_what_the_program_answers_and_files_where_it_says_so() {
    let offered = |typed: &str| {
        let test = format!(
            "asked() {{ echo \"$*\" >&2; printf 'orders\\ta cluster\\norphans\\n:0\\n'; }}\n\
             compopt() {{ echo \"compopt $*\"; }}\n{}\nCOMP_WORDS=(asked {typed}); COMP_CWORD=2\n\
             _kubectl_moco; echo \"${{COMPREPLY[*]}}\"",
            script(ForShell::Bash)
        );
        let run = std::process::Command::new("bash")
            .args(["-c", &test])
            .output();
        String::from_utf8(run.unwrap().stdout).unwrap()
    };
    assert_eq!(offered("status or"), "compopt -o default\norders orphans\n");
}

#[test]
fn every_shell_asks_the_program_itself() {
    for shell in [ForShell::Bash, ForShell::Zsh, ForShell::Fish] {
        let script = script(shell);
        assert!(script.contains("__complete -- "), "{shell:?}");
        assert!(script.contains("kubectl-moco"), "{shell:?}");
    }
}
