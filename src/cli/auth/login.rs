//! `gleitzeit auth login` and `logout`: the key that this machine's user has for a server.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;

use crate::cli::Exit;
use crate::cli::remote::trust;
use crate::client::Client;
use crate::settings::{Access, Keyring};

/// A key on a line; nobody types one that is longer.
const KEY_BYTES_MAX: usize = 4_096;

/// Keep a key for a server, so that the other verbs find it.
///
/// The key is read from stdin, and kept in `gleitzeit/keys.toml` of the user's configuration, which nobody else can read.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// Address of the server [default: <http://127.0.0.1:8000>].
    #[arg(long, env = "GLEITZEIT_URL")]
    url: Option<String>,
    /// Certificate of the server, or those of authorities that may vouch for it, in PEM.
    #[arg(long, env = "GLEITZEIT_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Forget the key for a server. The key itself still counts; revoke it if it should not.
#[derive(Debug, Args)]
pub(super) struct Logout {
    /// Address of the server [default: <http://127.0.0.1:8000>].
    #[arg(long, env = "GLEITZEIT_URL")]
    url: Option<String>,
}

impl Login {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let url = Access::settle(self.url, None, None)?.url;
        if io::stdin().is_terminal() {
            eprintln!("key for {url}, then Enter:");
        }
        let mut key = String::new();
        let mut input = io::Read::take(io::stdin().lock(), KEY_BYTES_MAX as u64);
        input.read_line(&mut key)?;
        let key = key.trim().to_owned();
        ensure!(!key.is_empty(), "there was no key on stdin");
        // Known only now that there is a key: who may be shown it is not for a project to say.
        let ca = Access::settle(Some(url.clone()), Some(key.clone()), self.ca)?.ca;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = Client::builder(&url).token(&key).tls(trust(ca.as_deref())?).build()?;
        // A key that does not open anything is not worth keeping.
        let who = runtime.block_on(client.whoami())?;
        ensure!(who.guarded, "the server at {url} asks nobody for a key, so there is nothing to keep");
        let mut keyring = Keyring::read()?;
        keyring.insert(&url, key);
        let path = keyring.write()?;
        eprintln!("{} at {url}, with the role {}; the key is in {}", who.user, who.role, path.display());
        Ok(Exit::Ok)
    }
}

impl Logout {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let url = Access::settle(self.url, None, None)?.url;
        let mut keyring = Keyring::read()?;
        if keyring.remove(&url) {
            keyring.write()?;
            eprintln!("the key for {url} is forgotten here; it still counts until it is revoked");
            return Ok(Exit::Ok);
        }
        eprintln!("no key is kept for {url}");
        Ok(Exit::NotFound)
    }
}
