//! What no real mysqld shows on demand: power cuts, bad disks, lost packets, and orders of events.

use std::collections::BTreeSet;

use super::*;

const TABLE: &str = "app.t";

/// A fleet and its clock.
#[derive(Clone)]
struct Lab {
    fleet: Fleet,
    now: Duration,
}

fn passwords() -> Passwords {
    Passwords::collect(|key| Some(key.replace('_', ""))).unwrap()
}

const A: ServerId = ServerId(0);
const B: ServerId = ServerId(1);
const C: ServerId = ServerId(2);

impl Lab {
    /// `count` servers that are set up and run.
    fn new(count: u32, settings: Settings) -> Self {
        let mut lab = Self {
            fleet: Fleet::new(Pace::AtOnce),
            now: Duration::from_secs(1),
        };
        for number in 0..count {
            let id = ServerId(number);
            let address = Address {
                host: format!("s{number}"),
                port: 3306,
            };
            lab.fleet.add(id, address, number + 1, settings);
            lab.fleet.initialise(id).unwrap();
            lab.start(id);
            lab.fleet.set_up(id, &passwords()).unwrap();
        }
        lab
    }

    fn start(&mut self, id: ServerId) {
        self.fleet.start(id, self.now).unwrap();
        assert!(self.fleet.perform(Motion::Listen(id), self.now));
    }

    fn session(&mut self, id: ServerId, user: &str, password: &str) -> SessionId {
        let session = self.fleet.log_in(id, user, password, None, self.now);
        assert_eq!(self.fleet.take_answer(session), Some(Ok(Vec::new())));
        session
    }

    fn admin(&mut self, id: ServerId) -> SessionId {
        self.session(id, "moco-admin", "ADMINPASSWORD")
    }

    fn client(&mut self, id: ServerId) -> SessionId {
        self.session(id, "moco-writable", "WRITABLEPASSWORD")
    }

    fn send(&mut self, session: SessionId, sql: &str) {
        self.fleet.send(session, sql, None, self.now);
    }

    /// A statement that is answered at once.
    fn run(&mut self, session: SessionId, sql: &str) {
        self.send(session, sql);
        let answer = self.fleet.take_answer(session);
        assert!(matches!(answer, Some(Ok(_))), "{sql}: {answer:?}");
    }

    /// Lets everything happen that is due, but what is kept back.
    fn settle_but(&mut self, kept_back: impl Fn(Motion) -> bool) {
        for _ in 0..10_000 {
            let due = self
                .fleet
                .motions()
                .into_iter()
                .find(|one| one.at <= self.now && !kept_back(one.motion));
            match due {
                Some(one) => assert!(self.fleet.perform(one.motion, self.now), "{one:?}"),
                None => return,
            }
        }
        panic!("it never settles");
    }

    fn settle(&mut self) {
        self.settle_but(|_| false);
    }

    /// An open server with the table, whose commits wait for `acks`.
    fn open(&mut self, id: ServerId, acks: u32) -> SessionId {
        let admin = self.admin(id);
        self.run(admin, "SET GLOBAL super_read_only = OFF, read_only = OFF");
        for sql in [
            "CREATE DATABASE app",
            "CREATE TABLE app.t (id INT PRIMARY KEY)",
        ] {
            self.send(admin, sql);
            self.settle();
            assert_eq!(self.fleet.take_answer(admin), Some(Ok(Vec::new())));
        }
        if acks > 0 {
            let sql = format!(
                "SET GLOBAL rpl_semi_sync_source_wait_for_replica_count = {acks}, \
                 rpl_semi_sync_source_enabled = ON"
            );
            self.run(admin, &sql);
        }
        admin
    }

