//! Looking after the data of a server: backups and checks.

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use serde_json::{Map, Value};

use super::Client;
use super::error::ClientError;
use super::transport;

/// A backup while it arrives.
pub struct BackupStream(BoxStream<'static, Result<Bytes, ClientError>>);

impl std::fmt::Debug for BackupStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackupStream")
    }
}

impl BackupStream {
    /// The next piece; nothing at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        self.0.next().await.transpose()
    }
}

impl Client {
    /// A backup of everything that is durable now. It has all arrived when `gleitzeit store restore` takes it: a stream that
    /// ends early leaves no backup.
    pub async fn backup(&self) -> Result<BackupStream, ClientError> {
        let request = self.post(&["api", "v1", "store", "backup"]);
        let response = self.send(&self.patient, &request).await?;
        let url = request.url;
        let pieces = response.bytes_stream().map_err(move |error| transport::unreachable(&url, &error));
        Ok(BackupStream(pieces.boxed()))
    }

    /// Has the server read all of its data, and say what is wrong with it. Takes as long as that takes.
    pub async fn verify_store(&self) -> Result<Map<String, Value>, ClientError> {
        let request = self.post(&["api", "v1", "store", "verify"]);
        transport::read(self.send(&self.patient, &request).await?).await
    }
}
