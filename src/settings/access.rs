//! Which server the verbs talk to, with which token, and whom they believe that it is the one.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::keyring::Keyring;
use super::layers::{Layers, Owner, SettingsError};

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
        let files = layers.iter().map(|layer| match toml::from_str(&layer.text) {
            Ok(Shared { client }) => Ok(Said { client, owner: layer.owner() }),
            Err(error) => Err(SettingsError::malformed(&layer.path, &layer.text, &error)),
        });
        let files = files.collect::<Result<Vec<_>, _>>()?;
        let kept = |url: &str| Ok(Keyring::read()?.of(url).map(str::to_owned));
        chosen(Self { url: url.unwrap_or_else(|| url_of(&files)), token, ca }, &files, kept)
    }
}

/// What one file says, and whose it is.
#[derive(Debug, Clone)]
struct Said {
    client: ClientFile,
    owner: Owner,
}

/// The address that the first file names which names one.
fn url_of(files: &[Said]) -> String {
    files.iter().find_map(|file| file.client.url.clone()).unwrap_or_else(|| DEFAULT_URL.to_owned())
}

/// Completes what was given.
///
/// A token that stands in a file goes to the address of that file alone: the file of a project that somebody has
/// fetched could otherwise send the token of the user's own file wherever it likes. For the same reason the certificates to trust
/// come from the file that the token came from, and for a token of the user's own never from the project's: whoever names them says
/// who may read the token.
fn chosen(
    given: Access,
    files: &[Said],
    kept: impl FnOnce(&str) -> Result<Option<String>, SettingsError>,
) -> Result<Access, SettingsError> {
    let Access { url, token, ca } = given;
    let is_for_it = |file: &&Said| {
        let named = file.client.url.as_deref().unwrap_or(DEFAULT_URL);
        named.trim_end_matches('/') == url.trim_end_matches('/')
    };
    let of_it: Vec<&Said> = files.iter().filter(is_for_it).collect();
    let first_ca = |trusted: &[&Said]| trusted.iter().find_map(|file| file.client.ca.clone());
    let source = of_it.iter().copied().find(|file| file.client.token.is_some()).filter(|_| token.is_none());
    if let Some(source) = source {
        let (token, ca) = (source.client.token.clone(), ca.or_else(|| source.client.ca.clone()));
        return Ok(Access { url, token, ca });
    }
    let token = if token.is_some() { token } else { kept(&url)? };
    let is_trusted = |file: &&Said| token.is_none() || file.owner == Owner::User;
    let trusted: Vec<&Said> = of_it.into_iter().filter(is_trusted).collect();
    Ok(Access { ca: ca.or_else(|| first_ca(&trusted)), url, token })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: Option<&str>, token: Option<&str>) -> Said {
        let (url, token) = (url.map(str::to_owned), token.map(str::to_owned));
        Said { client: ClientFile { url, token, ca: None }, owner: Owner::User }
    }

    fn settled(url: Option<&str>, token: Option<&str>, files: &[Said], kept: Option<&str>) -> Access {
        let url = url.map_or_else(|| url_of(files), str::to_owned);
        let given = Access { url, token: token.map(str::to_owned), ca: None };
        chosen(given, files, |_| Ok(kept.map(str::to_owned))).expect("nothing is read")
    }

    fn check(url: Option<&str>, token: Option<&str>, files: &[Said], expected: (&str, Option<&str>)) {
        let Access { url, token, .. } = settled(url, token, files, None);
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
    fn certificates_come_from_where_the_token_comes_from() {
        const MINE: &str = "https://mine";
        let of = |ca: &str, url: &str, token: Option<&str>, owner: Owner| {
            let Said { client, .. } = file(Some(url), token);
            Said { client: ClientFile { ca: Some(ca.into()), ..client }, owner }
        };
        let trusted = |token: Option<&str>, files: &[Said], kept: Option<&str>| {
            settled(Some(MINE), token, files, kept).ca.map(|ca| ca.display().to_string())
        };
        let (evil, mine) =
            (of("evil.pem", MINE, None, Owner::Project), of("mine.pem", MINE, None, Owner::User));
        let own = of("own.pem", MINE, Some("m"), Owner::User);
        let some = |ca: &str| Some(ca.to_owned());
        assert_eq!(trusted(None, &[evil.clone(), own.clone()], None), some("own.pem"));
        let bare = file(Some(MINE), Some("m"));
        assert_eq!(trusted(None, &[evil.clone(), bare], None), None, "the file of the token names none");
        for (token, kept) in [(Some("t"), None), (None, Some("k"))] {
            assert_eq!(trusted(token, &[evil.clone(), mine.clone()], kept), some("mine.pem"));
            assert_eq!(trusted(token, std::slice::from_ref(&evil), kept), None);
        }
        assert_eq!(trusted(None, &[evil, own.clone()], Some("k")), some("own.pem"));
        let theirs = of("theirs.pem", MINE, Some("p"), Owner::Project);
        assert_eq!(trusted(None, &[theirs.clone(), own], None), some("theirs.pem"), "with their own token");
        let open = of("open.pem", MINE, None, Owner::Project);
        assert_eq!(trusted(None, &[open], None), some("open.pem"), "no token is shown");
        assert_eq!(trusted(None, &[of("else.pem", "https://else", None, Owner::User)], None), None);
        let given = Access { url: MINE.to_owned(), token: None, ca: Some("flag.pem".into()) };
        let chosen = chosen(given, &[theirs], |_| Ok(None)).expect("nothing is read");
        assert_eq!(chosen.ca, Some("flag.pem".into()));
    }
}
