//! What happens to agents, and that nothing of it happens to mysqld.

use std::fs;
use std::time::{Duration, Instant};

use moco_supervisor::protocol::{Ended, MysqldSignal, ToSupervise, encode};
use rustix::process::Signal;

use crate::harness::{Agent, Setup, Supervise, kill, runs, shell, wait_until};

fn with_mysqld() -> (Supervise, Agent, i32) {
    let supervise = Setup::new().start();
    let (mut agent, _) = supervise.greeted_agent();
    let pid = agent.start_mysqld("exec sleep 1000").pid;
    (supervise, agent, pid)
}

/// The next agent finds the same mysqld and can order it about.
fn expect_same_mysqld(supervise: &Supervise, old: i32, mysqld: i32) -> Agent {
    let (mut agent, state) = supervise.greeted_agent();
    assert_ne!(agent.pid, old);
    assert!(!runs(old));
    assert_eq!(state.mysqld.unwrap().pid, mysqld);
    assert!(runs(mysqld));
    agent.signal_mysqld(MysqldSignal::Kill);
    assert_eq!(agent.hear_exit().pid, mysqld);
    agent
}

#[test]
fn a_killed_agent_is_replaced_and_mysqld_goes_on() {
    let (supervise, agent, mysqld) = with_mysqld();
    kill(agent.pid, Signal::KILL);
    expect_same_mysqld(&supervise, agent.pid, mysqld);
}

#[test]
fn an_agent_that_exits_is_replaced_and_mysqld_goes_on() {
    let (supervise, agent, mysqld) = with_mysqld();
    let old = agent.pid;
    agent.end();
    expect_same_mysqld(&supervise, old, mysqld);
}

#[test]
fn an_agent_that_talks_garbage_is_replaced_and_mysqld_goes_on() {
    for garbage in [b"\x00\xffgarbage\n".to_vec(), vec![b'x'; 300 * 1024]] {
        let (supervise, mut agent, mysqld) = with_mysqld();
        agent.say_bytes(&garbage).unwrap();
        expect_same_mysqld(&supervise, agent.pid, mysqld);
    }
}

#[test]
fn an_agent_that_does_not_read_is_replaced_and_mysqld_goes_on() {
    let (supervise, mut agent, mysqld) = with_mysqld();
    let old = agent.pid;
    // Each line is answered by a refusal, and nobody reads the answers. It ends when the agent is killed.
    let line = encode(&ToSupervise::Start(shell(""))).unwrap();
    assert!((0..100_000).any(|_| agent.say_bytes(&line).is_err()));
    expect_same_mysqld(&supervise, old, mysqld);
    assert!(
        supervise.log().contains("it does not read"),
        "{}",
        supervise.log()
    );
}

#[test]
fn an_order_before_hello_is_not_obeyed_nor_anything_after_it() {
    let supervise = Setup::new().start();
    let mut agent = supervise.next_agent();
    let marker = supervise.setup.path("started");
    let start = ToSupervise::Start(shell(&format!(": >{}", marker.display())));
    let hello = ToSupervise::Hello {
        protocol: 1,
        version: "test".into(),
    };
    let words = [&start, &hello, &start].map(|message| encode(message).unwrap());
    agent.say_bytes(&words.concat()).unwrap();
    let (_next, state) = supervise.greeted_agent();
    assert!(!runs(agent.pid) && !marker.exists());
    assert_eq!((state.mysqld, state.last_exit), (None, None));
}

#[test]
fn a_message_of_a_newer_protocol_does_no_harm() {
    let (_supervise, mut agent, mysqld) = with_mysqld();
    agent
        .say_bytes(b"{\"type\":\"freeze\",\"for_ms\":10}\n")
        .unwrap();
    assert_eq!(agent.say_hello().mysqld.unwrap().pid, mysqld);
}

#[test]
fn an_exit_that_no_agent_heard_is_in_the_state_for_the_next() {
    let (supervise, agent, mysqld) = with_mysqld();
    kill(agent.pid, Signal::KILL);
    let mut next = supervise.next_agent();
    kill(mysqld, Signal::SEGV);
    wait_until("mysqld is gone", || !runs(mysqld));
    wait_until("supervise knows", || {
        supervise.log().contains("mysqld with pid")
    });
    let state = next.say_hello();
    assert_eq!(state.mysqld, None);
    let exit = state.last_exit.unwrap();
    assert_eq!(exit.pid, mysqld);
    assert!(
        matches!(exit.how, Ended::Signal { number: 11, .. }),
        "{exit:?}"
    );
}

