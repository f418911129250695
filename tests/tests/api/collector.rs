//! A collector of traces that keeps what it is sent. Protocol buffers hold texts and ids as they are, so a test looks for
//! those.

use std::sync::Arc;

use axum::{Router, body::Bytes, extract::State, routing::post};
use tokio::{net::TcpListener, sync::mpsc};

pub struct Collector {
    pub address: String,
    spans: mpsc::UnboundedReceiver<Bytes>,
}

impl Collector {
    pub async fn start() -> Self {
        let (sender, spans) = mpsc::unbounded_channel();
        let take = async |State(sender): State<Arc<mpsc::UnboundedSender<Bytes>>>, body: Bytes| {
            sender.send(body).ok();
        };
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::new(sender));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { address, spans }
    }

    /// Everything that was sent, once the sender has ended.
    pub fn all(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Ok(spans) = self.spans.try_recv() {
            all.extend_from_slice(&spans);
        }
        all
    }
}
