//! Which certificates the client trusts, for the websocket and for REST alike.

mod distrust;
mod named;

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

pub(super) use self::distrust::{Distrust, TRUST_IT, distrust};
use self::named::Named;
use super::wire::WireError;
use crate::crypto::install_crypto_provider;

/// Whom to trust on `https://` and `wss://`.
///
/// The default trusts the public certificate authorities. [`Tls::only`] trusts exactly the certificates it
/// is given, which is what a private installation with its own authority wants: they vouch for what they have
/// signed, and for a server that shows one of them.
///
/// ```no_run
/// use gleitzeit::client::Tls;
///
/// let pem = std::fs::read("company-ca.pem")?;
/// let tls = Tls::only(&pem)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Tls {
    config: Option<Arc<rustls::ClientConfig>>,
}

impl Tls {
    /// Trusts the certificates of this PEM text and nothing else.
    pub fn only(pem: &[u8]) -> Result<Self, WireError> {
        install_crypto_provider();
        let certificates = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| WireError::Certificates(error.to_string()))?;
        if certificates.is_empty() {
            return Err(WireError::Certificates("no certificate was found in the text".to_owned()));
        }
        let named = Named::new(certificates).map_err(WireError::Certificates)?;
        let config = rustls::ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(named))
            .with_no_client_auth();
        Ok(Self { config: Some(Arc::new(config)) })
    }

    pub(crate) fn config(&self) -> Option<Arc<rustls::ClientConfig>> {
        self.config.clone()
    }
}