    fn follow(&mut self, replica: ServerId, source: ServerId) -> SessionId {
        let admin = self.admin(replica);
        let change = format!(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST = 's{}', SOURCE_PORT = 3306, \
             SOURCE_HEARTBEAT_PERIOD = 0.250, SOURCE_CONNECT_RETRY = 1, \
             SOURCE_AUTO_POSITION = 1, GTID_ONLY = 1, REQUIRE_ROW_FORMAT = 1 FOR CHANNEL ''",
            source.0
        );
        for sql in [
            "SET GLOBAL rpl_semi_sync_replica_enabled = ON",
            &change,
            "START REPLICA SQL_THREAD FOR CHANNEL ''",
            "START REPLICA IO_THREAD USER = 'moco-repl' PASSWORD = 'REPLICATIONPASSWORD' \
             FOR CHANNEL ''",
        ] {
            self.run(admin, sql);
        }
        self.settle();
        admin
    }

    /// Sends an insert and does not wait for its answer.
    fn insert(&mut self, id: ServerId, key: i64) -> SessionId {
        let client = self.client(id);
        self.send(client, &format!("INSERT INTO app.t VALUES ({key}, 'v')"));
        client
    }

    fn answer(&mut self, session: SessionId) -> Option<Answer> {
        self.fleet.take_answer(session)
    }

    fn keys(&self, id: ServerId) -> Vec<i64> {
        self.fleet.rows_of(id, TABLE).into_keys().collect()
    }
}

fn pinned() -> Settings {
    Settings::default()
}

const OK: Option<Answer> = Some(Ok(Vec::new()));

fn applies(motion: Motion) -> bool {
    matches!(motion, Motion::Apply(_))
}

fn acknowledges(motion: Motion) -> bool {
    matches!(motion, Motion::Acknowledge(_))
}

fn syncs(motion: Motion) -> bool {
    matches!(motion, Motion::Sync(_))
}

#[test]
fn a_power_cut_takes_from_the_relay_log_what_was_not_synced() {
    for synced in [true, false] {
        let settings = Settings {
            sync_relay_log: synced,
            ..pinned()
        };
        let mut lab = Lab::new(2, settings);
        lab.open(A, 1);
        lab.follow(B, A);
        let client = lab.insert(A, 1);
        lab.settle_but(applies);
        assert_eq!(lab.answer(client), OK);
        assert_eq!(lab.fleet.holds_durably(B, TABLE, 1), synced);
        lab.fleet.lose_unsynced(B, Loss::Unsynced);
        lab.start(B);
        assert_eq!(lab.fleet.held(B).count(), if synced { 3 } else { 2 });
    }
}

#[test]
fn a_kill_keeps_what_was_written_and_a_power_cut_does_not() {
    for (loss, kept) in [
        (None, true),
        (Some(Loss::Unsynced), false),
        (Some(Loss::Torn), false),
    ] {
        let mut lab = Lab::new(1, pinned());
        lab.open(A, 0);
        let history = lab.fleet.executed(A);
        let client = lab.insert(A, 1);
        lab.settle_but(syncs);
        assert_eq!(lab.answer(client), None);
        match loss {
            None => lab.fleet.signal(A, Signal::Kill, lab.now),
            Some(loss) => lab.fleet.lose_unsynced(A, loss),
        }
        assert_eq!(lab.answer(client), Some(Err(Failure::Lost)));
        let judged = lab.fleet.judge(A, &history).unwrap();
        assert_eq!(matches!(judged, FakeTail::Cut(_)), kept, "{judged:?}");
        lab.start(A);
        assert_eq!(lab.keys(A).is_empty(), !kept);
        let recovered = if kept { (1, 0) } else { (0, 1) };
        assert_eq!(lab.fleet.recovered(A), recovered);
    }
}

#[test]
fn nothing_is_sent_before_it_is_synced() {
    let mut lab = Lab::new(2, pinned());
    lab.open(A, 1);
    lab.follow(B, A);
    let client = lab.insert(A, 1);
    lab.settle_but(syncs);
    assert_eq!(lab.fleet.held(B).count(), 2);
    lab.settle();
    assert_eq!(lab.fleet.held(B).count(), 3);
    assert_eq!(lab.answer(client), OK);
}

