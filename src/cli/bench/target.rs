//! The server under load: one that runs already, or one that is started here and ended here.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Url;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::load::rest::Rest;
use crate::cli::remote::trust;
use crate::client::Tls;

/// An empty server is ready in milliseconds; a debug build on a busy machine takes longer.
const START_LIMIT: Duration = Duration::from_secs(30);
/// A server promises to stop within 5 s.
const STOP_LIMIT: Duration = Duration::from_secs(10);
const LISTENING: &str = "gleitzeit listening on ";
const LOG: &str = "server.log";

/// Where the server is.
#[derive(Debug, Clone)]
pub struct Address {
    pub url: String,
    pub host: String,
    pub port: u16,
    pub token: Option<String>,
    /// Of an address that begins with https.
    pub tls: Option<Trusted>,
}

/// Whom to believe that the server is the one that was asked for.
#[derive(Debug, Clone)]
pub struct Trusted {
    /// The file that says so.
    pub ca: PathBuf,
    pub tls: Tls,
}

impl Address {
    pub fn parse(url: &str, token: Option<String>, ca: Option<&Path>) -> anyhow::Result<Self> {
        let parsed = Url::parse(url).with_context(|| format!("{url:?} is not an address"))?;
        let tls = match parsed.scheme() {
            "http" => None,
            "https" => {
                let ca = ca.with_context(|| {
                    format!("{url} is encrypted: name the certificate of the server, or of its authority, with --ca")
                })?;
                Some(Trusted { ca: ca.to_path_buf(), tls: trust(Some(ca))? })
            }
            _ => bail!("{url} is neither an http:// nor an https:// address"),
        };
        let host = parsed.host_str().with_context(|| format!("{url} names no host"))?;
        // An address of version 6 stands in brackets in a URL, and without them everywhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = parsed.port_or_known_default().with_context(|| format!("{url} names no port"))?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), host, port, token, tls })
    }
}

/// A server to put under load.
#[derive(Debug)]
pub struct Target {
    pub address: Address,
    /// Declared before its directory, so that it is gone before its files are.
    own: Option<OwnServer>,
}

#[derive(Debug)]
struct OwnServer {
    process: Child,
    directory: Directory,
}

/// A directory that is removed in the end.
#[derive(Debug)]
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("warning: {} could not be removed: {error}", self.0.display());
        }
    }
}

impl Target {
    pub fn running(url: &str, token: Option<String>, ca: Option<&Path>) -> anyhow::Result<Self> {
        Ok(Self { address: Address::parse(url, token, ca)?, own: None })
    }

    /// Starts this same program as a server of its own process, with an empty directory below `parent`.
    pub async fn start(parent: Option<PathBuf>) -> anyhow::Result<Self> {
        if cfg!(not(feature = "server")) {
            bail!("this build of the program has no server: name a running one with --url");
        }
        let parent = parent.unwrap_or_else(std::env::temp_dir);
        if is_in_memory(&parent) {
            eprintln!(
                "warning: {} is in memory, where a sync costs nothing: name a directory on a disk with --dir",
                parent.display()
            );
        }
        let path = parent.join(format!("gleitzeit-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let directory = Directory(path);
        let mut process = spawn(&directory.0)?;
        let output = process.stdout.take().expect("its output is a pipe");
        let mut lines = BufReader::new(output).lines();
        let url = tokio::time::timeout(START_LIMIT, async {
            while let Some(line) = lines.next_line().await? {
                if let Some(url) = line.strip_prefix(LISTENING) {
                    return Ok(url.trim().to_owned());
                }
            }
            let log = std::fs::read_to_string(directory.0.join(LOG)).unwrap_or_default();
            bail!("the server ended before it listened; it said:\n{log}")
        });
        let url =
            url.await.with_context(|| format!("the server did not listen within {START_LIMIT:?}"))??;
        // Reads on, so that the server never blocks on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { address: Address::parse(&url, None, None)?, own: Some(OwnServer { process, directory }) })
    }

    /// Ends a server that was started here.
    pub async fn end(self) -> anyhow::Result<()> {
        let Some(OwnServer { mut process, directory }) = self.own else { return Ok(()) };
        let asked = async { Rest::open(&self.address).await?.shutdown().await };
        let ended = match asked.await {
            Ok(()) => tokio::time::timeout(STOP_LIMIT, process.wait()).await.is_ok(),
            Err(_) => false,
        };
        if !ended {
            eprintln!("warning: the server did not stop within {STOP_LIMIT:?} and is killed");
            process.kill().await?;
        }
        drop(directory);
        Ok(())
    }
}

fn spawn(directory: &Path) -> anyhow::Result<Child> {
    let program = std::env::current_exe().context("the path of this program is not known")?;
    let log = std::fs::File::create(directory.join(LOG))?;
    let mut command = Command::new(&program);
    command.args(["serve", "--host", "127.0.0.1", "--port", "0", "--data-dir"]).arg(directory.join("data"));
    // What the caller has set for servers of another kind must not change what is measured.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GLEITZEIT_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}

/// Whether the directory lies on a file system without a disk.
fn is_in_memory(directory: &Path) -> bool {
    let Ok(path) = directory.canonicalize() else { return false };
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (point, kind) = (fields.nth(1)?, fields.next()?);
        path.starts_with(point).then_some((point.len(), kind))
    });
    mounts.max_by_key(|(length, _)| *length).is_some_and(|(_, kind)| matches!(kind, "tmpfs" | "ramfs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_plain_or_says_whom_to_trust() {
        let address = Address::parse("http://[::1]:9/", None, None).unwrap();
        assert_eq!((address.url.as_str(), address.host.as_str(), address.port), ("http://[::1]:9", "::1", 9));
        for bad in ["https://h", "ftp://h", "h:1", ""] {
            assert!(Address::parse(bad, None, None).is_err(), "{bad}");
        }
    }
}
