//! Starting, signalling and reaping mysqld.

use std::fs;

use moco_supervisor::protocol::{Ended, FromSupervise, Log, MysqldSignal, ToSupervise};
use rustix::process::Signal;

use crate::harness::{Setup, kill, runs, shell, state_of, wait_until};

#[test]
fn exit_code_16_is_told_as_it_is() {
    let supervise = Setup::new().start();
    let (mut agent, state) = supervise.greeted_agent();
    assert_eq!(
        (state.mysqld, state.last_exit, state.terminating),
        (None, None, false)
    );
    assert_eq!(state.supervise_pid, supervise.pid());
    let running = agent.start_mysqld("exit 16");
    let exit = agent.hear_exit();
    assert_eq!((exit.pid, exit.how), (running.pid, Ended::Code(16)));
    assert!(exit.at_ms >= running.started_at_ms);
}

#[test]
fn death_by_a_signal_is_told_with_its_number() {
    let supervise = Setup::new().start();
    let (mut agent, _) = supervise.greeted_agent();
    let running = agent.start_mysqld("exec sleep 1000");
    kill(running.pid, Signal::KILL);
    assert_eq!(
        agent.hear_exit().how,
        Ended::Signal {
            number: 9,
            core: false
        }
    );
    assert_eq!(
        state_of(running.pid),
        None,
        "it is reaped before it is told"
    );
}

#[test]
fn the_agents_signals_reach_mysqld() {
    let supervise = Setup::new().start();
    let (mut agent, _) = supervise.greeted_agent();
    let ready = supervise.setup.path("ready");
    let script = format!(
        "trap 'exit 7' TERM; : >{}; while :; do sleep 0.05; done",
        ready.display()
    );
    agent.start_mysqld(&script);
    wait_until("the trap is set", || ready.exists());
    agent.signal_mysqld(MysqldSignal::Term);
    assert_eq!(agent.hear_exit().how, Ended::Code(7));
    agent.start_mysqld("exec sleep 1000");
    agent.signal_mysqld(MysqldSignal::Kill);
    assert_eq!(
        agent.hear_exit().how,
        Ended::Signal {
            number: 9,
            core: false
        }
    );
    // Without a mysqld a signal does nothing, and the next start is not affected.
    agent.signal_mysqld(MysqldSignal::Kill);
    agent.start_mysqld("exit 3");
    assert_eq!(agent.hear_exit().how, Ended::Code(3));
}

#[test]
fn a_second_start_is_refused_while_mysqld_runs() {
    let supervise = Setup::new().start();
    let (mut agent, _) = supervise.greeted_agent();
    let first = agent.start_mysqld("exec sleep 1000");
    let marker = supervise.setup.path("second");
    agent.say(&ToSupervise::Start(shell(&format!(
        ": >{}",
        marker.display()
    ))));
    let answer = agent.hear();
    let FromSupervise::StartFailed { running, .. } = &answer else {
        panic!("heard {answer:?}")
    };
    assert_eq!(*running, Some(first.pid));
    assert!(runs(first.pid) && !marker.exists());
    agent.signal_mysqld(MysqldSignal::Kill);
    agent.hear_exit();
    agent.start_mysqld("exit 0");
}

#[test]
fn a_program_that_cannot_be_executed_is_told_as_a_failed_start() {
    let supervise = Setup::new().start();
    let (mut agent, _) = supervise.greeted_agent();
    let mut start = shell("");
    start.argv = vec!["/nowhere/mysqld".into()];
    let mut empty = shell("");
    empty.argv.clear();
    let mut unlogged = shell("");
    unlogged.log = Log::File("/nowhere/mysqld.log".into());
    for (start, cause) in [
        (start, "/nowhere/mysqld"),
        (empty, "empty"),
        (unlogged, "/nowhere/mysqld.log"),
    ] {
        agent.say(&ToSupervise::Start(start));
        let answer = agent.hear();
        let FromSupervise::StartFailed {
            error,
            running: None,
        } = &answer
        else {
            panic!("heard {answer:?}")
        };
        assert!(error.contains(cause), "{error}");
    }
    agent.start_mysqld("exit 0");
}

