//! Writing a backup, of a server that runs or of one that has stopped.

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use tracing::info;

use super::error::failed;
use super::tar::TarWriter;
use super::{
    BACKUP_FORMAT, BackupError, FORMAT, FileEntry, LOG, MANIFEST, MANIFEST_SUM, Manifest, SECRET, sum_line,
};
use crate::clock;
use crate::log::Snapshots;
use crate::store::DataDir;

/// A data directory whose lock this process holds.
#[derive(Debug, Clone)]
pub struct BackupSource {
    path: PathBuf,
    instance: String,
    log: Snapshots,
}

impl BackupSource {
    pub fn new(directory: &DataDir, log: Snapshots) -> Self {
        Self { path: directory.path().to_path_buf(), instance: directory.instance().to_string(), log }
    }

    /// Writes everything that is durable now as one file. The engine does not notice; old segments that it wants to delete
    /// stay until this has ended.
    ///
    /// # Errors
    /// When the log is damaged, or something can not be read or written. What was written until then is no backup.
    pub fn write(&self, out: &mut dyn Write) -> Result<Manifest, BackupError> {
        let snapshot = self.log.take();
        let now =
            i64::try_from(clock::wall().0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let now = now.unwrap_or_default();
        let mut files =
            Files { tar: TarWriter::new(out, now.as_second().unsigned_abs()), entries: Vec::new() };
        let format = self.own_file(FORMAT)?.unwrap_or_default();
        files.add(FORMAT, format.len() as u64, &mut &*format)?;
        if let Some(secret) = self.own_file(SECRET)? {
            files.add(SECRET, secret.len() as u64, &mut &*secret)?;
        }
        for segment in snapshot.segments() {
            let mut segment = segment?;
            let (name, bytes) = (format!("{LOG}{}", segment.name()), segment.len_bytes());
            files.add(&name, bytes, &mut segment)?;
        }
        let manifest = Manifest {
            backup: BACKUP_FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            format: crate::store::data_dir::KNOWN_FORMAT,
            instance: self.instance.clone(),
            first_seq: snapshot.first().0,
            seq: snapshot.end().0 - 1,
            taken_at: format!("{now:.3}"),
            files: std::mem::take(&mut files.entries),
        };
        files.close(&manifest)?;
        info!(seq = manifest.seq, bytes = manifest.bytes(), "a backup was written");
        Ok(manifest)
    }

    fn own_file(&self, name: &str) -> Result<Option<Vec<u8>>, BackupError> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("reading", &path)(error)),
        }
    }
}

struct Files<'a> {
    tar: TarWriter<&'a mut dyn Write>,
    entries: Vec<FileEntry>,
}

impl Files<'_> {
    fn add(&mut self, name: &str, bytes: u64, content: &mut dyn Read) -> Result<(), BackupError> {
        let mut content = Hashed { content, digest: Sha256::new() };
        self.tar.file(name, bytes, &mut content).map_err(|source| writing(name, source))?;
        let sha256 = super::hex(content.digest);
        self.entries.push(FileEntry { name: name.to_owned(), bytes, sha256 });
        Ok(())
    }

    /// With the list the backup is whole; before it, nothing takes it for one.
    fn close(mut self, manifest: &Manifest) -> Result<(), BackupError> {
        let mut text = serde_json::to_vec_pretty(manifest).expect("plain types in memory always become JSON");
        text.push(b'\n');
        let sum = sum_line(&text);
        let mut last = |name: &str, content: &[u8]| {
            let written = self.tar.file(name, content.len() as u64, &mut &*content);
            written.map_err(|source| writing(name, source))
        };
        last(MANIFEST, &text)?;
        last(MANIFEST_SUM, sum.as_bytes())?;
        self.tar.finish().map(drop).map_err(|source| writing("the end", source))
    }
}

fn writing(name: &str, source: io::Error) -> BackupError {
    BackupError::Io { doing: "writing into the backup", path: name.to_owned(), source }
}

/// What is read, and its checksum on the way.
struct Hashed<'a> {
    content: &'a mut dyn Read,
    digest: Sha256,
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.digest.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}
