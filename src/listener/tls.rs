//! TLS of the connections that come in.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::TlsConfig;
use crate::crypto::install_crypto_provider;

/// The first byte of every TLS connection.
const HANDSHAKE: u8 = 0x16;
/// What is read of a request that cannot be answered, so that the system does not take the answer back.
const LEFT_BYTES_MAX: u64 = 64 << 10;
const PLAIN_ANSWER: &str = "this port speaks TLS: begin the address with https://\n";

/// What is wrong with the certificate or its key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path} cannot be read: {reason}")]
    Unreadable { path: String, reason: io::Error },
    #[error("{path} is no PEM file: {reason}")]
    Malformed { path: String, reason: String },
    #[error("{path} holds no certificate; it has to begin with `-----BEGIN CERTIFICATE-----`")]
    NoCertificate { path: String },
    #[error(
        "{path} holds no private key that is not encrypted; it has to begin with `-----BEGIN PRIVATE KEY-----`"
    )]
    NoKey { path: String },
    #[error("the certificate in {cert} and the key in {key} do not go together: {reason}")]
    Unfit { cert: String, key: String, reason: rustls::Error },
}

/// The certificate, and how it is renewed.
pub struct Tls {
    files: TlsConfig,
    acceptor: RwLock<TlsAcceptor>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// # Errors
    /// Which file is wrong, and why.
    pub fn load(files: &TlsConfig) -> Result<Self, TlsError> {
        let acceptor = acceptor(files)?;
        Ok(Self { files: files.clone(), acceptor: RwLock::new(acceptor) })
    }

    /// Reads the files again, for connections from now on.
    ///
    /// # Errors
    /// Which file is wrong, and why. Then nothing has changed.
    pub fn reload(&self) -> Result<(), TlsError> {
        let acceptor = acceptor(&self.files)?;
        *self.acceptor.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
        Ok(())
    }

    /// Agrees on keys with the other side. One that speaks plain HTTP is told that it should not.
    pub(super) async fn accept(&self, mut stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first != [HANDSHAKE] {
            tell_of_tls(&mut stream).await?;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the other side speaks no TLS"));
        }
        let acceptor = self.acceptor.read().unwrap_or_else(PoisonError::into_inner).clone();
        acceptor.accept(stream).await
    }
}

impl Tls {
    /// Agrees on keys, says one thing, and reads on until the other side has heard it.
    pub(super) async fn tell(&self, stream: TcpStream, answer: &[u8]) -> io::Result<()> {
        let mut stream = self.accept(stream).await?;
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LEFT_BYTES_MAX), &mut tokio::io::sink()).await?;
        Ok(())
    }
}

async fn tell_of_tls(stream: &mut TcpStream) -> io::Result<()> {
    let length = PLAIN_ANSWER.len();
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(PLAIN_ANSWER.as_bytes()).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(LEFT_BYTES_MAX), &mut tokio::io::sink()).await?;
    Ok(())
}

fn acceptor(files: &TlsConfig) -> Result<TlsAcceptor, TlsError> {
    install_crypto_provider();
    let (cert, key) = (shown(&files.cert), shown(&files.key));
    let certificates = CertificateDer::pem_slice_iter(&read(&files.cert)?).collect::<Result<Vec<_>, _>>();
    let certificates = certificates
        .map_err(|error| TlsError::Malformed { path: cert.clone(), reason: error.to_string() })?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { path: cert });
    }
    let private = PrivateKeyDer::from_pem_slice(&read(&files.key)?).map_err(|error| {
        let path = key.clone();
        if matches!(error, pem::Error::NoItemsFound) {
            TlsError::NoKey { path }
        } else {
            TlsError::Malformed { path, reason: error.to_string() }
        }
    })?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, private)
        .map_err(|reason| TlsError::Unfit { cert, key, reason })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|reason| TlsError::Unreadable { path: shown(path), reason })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
