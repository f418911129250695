//! A door into an enclosure for `make up-pods`: a port of this machine's loopback leads through a socket in the enclosure's
//! folder to an address inside. Files are the one thing that both sides see.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
};

/// Inside: whoever comes to `socket` gets to `address`. Runs until it is dropped.
pub(super) fn inside(socket: &Path, address: String) -> anyhow::Result<impl Future<Output = ()> + use<>> {
    let listener = UnixListener::bind(socket).with_context(|| format!("cannot listen on {}", socket.display()))?;
    Ok(async move {
        while let Ok((from, _)) = listener.accept().await {
            tokio::spawn(lead(from, TcpStream::connect(address.clone())));
        }
    })
}

/// Outside: whoever comes to this port gets to `socket`. Runs until it is dropped.
pub(super) async fn outside(port: u16, socket: PathBuf) -> anyhow::Result<impl Future<Output = ()>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("port {port} is in use"))?;
    Ok(async move {
        while let Ok((from, _)) = listener.accept().await {
            tokio::spawn(lead(from, UnixStream::connect(socket.clone())));
        }
    })
}

/// Carries what both ends say, until one hangs up: that is how every connection ends.
async fn lead<From, To>(mut from: From, to: impl Future<Output = io::Result<To>>)
where
    From: AsyncRead + AsyncWrite + Unpin,
    To: AsyncRead + AsyncWrite + Unpin,
{
    if let Ok(mut to) = to.await {
        copy_bidirectional(&mut from, &mut to).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn what_is_said_at_one_end_is_heard_at_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("door");
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap().to_string();
        tokio::spawn(inside(&socket, address).unwrap());
        let port = crate::ports::Port::any().unwrap().number();
        tokio::spawn(outside(port, socket).await.unwrap());
        let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        client.write_all(b"a question").await.unwrap();
        let (mut connection, _) = server.accept().await.unwrap();
        let mut heard = [0; 10];
        connection.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"a question");
        connection.write_all(b"an answer").await.unwrap();
        drop(connection);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "an answer");
    }
}
