//! The one HTTP request that waiting for a program needs: GET on loopback.

use std::time::Duration;

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// GET `path` from `address`. In HTTP 1.0, so that the body simply ends with the connection.
pub(crate) async fn get(address: &str, path: &str) -> anyhow::Result<Answer> {
    let request = async {
        let mut connection = TcpStream::connect(address).await?;
        connection.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = tokio::time::timeout(PATIENCE, request)
        .await
        .with_context(|| format!("http://{address}{path} did not answer within {} s", PATIENCE.as_secs()))?
        .with_context(|| format!("http://{address}{path} does not answer"))?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.with_context(|| format!("http://{address}{path} does not speak HTTP"))?;
    Ok(Answer { status, body: body.to_owned() })
}
