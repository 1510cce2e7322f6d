//! `gleitzeit store backup`: everything that is durable now, in one file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::Place;
use crate::cli::output::{pairs, print};
#[cfg(feature = "client")]
use crate::cli::remote::Remote;
use crate::cli::{Exit, telemetry};
use crate::log::{LogOptions, SegmentLog};
use crate::store::backup::{BackupSource, Manifest, check};

/// Write a backup of a data directory as one file.
///
/// It holds everything that was acknowledged before it began, as of one event, with a checksum of every file in it, and it
/// is read back and compared before it gets its name. With --online a server that runs is asked for it, and goes on
/// meanwhile. The file holds the secret of the data directory: keep it where nobody else can read it.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The file to write, which must not be there yet; a folder, in which it is named after its last event; or - for
    /// stdout.
    #[arg(value_name = "FILE|DIR")]
    to: PathBuf,
    /// Ask the server that runs (--url, --token).
    #[cfg(feature = "client")]
    #[arg(long)]
    online: bool,
    #[command(flatten)]
    place: Place,
    #[cfg(feature = "client")]
    #[command(flatten)]
    remote: Remote,
}

impl Backup {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        telemetry::start_at("info");
        if self.to.as_os_str() == "-" {
            // Whoever reads the pipe checks it, by restoring it or by its list of files.
            return self.written(&mut io::stdout().lock()).map(|()| Exit::Ok);
        }
        let mut draft = Draft::new(&self.to)?;
        let to = self.to.clone();
        self.written(&mut draft.file)?;
        let (path, manifest) = draft.finish(&to)?;
        print(&pairs(&[
            ("backup", path.display().to_string()),
            ("events", format!("{} to {}", manifest.first_seq, manifest.seq)),
            ("taken at", manifest.taken_at.clone()),
            ("content", format!("{} files, {} bytes", manifest.files.len(), manifest.bytes())),
        ]));
        Ok(Exit::Ok)
    }

    fn written(self, out: &mut dyn Write) -> anyhow::Result<()> {
        #[cfg(feature = "client")]
        if self.online {
            return online(self.remote, out);
        }
        let (directory, config) = self.place.lock_or_ask_online()?;
        let options = LogOptions::with_segment_size(config.segment_size)?;
        let (log, _) = SegmentLog::open(&directory.log(), options)?;
        BackupSource::new(&directory, log.snapshots()).write(out)?;
        Ok(())
    }
}

#[cfg(feature = "client")]
fn online(remote: Remote, out: &mut dyn Write) -> anyhow::Result<()> {
    let exit = remote.run(async |client| {
        let mut pieces = client.backup().await?;
        while let Some(piece) = pieces.next().await? {
            out.write_all(&piece).context("writing the backup failed")?;
        }
        out.flush().context("writing the backup failed")?;
        Ok(Exit::Ok)
    })?;
    anyhow::ensure!(exit == Exit::Ok, "it was interrupted; nothing was kept");
    Ok(())
}

/// A file without its name. Whatever happens before it has one, it is no backup that anybody finds.
struct Draft {
    path: PathBuf,
    file: File,
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Named by then, or given up; a full disk gets its room back.
        drop(fs::remove_file(&self.path));
    }
}

impl Draft {
    fn new(to: &Path) -> anyhow::Result<Self> {
        // What ends like a folder is meant to be one.
        if to.as_os_str().as_encoded_bytes().ends_with(b"/") && !to.exists() {
            fs::create_dir(to).with_context(|| format!("the folder {} cannot be made", to.display()))?;
        }
        let draft = format!("gleitzeit-backup-{}.part", std::process::id());
        let path = if to.is_dir() {
            to.join(draft)
        } else {
            if to.exists() {
                bail!("{} is there already; name a new file, or remove it first", to.display());
            }
            folder_of(to).join(draft)
        };
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self { path, file })
    }

    /// Reads it back, compares every checksum, and names it.
    fn finish(self, to: &Path) -> anyhow::Result<(PathBuf, Manifest)> {
        self.file.sync_all().context("writing the backup failed")?;
        let manifest = check(&self.path)?;
        let named = if to.is_dir() {
            let time: String = manifest.taken_at.chars().filter(char::is_ascii_alphanumeric).collect();
            to.join(format!("gleitzeit-{}-{time}.tar", manifest.seq))
        } else {
            to.to_path_buf()
        };
        // A second name never replaces a file that somebody else has made meanwhile.
        fs::hard_link(&self.path, &named)
            .with_context(|| format!("the backup cannot be named {}", named.display()))?;
        File::open(folder_of(&named))
            .and_then(|folder| folder.sync_all())
            .context("syncing the folder failed")?;
        Ok((named, manifest))
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