#[test]
fn a_start_takes_its_time() {
    let settings = Settings {
        start_time: Duration::from_secs(2),
        ..pinned()
    };
    let mut lab = Lab::new(1, pinned());
    lab.fleet.set_settings(A, settings);
    lab.fleet.signal(A, Signal::Kill, lab.now);
    lab.fleet.start(A, lab.now).unwrap();
    lab.settle();
    assert_eq!(lab.fleet.process_state(A), ProcessState::Starting);
    let early = lab
        .fleet
        .log_in(A, "moco-admin", "ADMINPASSWORD", None, lab.now);
    assert_eq!(lab.answer(early), Some(Err(Failure::Lost)));
    lab.now += Duration::from_secs(2);
    lab.settle();
    assert_eq!(lab.fleet.process_state(A), ProcessState::Ready);
}

#[test]
fn relay_log_recovery_throws_away_what_was_acknowledged() {
    for recovery in [false, true] {
        let settings = Settings {
            relay_log_recovery: recovery,
            ..pinned()
        };
        let mut lab = Lab::new(2, settings);
        lab.open(A, 1);
        lab.follow(B, A);
        let client = lab.insert(A, 1);
        lab.settle_but(applies);
        assert_eq!(lab.answer(client), OK);
        lab.fleet.signal(B, Signal::Kill, lab.now);
        lab.start(B);
        assert_eq!(lab.fleet.holds_durably(B, TABLE, 1), !recovery);
    }
}

#[test]
fn a_commit_hangs_with_its_disk_and_goes_on_with_it() {
    let mut lab = Lab::new(1, pinned());
    let admin = lab.open(A, 0);
    lab.fleet.set_health(A, Health::Hung, lab.now);
    let hung = lab.insert(A, 1);
    lab.settle();
    assert_eq!(lab.answer(hung), None);
    lab.fleet
        .set_health(A, Health::Slow(Duration::from_secs(2)), lab.now);
    lab.settle();
    assert_eq!(lab.answer(hung), None);
    lab.now += Duration::from_secs(2);
    lab.settle();
    assert_eq!(lab.answer(hung), OK);

    lab.fleet.set_health(A, Health::Full, lab.now);
    let stuck = lab.insert(A, 2);
    let put_out = lab.insert(A, 3);
    lab.settle();
    lab.run(admin, "SET GLOBAL offline_mode = ON");
    assert_eq!(lab.answer(put_out), Some(Err(Failure::Lost)));
    assert_eq!(lab.answer(stuck), Some(Err(Failure::Lost)));
    lab.send(admin, "SET GLOBAL super_read_only = ON");
    assert_eq!(lab.answer(admin), None);
    lab.fleet.set_health(A, Health::Good, lab.now);
    lab.settle();
    assert_eq!(lab.answer(admin), OK);
    assert_eq!(lab.keys(A), [1, 2, 3]);
}

#[test]
fn a_lost_acknowledgement_is_made_good_by_a_later_one() {
    let mut lab = Lab::new(2, pinned());
    lab.open(A, 1);
    lab.follow(B, A);
    let first = lab.insert(A, 1);
    lab.settle_but(acknowledges);
    assert_eq!(lab.answer(first), None);
    let connection = *lab.fleet.connections.keys().next().unwrap();
    // The network eats the acknowledgement along with the connection.
    lab.fleet.close_source_end(connection);
    lab.settle();
    assert_eq!(lab.fleet.acknowledging(A), 1, "the replica is back");
    assert_eq!(lab.answer(first), None);
    let second = lab.insert(A, 2);
    lab.settle();
    assert_eq!((lab.answer(first), lab.answer(second)), (OK, OK));
}

#[test]
fn what_a_source_sent_before_it_died_still_arrives() {
    let mut lab = Lab::new(2, pinned());
    lab.open(A, 1);
    lab.follow(B, A);
    let client = lab.insert(A, 1);
    lab.settle_but(|motion| matches!(motion, Motion::Receive(_)));
    lab.fleet.signal(A, Signal::Kill, lab.now);
    assert_eq!(lab.fleet.held(B).count(), 2);
    lab.settle_but(|motion| matches!(motion, Motion::ConnectFails(_) | Motion::Connect(_)));
    assert_eq!(lab.fleet.held(B).count(), 3);
    assert_eq!(lab.answer(client), Some(Err(Failure::Lost)));
    // A receiver that is stopped at once gets nothing of it.
    let mut lab = Lab::new(2, pinned());
    lab.open(A, 1);
    let admin = lab.follow(B, A);
    lab.insert(A, 1);
    lab.settle_but(|motion| matches!(motion, Motion::Receive(_)));
    lab.fleet.signal(A, Signal::Kill, lab.now);
    lab.run(admin, "STOP REPLICA IO_THREAD");
    lab.settle();
    assert_eq!(lab.fleet.held(B).count(), 2);
}

