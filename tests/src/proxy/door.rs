//! The listening side of a proxy: accepts connections on a free loopback port, and can cut them all and refuse new ones
//! as if the server behind had gone away.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use futures::future::BoxFuture;
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

type Serve = dyn Fn(TcpStream, CancellationToken) -> BoxFuture<'static, ()> + Send + Sync;

/// Closes, with every connection that came through it, when it is dropped.
pub(super) struct Door {
    address: SocketAddr,
    /// Bound but never listening: the port stays ours while nobody listens, and connecting to it is refused.
    _reserved: TcpSocket,
    serve: Arc<Serve>,
    /// Ends the listener and its connections. `None` while down.
    open: Mutex<Option<CancellationToken>>,
}

impl Door {
    /// `serve` is called for each connection, with the token that tells it to end.
    pub(super) fn open<F, S>(serve: F) -> Result<Self>
    where
        F: Fn(TcpStream, CancellationToken) -> S + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let reserved = socket(any_port).context("a proxy could not get a port")?;
        let address = reserved.local_addr().context("a proxy does not know its own address")?;
        let serve: Arc<Serve> = Arc::new(move |stream, cut| Box::pin(serve(stream, cut)));
        let open = listen(address, serve.clone()).with_context(|| format!("a proxy could not listen on {address}"))?;
        Ok(Self { address, _reserved: reserved, serve, open: Mutex::new(Some(open)) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn set_down(&self, down: bool) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !down {
            open.get_or_insert_with(|| {
                listen(self.address, self.serve.clone()).expect("a proxy must be able to listen again on its own port")
            });
        } else if let Some(open) = open.take() {
            open.cancel();
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.set_down(true);
    }
}

/// A socket that may share its port with the others of its door.
fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn listen(address: SocketAddr, serve: Arc<Serve>) -> io::Result<CancellationToken> {
    let listener = socket(address)?.listen(1024)?;
    let cut = CancellationToken::new();
    let accept = {
        let cut = cut.clone();
        async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, cut.clone()));
            }
        }
    };
    tokio::spawn(cut.clone().run_until_cancelled_owned(accept));
    Ok(cut)
}
