use super::*;

fn with(options: &[(&str, &str)]) -> MyCnf {
    let user = options
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let size = Size {
        memory_bytes: Some(4 << 30),
        cpu_millis: Some(6000),
        data_bytes: Some(100 << 30),
    };
    generate(&Place::pod(), size, &user)
}

/// The lines of a file that the same without these options does not have.
fn added(cnf: &MyCnf) -> Vec<&str> {
    let plain = with(&[]).text;
    cnf.text
        .lines()
        .filter(|line| !plain.lines().any(|other| other == *line))
        .collect()
}

#[test]
fn the_file_changes_only_on_purpose() {
    let cnf = with(&[]);
    assert_eq!(cnf.notes, []);
    insta::assert_snapshot!("my_cnf", cnf.text);
}

#[test]
fn a_users_option_replaces_a_default_however_it_is_spelt() {
    let cnf = with(&[
        ("max-connections", "10"),
        ("loose_innodb-print-all-deadlocks", "OFF"),
    ]);
    assert_eq!(cnf.notes, []);
    let expected = [
        "loose_innodb_print_all_deadlocks = OFF",
        "max_connections = 10",
    ];
    assert_eq!(added(&cnf), expected);
    assert!(!cnf.text.contains("\nmax_connections = 100000\n"));
    assert!(!cnf.text.contains("\ninnodb_print_all_deadlocks"));
}

#[test]
fn no_spelling_of_what_moco_depends_on_reaches_the_file() {
    for one in fixed(&Place::pod()) {
        for prefix in ["", "loose_", "skip_", "disable_", "loose_skip_", "maximum-"] {
            for value in ["no-such-value", ""] {
                let key = format!("{prefix}{}", one.name.replace('_', "-"));
                let cnf = with(&[(&key, value)]);
                assert_eq!(cnf.notes.len(), 1, "{key}");
                assert_eq!(cnf.notes[0].kind, NoteKind::Overridden, "{key}");
                assert_eq!(added(&cnf), Vec::<&str>::new(), "{key}");
                let included = with(&[("_include", &format!("{key}={value}"))]);
                assert!(
                    added(&included)
                        .iter()
                        .all(|line| line.starts_with(['#', '['])),
                    "{key}"
                );
            }
        }
    }
}

#[test]
fn a_value_that_moco_sets_anyway_needs_no_note() {
    for (key, value) in [
        ("gtid-mode", "on"),
        ("super_read_only", "1"),
        ("sync_binlog", "1"),
        ("binlog-format", "row"),
        ("master_info_repository", "TABLE"),
        ("temptable_use_mmap", "OFF"),
    ] {
        assert_eq!(with(&[(key, value)]).notes, [], "{key}");
    }
}

#[test]
fn options_that_are_not_passed_on_as_given_are_told_with_the_reason() {
    let mut answers = String::new();
    for (key, value) in [
        ("log_bin", "/other/place"),
        ("skip-log-bin", ""),
        ("log_error", "/x"),
        ("server_id", "7"),
        ("offline_mode", "ON"),
        ("skip_grant_tables", ""),
        ("binlog_format", "STATEMENT"),
        ("init_file", "/x.sql"),
        ("replicate-do-db", "a"),
        ("rpl_semi_sync_master_timeout", "1000"),
        ("rpl_semi_sync_source_wait_for_replica_count", "0"),
        ("slave_net_timeout", "60"),
        ("slave_parallel_workers", "8"),
        ("slave_parallel_type", "DATABASE"),
        ("slave_transaction_retries", "5"),
        ("tx_isolation", "READ-COMMITTED"),
        ("expire_logs_days", "3"),
        ("expire_logs_days", "many"),
        ("innodb_log_file_size", "1G"),
        ("innodb_log_files_in_group", "4"),
        ("innodb_flush_method", "nosync"),
        ("innodb_flush_method", "5"),
        ("default_authentication_plugin", "mysql_native_password"),
        ("default_authentication_plugin", "caching_sha2_password"),
        ("authentication_policy", "mysql_native_password"),
        ("character_set_server", "utf8"),
        ("temptable_use_mmap", "ON"),
        ("query_cache_size", "1M"),
        ("skip_host_cache", ""),
        ("log_warnings", "2"),
        ("plugin_load", "a.so;b.so"),
        ("plugin-load-add", "c.so"),
        ("innodb_undo_directory", "/x"),
        ("max_connections", "10\nsuper_read_only=OFF"),
        ("max connections", "10"),
        ("[client]", "x"),
        (
            "_include",
            "a=1\n[client]\n!include /x\nsuper-read-only=OFF\nslave_compressed_protocol=1\nperformance_schema_instrument='%=on'",
        ),
    ] {
        let cnf = with(&[(key, value)]);
        answers.extend([key, " = ", &format!("{value:?}"), "\n"]);
        for note in &cnf.notes {
            answers.extend([
                "  ",
                &format!("{:?}", note.kind),
                ": ",
                &note.sentence,
                "\n",
            ]);
        }
        for line in added(&cnf)
            .iter()
            .filter(|line| !line.starts_with("# From"))
        {
            answers.extend(["  > ", line, "\n"]);
        }
    }
    insta::assert_snapshot!("user_options", answers);
}

#[test]
fn a_plugin_that_moco_loads_is_not_loaded_twice() {
    for key in ["plugin_load", "plugin-load-add"] {
        let cnf = with(&[(
            key,
            "rpl_semi_sync_master=semisync_master.so;mysql_clone.so;x=a.so",
        )]);
        assert_eq!(added(&cnf), ["plugin_load_add = x=a.so"]);
        assert_eq!(added(&with(&[(key, "mysql_clone.so")])), Vec::<&str>::new());
    }
}

#[test]
fn old_words_for_the_redo_log_amount_to_the_new_one() {
    let capacity = |options: &[(&str, &str)]| {
        let cnf = with(options);
        let line = cnf
            .text
            .lines()
            .find(|line| line.starts_with("innodb_redo_log_capacity"));
        line.unwrap().split(" = ").nth(1).unwrap().to_owned()
    };
    let both = [
        ("innodb_log_file_size", "1G"),
        ("innodb-log-files-in-group", "3"),
    ];
    assert_eq!(capacity(&both), (3_u64 << 30).to_string());
    let mixed = [
        ("innodb_log_file_size", "1G"),
        ("innodb_redo_log_capacity", "7G"),
    ];
    assert_eq!(capacity(&mixed), "7G");
    assert_eq!(
        capacity(&[("innodb_log_file_size", "1K")]),
        (8_u64 << 20).to_string()
    );
}

#[test]
fn a_value_is_never_repeated_in_a_note() {
    for key in [
        "log_error",
        "slave_net_timeout",
        "super_read_only",
        "innodb_flush_method",
    ] {
        let cnf = with(&[(key, "hunter2")]);
        assert!(!format!("{:?}", cnf.notes).contains("hunter2"), "{key}");
    }
}

#[test]
fn text_to_include_cannot_reach_another_section() {
    let cnf = with(&[("_include", "max_user_connections=5\n[client]\nuser=x")]);
    let (before, after) = cnf
        .text
        .split_once("# Not passed on by MOCO: [client]")
        .unwrap();
    assert!(before.contains("max_user_connections=5"));
    let mysqld_again = after.find("[mysqld]").unwrap();
    assert!(mysqld_again < after.find("max_connections").unwrap());
}
