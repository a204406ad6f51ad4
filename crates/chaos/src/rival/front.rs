//! Where clients connect: leads them to the server that holds the label of the primary.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Who is led to; nobody while no server holds the label.
pub(super) type Led = watch::Receiver<Option<SocketAddr>>;

/// Listens from now on.
pub(super) async fn open(address: SocketAddr, led: Led) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; does the cluster still run?"))?;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let target = *led.borrow();
            if let Some(target) = target {
                tokio::spawn(lead(client, target, led.clone()));
            }
        }
    });
    Ok(())
}

async fn lead(mut client: TcpStream, target: SocketAddr, mut led: Led) {
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    let _ = client
        .set_nodelay(true)
        .and_then(|()| server.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        // MOCO kills the connections of a server that loses its role.
        _ = led.wait_for(|now| *now != Some(target)) => {}
    }
}
