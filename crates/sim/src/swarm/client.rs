//! Who writes and reads.

use std::time::Duration;

use moco_model::Role;
use moco_mysql::{Error, Session as _};

use super::judge::{TABLE, told_ok};
use super::scene::{CLIENT, Scene, passwords};
use crate::mysqld::{FakeSession, ServerId};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a writer finds its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finds {
    /// By the role label, anew for each connection.
    Label,
    /// It keeps to the first one for as long as there is an answer.
    Sticky,
}

/// Writes keys of its own, one after the other, until everything is calm.
pub async fn write(scene: Scene, finds: Finds) {
    let mut target = None;
    let mut session: Option<FakeSession> = None;
    loop {
        let pause = scene.executor.with_rng(|rng| rng.micros(5_000, 120_000));
        scene.executor.sleep(pause).await;
        if scene.with(|stage| stage.calm) {
            return;
        }
        if finds == Finds::Label || target.is_none() {
            target = primary(&scene);
        }
        let Some(member) = target else { continue };
        let usable = session.take().filter(FakeSession::is_usable);
        let open = match usable {
            Some(open) => Some(open),
            None => log_in(&scene, member).await,
        };
        let Some(mut open) = open else {
            target = None;
            continue;
        };
        insert(&scene, &mut open, member).await;
        if open.is_usable() && finds == Finds::Sticky {
            session = Some(open);
        } else if finds == Finds::Sticky {
            // It believes in its address for a while.
            let again = scene.executor.with_rng(|rng| rng.below(3) > 0);
            target = target.filter(|_| again);
        }
    }
}

fn primary(scene: &Scene) -> Option<u32> {
    scene.with(|stage| {
        let labels = &stage.api.labels;
        labels
            .iter()
            .find(|(_, role)| **role == Role::Primary)
            .map(|(id, _)| id.0)
    })
}

async fn log_in(scene: &Scene, member: u32) -> Option<FakeSession> {
    let passwords = passwords();
    let password = Some(passwords.of(CLIENT));
    let server = ServerId(member);
    FakeSession::open(&scene.fleet, server, CLIENT.user(), password, PATIENCE)
        .await
        .ok()
}

async fn insert(scene: &Scene, session: &mut FakeSession, member: u32) {
    let key = scene.with(|stage| {
        stage.record.keys += 1;
        stage.record.keys
    });
    let sql = format!("INSERT INTO {TABLE} (id, v) VALUES ({key}, 'x')");
    match session.run("write", sql).await {
        Ok(()) => told_ok(scene, key, member),
        Err(Error::Server {
            code: 1046 | 1049 | 1146,
            ..
        }) => {
            scene.with(|stage| stage.record.failed.insert(key));
            // Who comes second finds them there.
            let _ = session
                .run("make the schema", "CREATE DATABASE IF NOT EXISTS app")
                .await;
            let table = format!("CREATE TABLE IF NOT EXISTS {TABLE} (id INT PRIMARY KEY, v TEXT)");
            let _ = session.run("make the table", table).await;
        }
        Err(Error::Server { .. }) => {
            scene.with(|stage| stage.record.failed.insert(key));
        }
        Err(_) => scene.with(|stage| stage.record.unknown += 1),
    }
}

/// Reads everything on the primary, again and again.
pub async fn read(scene: Scene) {
    loop {
        let pause = scene.executor.with_rng(|rng| rng.micros(50_000, 300_000));
        scene.executor.sleep(pause).await;
        if scene.with(|stage| stage.calm) {
            return;
        }
        let Some(member) = primary(&scene) else {
            continue;
        };
        let server = ServerId(member);
        if !scene.fleet.look(|fleet| fleet.is_open(server)) {
            continue;
        }
        // A primary that another one has replaced shows what may yet vanish, for a bounded time.
        let current = scene.with(|stage| {
            stage
                .api
                .register
                .as_ref()
                .is_some_and(|register| register.primary.0 == member)
        });
        if current {
            let rows = scene.fleet.look(|fleet| fleet.rows_of(server, TABLE));
            scene.with(|stage| stage.record.seen.extend(rows.into_keys()));
        }
    }
}
