//! The keys that a user has for servers, in a file that nobody else can read.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::layers::{SettingsError, user_folder};

const FILE: &str = "gleitzeit/keys.toml";
/// For the user alone.
const MODE: u32 = 0o600;
const FOR_OTHERS: u32 = 0o077;

/// Keys by the address of their server.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keyring {
    #[serde(default)]
    keys: BTreeMap<String, String>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

impl Keyring {
    /// Where it lies; nowhere for a user without a home.
    pub fn path() -> Option<PathBuf> {
        user_folder().map(|folder| folder.join(FILE))
    }

    /// What is kept; nothing where there is no file.
    ///
    /// # Errors
    /// When others can read the file, or nobody.
    pub fn read() -> Result<Self, SettingsError> {
        let Some(path) = Self::path().filter(|path| path.exists()) else { return Ok(Self::default()) };
        let shown = path.display().to_string();
        let unreadable = |reason| SettingsError::Unreadable { path: shown.clone(), reason };
        let mode = fs::metadata(&path).map_err(unreadable)?.permissions().mode();
        if mode & FOR_OTHERS != 0 {
            return Err(SettingsError::Exposed { path: shown });
        }
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        toml::from_str(&text).map_err(|error| SettingsError::malformed(&path, &text, &error))
    }

    pub fn of(&self, url: &str) -> Option<&str> {
        self.keys.get(plain(url)).map(String::as_str)
    }

    pub fn insert(&mut self, url: &str, key: String) {
        self.keys.insert(plain(url).to_owned(), key);
    }

    /// Says whether there was one.
    pub fn remove(&mut self, url: &str) -> bool {
        self.keys.remove(plain(url)).is_some()
    }

    /// Puts it in the place of the one before, whole or not at all.
    ///
    /// # Errors
    /// When the user has no home, or it cannot be written.
    pub fn write(&self) -> Result<PathBuf, SettingsError> {
        let path = Self::path().ok_or(SettingsError::Homeless)?;
        self.put(&path)
            .map_err(|reason| SettingsError::Unwritable { path: path.display().to_string(), reason })?;
        Ok(path)
    }

    fn put(&self, path: &std::path::Path) -> std::io::Result<()> {
        let text = toml::to_string(self).map_err(std::io::Error::other)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let draft = path.with_extension("new");
        // One that was left behind may have been opened by others before it had its mode.
        if draft.exists() {
            fs::remove_file(&draft)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    }
}

fn plain(url: &str) -> &str {
    url.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_to_its_address_and_is_for_its_user_alone() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("gleitzeit/keys.toml");
        let mut keyring = Keyring::default();
        keyring.insert("http://a/", "gzt_1".to_owned());
        keyring.put(&path).expect("it can be written");
        keyring.put(&path).expect("it can be written again");
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, MODE);
        let text = fs::read_to_string(&path).expect("it can be read");
        let mut read: Keyring = toml::from_str(&text).expect("it is TOML");
        assert_eq!((read.of("http://a"), read.of("http://b")), (Some("gzt_1"), None));
        assert!(!format!("{read:?}").contains("gzt_1"));
        assert!(read.remove("http://a/") && !read.remove("http://a/"));
    }
}
