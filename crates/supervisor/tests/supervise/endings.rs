//! How supervise leaves, and what it leaves behind: nothing.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use moco_supervisor::protocol::{Ended, FromSupervise, MysqldSignal, ToSupervise};
use rustix::process::Signal;

use crate::harness::{Setup, kill, runs, shell, wait_until};

#[test]
fn sigterm_is_told_to_the_agent_and_not_to_mysqld_and_done_ends_it() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let mut supervise = Setup::new().start();
        let (mut agent, _) = supervise.greeted_agent();
        let mysqld = agent.start_mysqld("exec sleep 1000").pid;
        supervise.signal(signal);
        let heard = agent.hear();
        let FromSupervise::Terminate { deadline_ms } = heard else {
            panic!("heard {heard:?}")
        };
        assert!((1..=30_000).contains(&deadline_ms), "{deadline_ms}");
        // A second signal changes nothing: the answer to hello is the next that is heard.
        supervise.signal(signal);
        let state = agent.say_hello();
        assert_eq!(state.mysqld.unwrap().pid, mysqld);
        assert!(runs(mysqld));
        agent.signal_mysqld(MysqldSignal::Kill);
        assert_eq!(
            agent.hear_exit().how,
            Ended::Signal {
                number: 9,
                core: false
            }
        );
        agent.say(&ToSupervise::Done);
        assert_eq!(supervise.wait().code(), Some(0));
        wait_until("the agent is gone", || !runs(agent.pid));
    }
}

#[test]
fn an_agent_that_starts_while_terminating_is_told_so_in_its_state() {
    let supervise = Setup::new().start();
    let (mut agent, state) = supervise.greeted_agent();
    assert_eq!((state.terminating, state.deadline_ms), (false, None));
    let mysqld = agent.start_mysqld("exec sleep 1000").pid;
    supervise.signal(Signal::TERM);
    assert!(matches!(agent.hear(), FromSupervise::Terminate { .. }));
    kill(agent.pid, Signal::KILL);
    let (_agent, state) = supervise.greeted_agent();
    assert!(state.terminating);
    assert!(
        (1..30_000).contains(&state.deadline_ms.unwrap()),
        "{state:?}"
    );
    assert_eq!(state.mysqld.unwrap().pid, mysqld);
}

#[test]
fn at_the_end_of_the_grace_time_mysqld_is_killed() {
    let mut setup = Setup::new();
    setup.grace = Duration::from_secs(2);
    let mut supervise = setup.start();
    let (mut agent, _) = supervise.greeted_agent();
    let mysqld = agent
        .start_mysqld("trap '' TERM; while :; do sleep 0.05; done")
        .pid;
    let begin = Instant::now();
    supervise.signal(Signal::TERM);
    assert!(matches!(agent.hear(), FromSupervise::Terminate { .. }));
    assert_eq!(supervise.wait().code(), Some(137));
    assert!(
        begin.elapsed() >= Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    assert!(!runs(mysqld) && !runs(agent.pid));
    // Reaped, too: it did not just die of supervise's end.
    let reaped = format!("mysqld with pid {mysqld} ended with signal 9");
    assert!(supervise.log().contains(&reaped), "{}", supervise.log());
}

#[test]
fn done_with_a_running_mysqld_waits_for_its_end_and_starts_nothing_more() {
    let mut supervise = Setup::new().start();
    let (mut agent, _) = supervise.greeted_agent();
    let release = supervise.setup.path("release");
    // It takes its time at the end, ten times what an agent's restart takes.
    let wait_for_release = format!("while ! [ -e {} ]; do sleep 0.02; done", release.display());
    let script = format!("{wait_for_release}; sleep 0.5");
    let mysqld = agent.start_mysqld(&script).pid;
    agent.say(&ToSupervise::Done);
    agent.say(&ToSupervise::Start(shell("")));
    let answer = agent.hear();
    let FromSupervise::StartFailed { running: None, .. } = answer else {
        panic!("{answer:?}")
    };
    let old = agent.pid;
    agent.end();
    wait_until("the agent is gone", || !runs(old));
    assert!(runs(mysqld) && runs(supervise.pid()));
    std::fs::write(release, "").unwrap();
    assert_eq!(supervise.wait().code(), Some(0));
    assert_eq!(
        supervise.log().matches("started agent").count(),
        1,
        "{}",
        supervise.log()
    );
}

#[test]
fn done_with_a_mysqld_that_does_not_end_is_bounded_by_the_grace_time() {
    let mut setup = Setup::new();
    setup.grace = Duration::from_millis(300);
    let mut supervise = setup.start();
    let (mut agent, _) = supervise.greeted_agent();
    let mysqld = agent.start_mysqld("exec sleep 1000").pid;
    agent.say(&ToSupervise::Done);
    assert_eq!(supervise.wait().code(), Some(137));
    assert!(!runs(mysqld));
}

#[test]
fn done_counts_when_the_agent_is_dead_before_it_is_heard() {
    let mut supervise = Setup::new().start();
    let mut agent = supervise.next_agent();
    let pid = agent.pid;
    supervise.signal(Signal::STOP);
    let hello = ToSupervise::Hello {
        protocol: 1,
        version: "test".into(),
    };
    agent.say(&hello);
    agent.say(&ToSupervise::Done);
    agent.end();
    wait_until("the agent is dead", || !runs(pid));
    supervise.signal(Signal::CONT);
    assert_eq!(supervise.wait().code(), Some(0));
    let started = supervise.log().matches("started agent").count();
    assert_eq!(started, 1, "{}", supervise.log());
}

#[test]
fn sigterm_with_neither_mysqld_nor_a_working_agent_does_not_use_up_the_grace_time() {
    let mut supervise = Setup::new().start();
    let agent = supervise.next_agent();
    supervise.signal(Signal::TERM);
    wait_until("supervise knows", || {
        supervise.log().contains("asked to end")
    });
    kill(agent.pid, Signal::KILL);
    assert_eq!(supervise.wait().code(), Some(1));
}

#[test]
fn when_supervise_is_killed_agent_and_mysqld_die_with_it() {
    let mut supervise = Setup::new().start();
    let (mut agent, _) = supervise.greeted_agent();
    let mysqld = agent.start_mysqld("exec sleep 1000").pid;
    wait_until("sleep runs", || {
        std::fs::read_to_string(format!("/proc/{mysqld}/comm")).unwrap() == "sleep\n"
    });
    supervise.signal(Signal::KILL);
    assert_eq!(supervise.wait().signal(), Some(9));
    wait_until("agent and mysqld are dead", || {
        !runs(agent.pid) && !runs(mysqld)
    });
}
