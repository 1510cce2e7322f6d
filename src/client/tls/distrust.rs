//! Why a server is not trusted, in words.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::named::is_of_an_authority;

/// What is wrong with the certificate of the other side, if that is why something failed.
pub(in crate::client) fn distrust(error: &(dyn Error + 'static)) -> Option<String> {
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

fn in_words(error: &rustls::Error) -> Option<String> {
    let rustls::Error::InvalidCertificate(reason) = error else { return None };
    if *reason == CertificateError::UnknownIssuer {
        return Some("nobody who is trusted here vouches for its certificate".to_owned());
    }
    if is_of_an_authority(error) {
        let why =
            "its certificate is that of an authority, or has signed itself, and is not one that was named";
        return Some(why.to_owned());
    }
    Some(reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_found_however_deep_it_lies() {
        let unknown = || rustls::Error::from(CertificateError::UnknownIssuer);
        let deep = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, unknown()));
        assert!(distrust(&deep).is_some_and(|why| why.contains("vouches")));
        assert!(distrust(&unknown()).is_some());
        let other = io::Error::other(rustls::Error::HandshakeNotComplete);
        assert_eq!(distrust(&other), None);
        assert_eq!(distrust(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
    }
}
