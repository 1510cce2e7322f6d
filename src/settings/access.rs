//! Which server the verbs talk to, and with which token.

use std::path::Path;

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
    pub fn settle(url: Option<String>, token: Option<String>) -> Result<Self, SettingsError> {
        let token = token.filter(|token| !token.is_empty());
        if let (Some(url), Some(token)) = (&url, &token) {
            return Ok(Self { url: url.clone(), token: Some(token.clone()) });
        }
        let named = std::env::var_os("GLEITZEIT_CONFIG").filter(|path| !path.is_empty());
        let layers = Layers::read(named.as_deref().map(Path::new))?;
        let files = layers.iter().map(|layer| {
            toml::from_str(&layer.text).map(|shared: Shared| shared.client).map_err(|reason| {
                SettingsError::Malformed { path: layer.path.display().to_string(), reason: Box::new(reason) }
            })
        });
        let mut access = chosen(url, token, &files.collect::<Result<Vec<_>, _>>()?);
        if access.token.is_none() {
            access.token = Keyring::read()?.of(&access.url).map(str::to_owned);
        }
        Ok(access)
    }
}

/// A token that stands in a file goes to the address of that file alone: the file of a project that somebody has
/// fetched could otherwise send the token of the user's own file wherever it likes.
fn chosen(url: Option<String>, token: Option<String>, files: &[ClientFile]) -> Access {
    let url_of = |file: &ClientFile| file.url.clone().unwrap_or_else(|| DEFAULT_URL.to_owned());
    let from_files = || files.iter().find_map(|file| file.url.clone());
    let url = url.or_else(from_files).unwrap_or_else(|| DEFAULT_URL.to_owned());
    let same = |file: &&ClientFile| url_of(file).trim_end_matches('/') == url.trim_end_matches('/');
    let token = token.or_else(|| files.iter().filter(same).find_map(|file| file.token.clone()));
    Access { url, token }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: Option<&str>, token: Option<&str>) -> ClientFile {
        ClientFile { url: url.map(str::to_owned), token: token.map(str::to_owned) }
    }

    fn check(url: Option<&str>, token: Option<&str>, files: &[ClientFile], expected: (&str, Option<&str>)) {
        let Access { url, token } = chosen(url.map(str::to_owned), token.map(str::to_owned), files);
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
}
