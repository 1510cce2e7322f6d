//! The cryptography behind TLS, chosen once for the whole process.

use std::sync::Once;

/// Makes ring the cryptography of this process, once. A program that chose another provider keeps it.
pub(crate) fn install_crypto_provider() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            tracing::debug!("the program has installed a provider of cryptography already; it is kept");
        }
    });
}
