//! HTTP/1.1 on one kept connection: one request, one answer, as little in between as can be.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::{Bytes, BytesMut};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::MaybeTlsStream;

use crate::cli::bench::target::Address;

/// Above any answer of a server that works.
const ANSWER_LIMIT: Duration = Duration::from_mins(1);
/// The head of an answer of this program has a few hundred bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const READ_BYTES: usize = 16 * 1024;

#[derive(Debug)]
pub struct HttpConnection {
    stream: MaybeTlsStream<TcpStream>,
    received: BytesMut,
    request: String,
    /// The header lines that every request has.
    common: String,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// From the header `Retry-After`.
    pub retry_after: Option<Duration>,
    pub body: Bytes,
}

/// What the head of an answer says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    status: u16,
    content_length: Option<usize>,
    retry_after: Option<Duration>,
}

impl HttpConnection {
    pub async fn open(address: &Address) -> anyhow::Result<Self> {
        let stream = TcpStream::connect((address.host.as_str(), address.port))
            .await
            .with_context(|| format!("cannot connect to {}", address.url))?;
        stream.set_nodelay(true)?;
        let stream = encrypted(stream, address).await?;
        let authorization = address.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n"));
        let common = format!(
            "Host: {}:{}\r\nAccept: application/json\r\n{}",
            address.host,
            address.port,
            authorization.unwrap_or_default()
        );
        Ok(Self { stream, received: BytesMut::new(), request: String::new(), common })
    }

    pub async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.request = format!("GET {path} HTTP/1.1\r\n{}\r\n", self.common);
        self.exchange(path).await
    }

    /// Posts JSON.
    pub async fn post(&mut self, path: &str, body: &str) -> anyhow::Result<Answer> {
        self.request = format!(
            "POST {path} HTTP/1.1\r\n{}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.common,
            body.len()
        );
        self.exchange(path).await
    }

    async fn exchange(&mut self, path: &str) -> anyhow::Result<Answer> {
        let answer = tokio::time::timeout(ANSWER_LIMIT, self.exchange_without_limit()).await;
        answer
            .with_context(|| format!("no answer within {ANSWER_LIMIT:?}"))
            .flatten()
            .with_context(|| format!("the request for {path} failed"))
    }

    async fn exchange_without_limit(&mut self) -> anyhow::Result<Answer> {
        self.stream.write_all(self.request.as_bytes()).await?;
        self.stream.flush().await?;
        let end = loop {
            if let Some(at) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            ensure!(self.received.len() < HEAD_BYTES_MAX, "the head of the answer does not end");
            self.read().await?;
        };
        let head = self.received.split_to(end + 4);
        let head = Head::parse(std::str::from_utf8(&head).context("the head of the answer is not text")?)?;
        let length = head.content_length.context("the answer does not say how long it is")?;
        self.received.reserve(length.saturating_sub(self.received.len()));
        while self.received.len() < length {
            self.read().await?;
        }
        let body = self.received.split_to(length).freeze();
        Ok(Answer { status: head.status, retry_after: head.retry_after, body })
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        self.received.reserve(READ_BYTES);
        if self.stream.read_buf(&mut self.received).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

/// The same connection, encrypted where the address asks for it.
async fn encrypted(stream: TcpStream, address: &Address) -> anyhow::Result<MaybeTlsStream<TcpStream>> {
    let Some(config) = address.tls.as_ref().and_then(|trusted| trusted.tls.config()) else {
        return Ok(MaybeTlsStream::Plain(stream));
    };
    let name = ServerName::try_from(address.host.clone()).context("the host is no name of a server")?;
    let agreed = TlsConnector::from(config).connect(name, stream).await;
    let stream = agreed.with_context(|| format!("{} speaks no TLS that is trusted", address.url))?;
    Ok(MaybeTlsStream::Rustls(stream))
}

impl Head {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let mut head = Self {
            status: status.with_context(|| format!("{first:?} does not begin an answer of HTTP/1.1"))?,
            ..Self::default()
        };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.content_length = value.parse().ok();
            } else if name.eq_ignore_ascii_case("retry-after") {
                head.retry_after = value.parse().ok().map(Duration::from_secs);
            }
        }
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        let head = Head::parse("HTTP/1.1 503 Busy\r\ncontent-length: 12\r\nRetry-After:1\r\n\r\n").unwrap();
        let retry_after = Some(Duration::from_secs(1));
        assert_eq!(head, Head { status: 503, content_length: Some(12), retry_after });
        assert!(Head::parse("HTTP/2 200\r\n\r\n").is_err());
    }
}