#[test]
fn mysqld_gets_the_environment_that_was_ordered_and_its_parents_pid() {
    let supervise = Setup::new().start();
    let (mut agent, _) = supervise.greeted_agent();
    let log = supervise.setup.path("mysqld.log");
    fs::write(&log, "before\n").unwrap();
    let mut start = shell("env; pwd; echo problem >&2");
    start.env.insert("COLOUR".into(), "green".into());
    start.dir = supervise.setup.dir.path().into();
    start.log = Log::File(log.clone());
    agent.say(&ToSupervise::Start(start));
    assert!(matches!(agent.hear(), FromSupervise::Started(_)));
    assert_eq!(agent.hear_exit().how, Ended::Code(0));
    let text = fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let parent = format!("MYSQLD_PARENT_PID={}", supervise.pid());
    let dir = supervise.setup.dir.path().to_str().unwrap();
    for expected in [
        "before",
        "COLOUR=green",
        "PATH=/usr/bin:/bin",
        &parent,
        dir,
        "problem",
    ] {
        assert!(lines.contains(&expected), "{expected} is missing in {text}");
    }
    assert!(
        !text.contains("MOCO_"),
        "supervise's own environment leaks: {text}"
    );
}

#[test]
fn mysqld_starts_in_its_own_session_without_blocked_or_ignored_signals_and_descriptors() {
    let supervise = Setup::new().start();
    let (mut agent, _) = supervise.greeted_agent();
    let running = agent.start_mysqld("exec sleep 1000");
    wait_until("sleep runs", || {
        fs::read_to_string(format!("/proc/{}/comm", running.pid)).unwrap() == "sleep\n"
    });
    assert_eq!(status_of(running.pid, "NSsid:"), running.pid.to_string());
    assert_eq!(signals_of(running.pid, "SigBlk:"), 0);
    assert_eq!(signals_of(running.pid, "SigIgn:"), 0);
    // There was something to put back.
    assert_ne!(signals_of(supervise.pid(), "SigIgn:"), 0);
    assert_ne!(signals_of(supervise.pid(), "SigBlk:"), 0);
    let sockets = fs::read_dir(format!("/proc/{}/fd", running.pid))
        .unwrap()
        .filter(|entry| {
            let target = fs::read_link(entry.as_ref().unwrap().path()).unwrap();
            target.to_str().unwrap().starts_with("socket:")
        });
    assert_eq!(sockets.count(), 0);
}

#[test]
fn a_log_that_nobody_reads_does_not_hold_up_supervise() {
    let mut setup = Setup::new();
    let _unread = setup.fill_up_log();
    let supervise = setup.start();
    let (mut agent, _) = supervise.greeted_agent();
    agent.start_mysqld("exit 16");
    assert_eq!(agent.hear_exit().how, Ended::Code(16));
}

fn status_of(pid: i32, key: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .unwrap()
        .trim()
        .to_owned()
}

/// A set of signals, without the two that belong to the C library and that nobody else can change.
fn signals_of(pid: i32, key: &str) -> u64 {
    u64::from_str_radix(&status_of(pid, key), 16).unwrap() & !(0b11 << 31)
}

#[test]
fn orphans_come_to_supervise_and_are_reaped() {
    let supervise = Setup::new().start();
    let (mut agent, _) = supervise.greeted_agent();
    let pids = supervise.setup.path("pids");
    // Grandchildren in the background: they outlive the shell.
    let script = format!(
        "for i in 1 2 3; do sleep 1000 & echo $! >>{}; done",
        pids.display()
    );
    agent.start_mysqld(&script);
    agent.hear_exit();
    let pids: Vec<i32> = fs::read_to_string(pids)
        .unwrap()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    assert_eq!(pids.len(), 3);
    for &pid in &pids {
        assert_eq!(status_of(pid, "PPid:"), supervise.pid().to_string());
        kill(pid, Signal::KILL);
    }
    wait_until("the orphans are gone, not zombies", || {
        pids.iter().all(|&pid| state_of(pid).is_none())
    });
}
