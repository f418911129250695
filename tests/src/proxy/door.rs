//! The listening side of a proxy: accepts connections on a free loopback port, and can cut them all as if the server
//! behind had gone away.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Closes, with every connection that came through it, when it is dropped.
pub(super) struct Door {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    down: bool,
    /// Cancelled when the connections of this period must end.
    cut: CancellationToken,
    closed: CancellationToken,
}

impl Door {
    /// `serve` is called for each connection, with the token that tells it to end.
    pub(super) async fn open<F, S>(serve: F) -> Result<Self>
    where
        F: Fn(TcpStream, CancellationToken) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("a proxy could not get a port")?;
        let address = listener.local_addr().context("a proxy does not know its own address")?;
        let closed = CancellationToken::new();
        let state = Arc::new(Mutex::new(State {
            down: false,
            cut: closed.child_token(),
            closed: closed.clone(),
        }));
        tokio::spawn({
            let state = state.clone();
            closed.run_until_cancelled_owned(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let cut = {
                        let state = lock(&state);
                        if state.down {
                            continue;
                        }
                        state.cut.clone()
                    };
                    tokio::spawn(serve(stream, cut));
                }
            })
        });
        Ok(Self { address, state })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// While down, open connections are cut and new ones are closed at once. The port stays ours, so that nobody else can
    /// take it meanwhile.
    pub(super) fn set_down(&self, down: bool) {
        let mut state = lock(&self.state);
        state.down = down;
        if down {
            state.cut.cancel();
        } else if state.cut.is_cancelled() {
            state.cut = state.closed.child_token();
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        lock(&self.state).closed.cancel();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
