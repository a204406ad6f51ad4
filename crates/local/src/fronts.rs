//! Two TCP fronts: they stand for the primary and the replica Service.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Where clients are led.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Targets {
    /// mysqld of the open primary.
    pub(crate) primary: Option<SocketAddr>,
    /// mysqld of every replica that may be read.
    pub(crate) replicas: Vec<SocketAddr>,
}

/// Which front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// To the primary.
    Primary,
    /// To the replicas in turn.
    Replica,
}

impl Front {
    fn target(self, targets: &Targets, turn: usize) -> Option<SocketAddr> {
        match self {
            Self::Primary => targets.primary,
            Self::Replica => {
                let count = targets.replicas.len();
                targets.replicas.get(turn.checked_rem(count)?).copied()
            }
        }
    }

    fn serves(self, targets: &Targets, address: SocketAddr) -> bool {
        match self {
            Self::Primary => targets.primary == Some(address),
            Self::Replica => targets.replicas.contains(&address),
        }
    }
}

/// Leads every connection to a target; one whose target is none any more is closed.
pub(crate) async fn serve(listener: TcpListener, front: Front, targets: watch::Receiver<Targets>) {
    let mut turn = 0_usize;
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // Out of file descriptors, most likely; the pause keeps the loop from spinning.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        turn = turn.wrapping_add(1);
        let target = front.target(&targets.borrow(), turn);
        // Without a target the connection is closed: the client sees at once that nobody serves it.
        if let Some(target) = target {
            tokio::spawn(lead(client, front, target, targets.clone()));
        }
    }
}

async fn lead(
    mut client: TcpStream,
    front: Front,
    target: SocketAddr,
    mut targets: watch::Receiver<Targets>,
) {
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    // Clients wait for each small answer; without this it waits for its companion, up to 40 ms.
    let _ = client
        .set_nodelay(true)
        .and_then(|()| server.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = targets.wait_for(|targets| !front.serves(targets, target)) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_served_in_turn_and_a_missing_primary_by_nobody() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let targets = Targets {
            primary: None,
            replicas: vec![address(1), address(2)],
        };
        let turns: Vec<_> = (0..4)
            .filter_map(|turn| Front::Replica.target(&targets, turn))
            .collect();
        assert_eq!(turns, [address(1), address(2), address(1), address(2)]);
        assert_eq!(Front::Primary.target(&targets, 0), None);
        assert_eq!(Front::Replica.target(&Targets::default(), 3), None);
        assert!(!Front::Replica.serves(&targets, address(3)));
    }
}
