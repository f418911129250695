//! `check-urls`: asks addresses and says which did not answer with success. `helm test` runs it in the cluster, where the
//! images have nothing else to ask with.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Client, Url};

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A network that has just been told of a pod may need a moment.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// Asks each address, and again where it does not answer at once; prints a line for each.
///
/// # Errors
/// When some did not answer with success.
pub async fn check(urls: &[Url]) -> anyhow::Result<()> {
    check_with(urls, PAUSE).await
}

async fn check_with(urls: &[Url], pause: Duration) -> anyhow::Result<()> {
    let client = Client::builder().timeout(PATIENCE).build().context("no HTTP client can be made")?;
    let mut failed = 0;
    for url in urls {
        match ask(&client, url, pause).await {
            Ok(()) => println!("ok      {url}"),
            Err(why) => {
                println!("failed  {url}: {why}");
                failed += 1;
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} addresses did not answer with success", urls.len());
    }
    Ok(())
}

async fn ask(client: &Client, url: &Url, pause: Duration) -> Result<(), String> {
    let mut said = String::new();
    for attempt in 1..=TRIES {
        match client.get(url.clone()).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => {
                let status = answer.status();
                said = format!("{status} {}", answer.text().await.unwrap_or_default().trim());
            }
            Err(error) => said = format!("{:#}", anyhow::Error::new(error.without_url())),
        }
        if attempt < TRIES {
            tokio::time::sleep(pause).await;
        }
    }
    Err(said)
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode, routing::get};

    use super::*;

    #[tokio::test]
    async fn what_answers_with_success_is_told_from_what_does_not() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let routes = Router::new()
            .route("/readyz", get(async || "ok"))
            .route("/away", get(async || (StatusCode::SERVICE_UNAVAILABLE, "MongoDB is away")));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, routes).into_future());
        let url = |path: &str| Url::parse(&format!("http://{address}{path}")).unwrap();
        let (client, pause) = (Client::new(), Duration::ZERO);
        ask(&client, &url("/readyz"), pause).await.unwrap();
        let away = ask(&client, &url("/away"), pause).await.unwrap_err();
        assert_eq!(away, "503 Service Unavailable MongoDB is away");
        check_with(&[url("/readyz")], pause).await.unwrap();
        let error = check_with(&[url("/readyz"), url("/away"), url("/nothing")], pause).await.unwrap_err();
        assert!(error.to_string().starts_with("2 of 3 addresses"), "{error}");
        let nobody = Url::parse("http://127.0.0.1:9/").unwrap();
        assert!(ask(&client, &nobody, pause).await.unwrap_err().contains("error sending request"));
    }
}
