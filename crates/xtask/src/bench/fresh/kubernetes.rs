//! The same on the test cluster, images loaded and the operator installed beforehand.

use std::time::Instant;

use anyhow::Result;

use super::super::{Figures, Row};
use super::{FIRST_WRITE, LIMIT, row};
use crate::e2e::client::Client;
use crate::e2e::cluster::Cluster;
use crate::e2e::operator;
use crate::e2e::{Afterwards, with_cluster};
use crate::testbed::layout::DEFAULT_NAME;

const NAME: &str = "fresh";

/// One run: `overhead-kubernetes`, over the median of the bare servers of this run.
pub(super) fn rows(bare: &[f64]) -> Result<Vec<Row>> {
    let mut seconds = 0.0;
    with_cluster(
        DEFAULT_NAME,
        "bench-fresh",
        Afterwards::Restore,
        |cluster| {
            operator::install(cluster)?;
            seconds = first_write(cluster)?;
            cluster
                .kubectl(["delete", "mysqlcluster", NAME])
                .within(LIMIT)
                .run()?;
            operator::uninstall(cluster)
        },
    )?;
    Ok(vec![row(
        "overhead-kubernetes",
        &[seconds - Figures::of(bare).p50],
        &[("mysqld-3-at-once", bare)],
    )])
}

fn first_write(cluster: &Cluster) -> Result<f64> {
    let client = Client::start(cluster, "client")?;
    let begin = Instant::now();
    cluster.apply(&operator::manifest(NAME, 3))?;
    cluster.wait("the first acknowledged write", LIMIT, || {
        let written = operator::login(cluster, NAME, "primary", "writable")
            .and_then(|login| client.sql(&login, FIRST_WRITE));
        Ok(written.err().map(|error| format!("{error:#}")))
    })?;
    Ok(begin.elapsed().as_secs_f64())
}
