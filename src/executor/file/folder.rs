//! The files of a folder, for workflows that have a task for each.

use std::path::Path;

use super::error::FileError;
use super::path::RelativePath;
use super::root::Root;
use crate::core::errors::WORKFLOW_VALIDATION_FAILED;
use crate::core::rejection::Rejection;
use crate::protocol::batch::is_hidden;
use crate::protocol::submit::{Found, Wanted};

/// Files and folders that are looked at. A folder with more is no folder of files, and looking takes long enough.
const SCAN_MAX: usize = 1_000_000;

impl Root {
    /// Looks for plain files; links are not followed, and what begins with a dot is left out. Blocks as long as the
    /// disk does. `at` is where the root lies.
    ///
    /// # Errors
    /// When the folder is not inside the root, or cannot be looked through.
    pub fn find(&self, at: &Path, wanted: &Wanted<'_>) -> Result<Found, Rejection> {
        let refused = |error: FileError| Rejection::new(error.code(), error.to_string());
        let given = Path::new(wanted.folder);
        // People know folders by their whole path as well.
        let below = given.strip_prefix(at).map(|below| below.to_string_lossy().into_owned());
        let text = match below {
            Ok(below) if below.is_empty() => ".".to_owned(),
            Ok(below) => below,
            Err(_) => wanted.folder.to_owned(),
        };
        let folder = RelativePath::parse(&text).map_err(refused)?;
        let mut files = self.files(&folder, wanted)?;
        files.sort_unstable();
        let absolute = if folder.is_root() { at.to_path_buf() } else { at.join(folder.as_path()) };
        let folder = if folder.is_root() { String::new() } else { folder.to_string() };
        Ok(Found { folder, absolute: absolute.to_string_lossy().into_owned(), files })
    }

    fn files(&self, folder: &RelativePath, wanted: &Wanted<'_>) -> Result<Vec<String>, Rejection> {
        let failed = |reason| {
            let error = FileError::system(folder, "looked through", reason);
            Rejection::new(error.code(), error.to_string())
        };
        let mut files = Vec::new();
        let mut folders = vec![(String::new(), self.dir.open_dir(folder.as_path()).map_err(failed)?)];
        let mut seen = 0;
        while let Some((above, dir)) = folders.pop() {
            for entry in dir.entries().map_err(failed)? {
                let entry = entry.map_err(failed)?;
                seen += 1;
                if seen > SCAN_MAX {
                    let message = format!("the folder `{folder}` has more than {SCAN_MAX} entries");
                    return Err(Rejection::new(WORKFLOW_VALIDATION_FAILED, message));
                }
                // A name that is not text cannot stand in a workflow.
                let Ok(name) = entry.file_name().into_string() else { continue };
                if is_hidden(&name) {
                    continue;
                }
                let name = if above.is_empty() { name } else { format!("{above}/{name}") };
                let kind = entry.file_type().map_err(failed)?;
                if kind.is_dir() && wanted.recursive {
                    folders.push((name, entry.open_dir().map_err(failed)?));
                } else if kind.is_file() && wanted.extensions.take(&name) {
                    files.push(name);
                    if files.len() > wanted.files_max {
                        return Ok(files);
                    }
                }
            }
        }
        Ok(files)
    }
}
