//! Which server the verbs talk to, with which token, and whom they believe that it is the one.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::keyring::Keyring;
use super::layers::{Layers, SettingsError};

const DEFAULT_URL: &str = "http://127.0.0.1:8000";

/// The `[client]` table of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientFile {
    pub url: Option<String>,
    pub token: Option<String>,
    /// Certificates to trust, in PEM.
    pub ca: Option<PathBuf>,
}

/// The files as far as a client reads them; all else in them is the server's.
#[derive(Debug, Default, Deserialize)]
struct Shared {
    #[serde(default)]
    client: ClientFile,
}

/// A server, and the right to use it.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    pub url: String,
    pub token: Option<String>,
    /// Certificates to trust, in the place of the authorities that the system trusts.
    pub ca: Option<PathBuf>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Access {
    /// What flags and environment say, and what they leave out as the files say; at last a key that the user keeps for the
    /// address.
    ///
    /// # Errors
    /// When a file is not TOML, or its `[client]` table has a key that means nothing, or others can read the user's keys.
    pub fn settle(
        url: Option<String>,
        token: Option<String>,
        ca: Option<PathBuf>,
    ) -> Result<Self, SettingsError> {
        let token = token.filter(|token| !token.is_empty());
        let ca = ca.filter(|path| !path.as_os_str().is_empty());
        // Nobody has to show a certificate where nothing is encrypted.
        let is_whole = |url: &&String| token.is_some() && (ca.is_some() || !url.starts_with("https:"));
        if let Some(url) = url.as_ref().filter(is_whole) {
            return Ok(Self { url: url.clone(), token, ca });
        }
        let named = std::env::var_os("GLEITZEIT_CONFIG").filter(|path| !path.is_empty());
        let layers = Layers::read(named.as_deref().map(Path::new))?;
        let files = layers.iter().map(|layer| {
            toml::from_str(&layer.text).map(|shared: Shared| shared.client).map_err(|reason| {
                SettingsError::Malformed { path: layer.path.display().to_string(), reason: Box::new(reason) }
            })
        });
        let mut access = chosen(url, token, ca, &files.collect::<Result<Vec<_>, _>>()?);
        if access.token.is_none() {
            access.token = Keyring::read()?.of(&access.url).map(str::to_owned);
        }
        Ok(access)
    }
}

/// A token that stands in a file goes to the address of that file alone: the file of a project that somebody has
/// fetched could otherwise send the token of the user's own file wherever it likes. The certificates of a file are trusted there
/// alone for the same reason.
fn chosen(url: Option<String>, token: Option<String>, ca: Option<PathBuf>, files: &[ClientFile]) -> Access {
    let url_of = |file: &ClientFile| file.url.clone().unwrap_or_else(|| DEFAULT_URL.to_owned());
    let from_files = || files.iter().find_map(|file| file.url.clone());
    let url = url.or_else(from_files).unwrap_or_else(|| DEFAULT_URL.to_owned());
    let same = |file: &&ClientFile| url_of(file).trim_end_matches('/') == url.trim_end_matches('/');
    let token = token.or_else(|| files.iter().filter(same).find_map(|file| file.token.clone()));
    let ca = ca.or_else(|| files.iter().filter(same).find_map(|file| file.ca.clone()));
    Access { url, token, ca }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: Option<&str>, token: Option<&str>) -> ClientFile {
        ClientFile { url: url.map(str::to_owned), token: token.map(str::to_owned), ca: None }
    }

    fn check(url: Option<&str>, token: Option<&str>, files: &[ClientFile], expected: (&str, Option<&str>)) {
        let Access { url, token, .. } = chosen(url.map(str::to_owned), token.map(str::to_owned), None, files);
        assert_eq!((url.as_str(), token.as_deref()), expected);
    }

    #[test]
    fn a_token_of_a_file_goes_only_to_the_address_of_that_file() {
        let mine = file(Some("https://mine/"), Some("m"));
        let local = file(None, Some("l"));
        check(None, None, &[], (DEFAULT_URL, None));
        check(None, None, &[local.clone(), mine.clone()], ("https://mine/", Some("m")));
        check(Some("https://mine"), None, std::slice::from_ref(&mine), ("https://mine", Some("m")));
        check(Some("https://else"), None, &[local.clone(), mine.clone()], ("https://else", None));
        check(Some("https://else"), Some("t"), std::slice::from_ref(&mine), ("https://else", Some("t")));
        check(None, None, std::slice::from_ref(&local), (DEFAULT_URL, Some("l")));
        // A fetched project that names an address gets no token of the user's.
        check(None, None, &[file(Some("https://evil"), None), mine], ("https://evil", None));
    }

    #[test]
    fn certificates_of_a_file_are_trusted_only_at_the_address_of_that_file() {
        let of = |ca: &str| Some(PathBuf::from(ca));
        let mine = ClientFile { ca: of("mine.pem"), ..file(Some("https://mine"), None) };
        let project = ClientFile { ca: of("theirs.pem"), ..file(Some("https://theirs"), None) };
        let files = [project, mine];
        let trusted = |url: &str, ca: Option<PathBuf>| chosen(Some(url.to_owned()), None, ca, &files).ca;
        assert_eq!(trusted("https://mine/", None), of("mine.pem"));
        assert_eq!(trusted("https://mine", of("flag.pem")), of("flag.pem"));
        assert_eq!(trusted("https://else", None), None);
    }
}
