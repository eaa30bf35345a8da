//! A minimal HTTP client for /health and /metrics, and for ClickHouse in tests.

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Status and body of an answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// `GET http://ADDRESS/PATH`.
///
/// # Errors
/// When nothing answers.
pub async fn get(address: &str, path: &str) -> Result<Answer> {
    send(address, Method::GET, path, &[], Bytes::new()).await
}

/// Any request with headers and a body.
///
/// # Errors
/// When nothing answers.
pub async fn send(address: &str, method: Method, path: &str, headers: &[(&str, &str)], body: Bytes) -> Result<Answer> {
    let (status, body) = exchange(address, method, path, headers, body, TIMEOUT).await?;
    Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
}

/// As [`send`], with the answer's body as bytes and a time limit of the caller's.
///
/// # Errors
/// When nothing answers in time.
pub async fn exchange(
    address: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Bytes,
    timeout: Duration,
) -> Result<(u16, Bytes)> {
    let exchange = async {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = sender.send_request(request.body(Full::new(body))?).await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    };
    tokio::time::timeout(timeout, exchange).await.context("no answer in time")?
}

/// The value of a metric, summed over its labels; 0 if absent.
pub fn metric(text: &str, name: &str) -> f64 {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(key, _)| *key == name || key.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')))
        .filter_map(|(_, value)| value.parse::<f64>().ok())
        .sum()
}