#[test]
fn a_statement_that_was_sent_to_a_frozen_server_runs_when_nobody_waits_for_it_any_more() {
    let mut lab = Lab::new(1, pinned());
    let admin = lab.open(A, 0);
    lab.fleet.signal(A, Signal::Freeze, lab.now);
    assert_eq!(lab.fleet.process_state(A), ProcessState::Frozen);
    let give_up = lab.now + Duration::from_secs(3);
    let close = "SET GLOBAL super_read_only = ON";
    lab.fleet.send(admin, close, Some(give_up), lab.now);
    lab.settle();
    assert_eq!(lab.answer(admin), None);
    lab.now = give_up;
    lab.settle();
    assert_eq!(lab.answer(admin), Some(Err(Failure::TimedOut)));
    assert!(lab.fleet.is_open(A));
    lab.fleet.signal(A, Signal::Thaw, lab.now);
    assert!(!lab.fleet.is_open(A));
}

#[test]
fn statements_run_when_they_are_told_to_if_they_are_scheduled() {
    let mut lab = Lab::new(1, pinned());
    let admin = lab.admin(A);
    lab.fleet.pace = Pace::Scheduled;
    lab.send(admin, "SET GLOBAL super_read_only = OFF, read_only = OFF");
    assert!(!lab.fleet.is_open(A));
    assert!(lab.fleet.perform(Motion::Execute(admin), lab.now));
    assert!(lab.fleet.is_open(A));
    assert!(!lab.fleet.perform(Motion::Execute(admin), lab.now));
}

#[test]
fn two_replicas_with_one_number_acknowledge_as_one() {
    let mut lab = Lab::new(3, pinned());
    lab.open(A, 2);
    lab.fleet.servers.get_mut(&C).unwrap().number = 2;
    lab.follow(B, A);
    lab.follow(C, A);
    let client = lab.insert(A, 1);
    lab.settle();
    assert_eq!(lab.fleet.acknowledging(A), 2);
    assert_eq!(lab.answer(client), None);
}

#[test]
fn a_finite_timeout_in_the_settings_overrules_what_is_set() {
    let settings = Settings {
        semi_sync_timeout_ms: Some(1000),
        ..pinned()
    };
    let mut lab = Lab::new(1, settings);
    let admin = lab.open(A, 1);
    let forever = "SET GLOBAL rpl_semi_sync_source_timeout = 1000000000000000000";
    lab.run(admin, forever);
    let client = lab.insert(A, 1);
    lab.settle();
    assert_eq!(lab.answer(client), None);
    lab.now += Duration::from_secs(1);
    lab.settle();
    assert_eq!(lab.answer(client), OK);
}

#[test]
fn an_unknown_statement_is_an_error_and_is_remembered() {
    let mut lab = Lab::new(1, pinned());
    let admin = lab.admin(A);
    for sql in [
        "SELECT SLEEP(1)",
        "SET GLOBAL x = 1",
        "FLUSH PRIVILEGES",
        "COMMIT AND CHAIN",
    ] {
        lab.send(admin, sql);
        assert!(
            matches!(lab.answer(admin), Some(Err(Failure::Unknown(_)))),
            "{sql}"
        );
    }
    assert_eq!(lab.fleet.unknown_statements().len(), 4);
}