#[test]
fn an_agent_that_keeps_crashing_is_restarted_ever_more_slowly() {
    let supervise = Setup::new().start();
    let begin = Instant::now();
    for _ in 0..5 {
        let (agent, _) = supervise.greeted_agent();
        kill(agent.pid, Signal::KILL);
    }
    supervise.greeted_agent();
    // 50 + 100 + 200 + 400 + 800 ms of waiting.
    assert!(
        begin.elapsed() >= Duration::from_millis(1550),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn an_agent_that_says_no_hello_in_time_is_replaced_by_the_last_good_one() {
    let (supervise, agent, mysqld) = {
        let mut setup = Setup::new();
        setup.hello_deadline = Duration::from_secs(4);
        let supervise = setup.start();
        let (mut agent, _) = supervise.greeted_agent();
        let pid = agent.start_mysqld("exec sleep 1000").pid;
        (supervise, agent, pid)
    };
    assert_eq!(agent.program, supervise.setup.path("agent"));
    wait_until("the good agent is kept", || {
        supervise.setup.last_good().exists()
    });
    supervise.setup.install_mute_agent();
    agent.end();
    // The mute one gets its chance, then the last good one comes and stays.
    let (agent, state) = supervise.greeted_agent();
    assert_eq!(agent.program, supervise.setup.last_good());
    assert!(
        supervise.log().contains("it did not say hello in time"),
        "{}",
        supervise.log()
    );
    assert_eq!(state.mysqld.unwrap().pid, mysqld);
    agent.end();
    let (agent, _) = supervise.greeted_agent();
    assert_eq!(agent.program, supervise.setup.last_good());
    // A repaired one is run again.
    supervise.setup.install_agent();
    agent.end();
    let (agent, state) = supervise.greeted_agent();
    assert_eq!(agent.program, supervise.setup.path("agent"));
    assert_eq!(state.mysqld.unwrap().pid, mysqld);
}

#[test]
fn an_agent_file_that_cannot_be_executed_is_replaced_by_the_last_good_one() {
    let setup = Setup::new();
    fs::remove_file(setup.path("agent")).unwrap();
    fs::write(setup.path("agent"), "torn").unwrap();
    std::os::unix::fs::symlink(std::env::current_exe().unwrap(), setup.last_good()).unwrap();
    let supervise = setup.start();
    let (agent, _) = supervise.greeted_agent();
    assert_eq!(agent.program, supervise.setup.last_good());
}

#[test]
fn when_no_agent_works_they_take_turns_slowly_and_mysqld_goes_on() {
    let (supervise, agent, mysqld) = with_mysqld();
    wait_until("the good agent is kept", || {
        supervise.setup.last_good().exists()
    });
    for name in ["agent", "last-good"] {
        let path = supervise.setup.path(name);
        fs::remove_file(&path).unwrap();
        fs::write(path, "torn").unwrap();
    }
    agent.end();
    let attempts = |name: &str| {
        let needle = format!(
            "cannot start agent {}:",
            supervise.setup.path(name).display()
        );
        supervise.log().matches(&needle).count()
    };
    let begin = Instant::now();
    wait_until("each was tried twice", || {
        attempts("agent") >= 2 && attempts("last-good") >= 2
    });
    // 50 ms after the agent's end, then 100 + 200 + 400 ms between the attempts.
    assert!(
        begin.elapsed() >= Duration::from_millis(600),
        "{:?}",
        begin.elapsed()
    );
    supervise.setup.install_agent();
    let (_agent, state) = supervise.greeted_agent();
    assert_eq!(state.mysqld.unwrap().pid, mysqld);
}

#[test]
fn the_last_orders_of_a_dead_agent_are_obeyed() {
    let (supervise, mut agent, mysqld) = with_mysqld();
    let old = agent.pid;
    supervise.signal(Signal::STOP);
    agent.signal_mysqld(MysqldSignal::Kill);
    agent.end();
    wait_until("the agent is dead", || !runs(old));
    supervise.signal(Signal::CONT);
    let (mut agent, state) = supervise.greeted_agent();
    // Killed by the order, whether reaped before the new agent's hello or after.
    let exit = state.last_exit.unwrap_or_else(|| agent.hear_exit());
    assert_eq!(exit.pid, mysqld);
}
