//! Why a server is not trusted, in words.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::named::is_of_an_authority;

/// What is wrong with a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::client) struct Distrust {
    pub(in crate::client) reason: String,
    /// What to do, where it does not help to trust the certificate.
    pub(in crate::client) fix: Option<&'static str>,
}

/// What to do where that does help.
pub(in crate::client) const TRUST_IT: &str =
    "trust its certificate, or that of its authority, if it is the server you mean";

/// A common name alone is none that clients look at.
const NAMELESS_FIX: &str = "Make the certificate anew with the names that clients call the server by: \
    `openssl req ... -addext subjectAltName=DNS:flows.example.org,IP:192.0.2.7`.";

/// What is wrong with the certificate of the other side, if that is why something failed.
pub(in crate::client) fn distrust(error: &(dyn Error + 'static)) -> Option<Distrust> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = of_tls(error) {
            return in_words(tls);
        }
        next = error.source();
    }
    None
}

/// An error of the system may hold one of TLS, or another that does, which it does not name as its source.
fn of_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    of_tls(error.downcast_ref::<io::Error>()?.get_ref()?)
}

fn in_words(error: &rustls::Error) -> Option<Distrust> {
    let rustls::Error::InvalidCertificate(why) = error else { return None };
    let reason = if *why == CertificateError::UnknownIssuer {
        "nobody who is trusted here vouches for its certificate".to_owned()
    } else if is_of_an_authority(error) {
        "its certificate is that of an authority, or has signed itself, and is not one that was named"
            .to_owned()
    } else {
        why.to_string()
    };
    let is_nameless = matches!(
        why,
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty()
    );
    Some(Distrust { reason, fix: is_nameless.then_some(NAMELESS_FIX) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_found_however_deep_it_lies() {
        let unknown = || rustls::Error::from(CertificateError::UnknownIssuer);
        let deep = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, unknown()));
        assert!(distrust(&deep).is_some_and(|why| why.reason.contains("vouches")));
        assert!(distrust(&unknown()).is_some());
        let other = io::Error::other(rustls::Error::HandshakeNotComplete);
        assert_eq!(distrust(&other), None);
        assert_eq!(distrust(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
    }
}
