use clap::CommandFactory as _;

use super::*;

fn parse(line: &str) -> Cli {
    let words = std::iter::once("kubectl-moco").chain(line.split(' '));
    Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn ask(line: &str) -> Ask {
    match parse(line).verb {
        Verb::Ask(ask) => ask,
        _ => panic!("{line} asks nobody"),
    }
}

#[test]
fn the_command_line_has_no_contradiction() {
    Cli::command().debug_assert();
}

#[test]
fn what_follows_two_dashes_is_for_mysql_and_connection_flags_stand_anywhere() {
    let cli = parse("-n foo mysql -u moco-writable -it mycluster -- -N -e x --index 7");
    assert_eq!(cli.connection.namespace.as_deref(), Some("foo"));
    let Verb::Ask(Ask::Mysql(mysql)) = cli.verb else {
        panic!("not mysql")
    };
    assert_eq!(mysql.args, ["-N", "-e", "x", "--index", "7"]);
    assert_eq!((mysql.user, mysql.index), (User::Writable, None));
    assert!(mysql.stdin && mysql.tty);
    let cli = parse("mysql mycluster --index -1 db --namespace foo");
    assert_eq!(cli.connection.namespace.as_deref(), Some("foo"));
    let Verb::Ask(Ask::Mysql(mysql)) = cli.verb else {
        panic!("not mysql")
    };
    assert_eq!((mysql.index, mysql.args), (Some(-1), vec!["db".into()]));
}

#[test]
fn credential_works_with_and_without_the_word_show() {
    for line in [
        "credential -u moco-admin --format mycnf mycluster",
        "credential show mycluster --format mycnf -u moco-admin",
    ] {
        let Ask::Credential(credential) = ask(line) else {
            panic!("not credential")
        };
        let show = credential.shown().unwrap();
        assert_eq!(show.cluster, "mycluster");
        assert_eq!(show.user, User::Admin);
        assert_eq!(show.format, CredentialFormat::Mycnf);
    }
}

#[test]
fn stop_and_start_take_the_words_they_always_took() {
    let Ask::Stop(pause) = ask("stop clustering mycluster") else {
        panic!("not stop")
    };
    assert_eq!(pause.what, What::Clustering);
    let Ask::Start(pause) = ask("start reconciliation mycluster") else {
        panic!("not start")
    };
    assert_eq!(pause.what, What::Reconciliation);
}

#[test]
fn a_switchover_waits_two_minutes_unless_told_otherwise() {
    let Ask::Switchover(switchover) = ask("switchover db --to 2") else {
        panic!("not switchover")
    };
    assert_eq!(switchover.to, Some(2));
    assert_eq!(switchover.timeout, Duration::from_secs(120));
    assert!(!switchover.no_wait);
    assert!(Cli::try_parse_from(["x", "switchover", "db", "--timeout", "0s"]).is_err());
    let both = ["x", "switchover", "db", "--timeout", "1s", "--no-wait"];
    assert!(Cli::try_parse_from(both).is_err());
}

#[test]
fn logs_of_the_slow_queries_are_one_file_and_followed_logs_are_not_over() {
    let Ask::Logs(logs) = ask("logs orders -f --since 5m --tail 7") else {
        panic!("not logs")
    };
    assert_eq!(
        (logs.tail, logs.since),
        (Some(7), Some(Duration::from_secs(300)))
    );
    for wrong in [
        "logs o --slow -c x",
        "logs o -p -f",
        "logs o -c x --all-containers",
    ] {
        let words = std::iter::once("x").chain(wrong.split(' '));
        assert!(Cli::try_parse_from(words).is_err(), "{wrong}");
    }
}

#[test]
fn the_users_are_moco_s_accounts() {
    for user in User::value_variants() {
        let name = user.to_possible_value().unwrap();
        assert_eq!(name.get_name(), user.account().user());
    }
}
