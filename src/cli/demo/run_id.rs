//! Which workflow the demo in a directory is at, on disk, so that a demo that was killed finds it again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, ensure};
use uuid::Uuid;

const FILE: &str = "run";
const DRAFT: &str = "run.new";
const PREFIX: &str = "demo-";

/// The id of the last run; none before the first.
pub fn read(directory: &Path) -> anyhow::Result<Option<String>> {
    let path = directory.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let id = text.trim();
    let is_ours = id.strip_prefix(PREFIX).is_some_and(|id| Uuid::try_parse(id).is_ok());
    ensure!(
        is_ours,
        "{} does not hold the id of a demo's workflow: remove it to begin a new run",
        path.display()
    );
    Ok(Some(id.to_owned()))
}

/// Makes an id for a new run. It is on disk, whole, when this returns.
pub fn renew(directory: &Path) -> anyhow::Result<String> {
    let (draft, path) = (directory.join(DRAFT), directory.join(FILE));
    let id = format!("{PREFIX}{}", Uuid::now_v7());
    let write = || {
        let mut file = File::create(&draft)?;
        writeln!(file, "{id}")?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        File::open(directory)?.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_id_is_found_again_and_garbage_is_not_taken_for_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert_eq!(read(path).unwrap(), None);
        let first = renew(path).unwrap();
        assert_eq!(read(path).unwrap(), Some(first.clone()));
        let second = renew(path).unwrap();
        assert_ne!(first, second);
        assert_eq!(read(path).unwrap(), Some(second));
        for garbage in ["", "demo-", "demo-1\nx: y"] {
            fs::write(path.join(FILE), garbage).unwrap();
            assert!(read(path).unwrap_err().to_string().contains("remove it"), "{garbage}");
        }
    }
}
