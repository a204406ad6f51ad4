//! Questions to servers inside the cluster's network, asked by a thread that enters it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Longer than any server of the cluster takes that answers at all.
const LIMIT: Duration = Duration::from_secs(2);

/// Runs `ask` inside a network namespace.
fn inside<T: Send>(netns: &Path, ask: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let file = File::open(netns).with_context(|| format!("open {}", netns.display()))?;
    thread::scope(|scope| {
        // Only this thread moves, and it ends with the answer.
        let thread = scope.spawn(move || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .context("enter the network namespace")?;
            ask()
        });
        thread.join().map_err(|_| anyhow!("a thread panicked"))?
    })
}

/// An error unless the web server on the namespace's own `port` answers `path` with 200.
pub(crate) fn page(netns: &Path, port: u16, path: &str) -> Result<()> {
    inside(netns, || {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, LIMIT)
            .with_context(|| format!("connect to port {port}"))?;
        stream
            .set_read_timeout(Some(LIMIT))
            .context("limit the wait")?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").context("ask")?;
        let mut answer = Vec::new();
        stream
            .take(4096)
            .read_to_end(&mut answer)
            .context("read the answer")?;
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.lines().next().unwrap_or("nothing");
        if status.split(' ').nth(1) == Some("200") {
            Ok(())
        } else {
            bail!("it answers: {status}")
        }
    })
}

/// An error unless the name server at `server`, asked from the namespace, knows an address of `name`.
pub(crate) fn name(netns: &Path, server: Ipv4Addr, name: &str) -> Result<()> {
    inside(netns, || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("open a socket")?;
        socket
            .set_read_timeout(Some(LIMIT))
            .context("limit the wait")?;
        socket.connect((server, 53)).context("choose the server")?;
        socket.send(&question(name)?).context("ask")?;
        let mut answer = [0_u8; 512];
        let length = socket.recv(&mut answer).context("wait for the answer")?;
        judge(answer.get(..length).unwrap_or_default())
    })
}

/// A query for the IPv4 addresses of a name (RFC 1035, section 4).
fn question(name: &str) -> Result<Vec<u8>> {
    // Identifier, "recursion desired", one question, nothing else.
    let mut packet = vec![0x4d, 0x4f, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        packet.push(u8::try_from(label.len()).with_context(|| format!("a label of {name}"))?);
        packet.extend(label.bytes());
    }
    // The root, type A, class IN.
    packet.extend([0, 0, 1, 0, 1]);
    Ok(packet)
}

fn judge(answer: &[u8]) -> Result<()> {
    let code = answer.get(3).context("the answer is cut short")? & 0x0f;
    let count = answer.get(6..8).context("the answer is cut short")?;
    if code != 0 || count.iter().all(|byte| *byte == 0) {
        bail!("the name server answers with code {code} and no address");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_an_address_is_an_error() {
        let answer = |code, count| [0x4d, 0x4f, 0x81, code, 0, 1, 0, count, 0, 0, 0, 0];
        assert!(judge(&answer(0, 1)).is_ok());
        assert!(judge(&answer(3, 0)).is_err());
        assert!(judge(&answer(0, 0)).is_err());
        assert!(judge(&[]).is_err());
    }

    #[test]
    fn a_question_names_each_label_with_its_length() {
        assert!(
            question("a.bc")
                .unwrap()
                .ends_with(b"\x01a\x02bc\x00\x00\x01\x00\x01")
        );
    }
}