#[test]
fn a_clone_that_loses_its_donor_leaves_an_empty_server() {
    let mut lab = Lab::new(2, pinned());
    lab.open(A, 0);
    let admin = lab.open(B, 0);
    lab.insert(B, 7);
    lab.settle();
    lab.run(admin, "SET GLOBAL clone_valid_donor_list = 's0:3306'");
    let clone = "CLONE INSTANCE FROM 'moco-clone-donor'@'s0':3306 \
                 IDENTIFIED BY 'CLONEDONORPASSWORD' REQUIRE SSL";
    lab.send(admin, clone);
    assert!(lab.fleet.perform(Motion::Clone(B), lab.now));
    assert_eq!(lab.keys(B), [7]);
    assert!(lab.fleet.perform(Motion::Clone(B), lab.now));
    assert!(lab.keys(B).is_empty());
    lab.fleet.signal(A, Signal::Kill, lab.now);
    lab.settle();
    assert!(matches!(
        lab.answer(admin),
        Some(Err(Failure::Server { code: 3862, .. }))
    ));
    assert_eq!(lab.fleet.process_state(B), ProcessState::Ready);
}

#[test]
fn the_same_motions_make_the_same_fleet_and_a_fork_goes_its_own_way() {
    let mut lab = Lab::new(3, pinned());
    lab.open(A, 1);
    lab.follow(B, A);
    lab.follow(C, A);
    lab.insert(A, 1);
    lab.settle_but(acknowledges);
    let mut fork = lab.clone();
    assert_eq!(fork.fleet, lab.fleet);
    for one in [&mut lab, &mut fork] {
        one.settle();
    }
    assert_eq!(fork.fleet, lab.fleet);
    lab.insert(A, 2);
    assert_ne!(fork.fleet, lab.fleet);
}

/// A small generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound
    }
}

/// One run with random motions, clients and kills of replicas. Tells the keys whose clients were
/// told OK while fewer than two servers held them durably.
fn random_run(seed: u64, settings: Settings) -> BTreeSet<i64> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut lab = Lab::new(3, settings);
    lab.open(A, 1);
    let mut sessions = vec![lab.follow(B, A), lab.follow(C, A)];
    let mut clients: Vec<(i64, SessionId)> = Vec::new();
    let mut unbacked = BTreeSet::new();
    for step in 0..400_i64 {
        match random.below(40) {
            0 => clients.push((step, lab.insert(A, step))),
            1 => lab.fleet.signal(B, Signal::Kill, lab.now),
            2 if lab.fleet.process_state(B) == ProcessState::Absent(Some(Exit::Signal(9))) => {
                lab.start(B);
                sessions.push(lab.follow(B, A));
            }
            3 => lab.fleet.signal(C, Signal::Freeze, lab.now),
            4 => lab.fleet.signal(C, Signal::Thaw, lab.now),
            5 => lab.now += Duration::from_millis(500),
            _ => {
                let mut due = lab.fleet.motions();
                due.retain(|one| one.at <= lab.now);
                if !due.is_empty() {
                    let one = due[random.below(due.len())];
                    lab.fleet.perform(one.motion, lab.now);
                }
            }
        }
        clients.retain(|(key, client)| {
            let answer = lab.fleet.take_answer(*client);
            if answer == OK {
                let holders = [A, B, C]
                    .into_iter()
                    .filter(|id| lab.fleet.holds_durably(*id, TABLE, *key))
                    .count();
                if holders < 2 {
                    unbacked.insert(*key);
                }
            }
            answer.is_none()
        });
    }
    assert!(lab.fleet.unknown_statements().is_empty());
    unbacked
}

#[test]
fn whatever_happens_nobody_is_told_ok_before_another_server_holds_it() {
    for seed in 1..60 {
        assert_eq!(random_run(seed, pinned()), BTreeSet::new(), "seed {seed}");
    }
}

#[test]
fn without_synced_relay_logs_or_with_a_finite_timeout_the_same_runs_find_it() {
    let unsynced = Settings {
        sync_relay_log: false,
        ..pinned()
    };
    let finite = Settings {
        semi_sync_timeout_ms: Some(1000),
        ..pinned()
    };
    for settings in [unsynced, finite] {
        let found = (1..60).any(|seed| !random_run(seed, settings).is_empty());
        assert!(found, "{settings:?}");
    }
}
