//! A submission that is too large to be held: its body is made while it is sent.

use std::io;

use bytes::Bytes;
use futures_util::Stream;
use reqwest::Body;
use reqwest::header::CONTENT_LENGTH;

use super::Client;
use super::error::ClientError;
use super::transport;
use super::types::{SubmitOptions, Submitted, TextFormat};

impl Client {
    /// Submits a workflow whose JSON comes piece by piece, `bytes` in all. A stream cannot be sent a second time,
    /// so nothing is tried again.
    pub async fn submit_streamed<S>(
        &self,
        pieces: S,
        bytes: u64,
        options: &SubmitOptions,
    ) -> Result<Submitted, ClientError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let mut request = self.submission(Vec::new(), TextFormat::Json, options)?;
        request.headers.insert(CONTENT_LENGTH, bytes.into());
        let body = Body::wrap_stream(pieces);
        transport::read(self.send_body(&self.patient, &request, body).await?).await
    }
}
