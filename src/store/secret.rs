//! The secret of a data directory: 32 random bytes that are made once and never leave the machine. Whoever has them
//! can answer for any task that waits for a callback, so nobody else may read the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use uuid::Uuid;

const SECRET_FILE: &str = "SECRET";
const SECRET_DRAFT: &str = "SECRET.new";

/// Reads the secret, or makes it where there is none.
pub(super) fn read_or_make(directory: &Path) -> io::Result<[u8; 32]> {
    let path = directory.join(SECRET_FILE);
    match fs::read(&path) {
        Ok(bytes) => <[u8; 32]>::try_from(bytes).map_err(|bytes| {
            let found = format!("it has {} bytes instead of 32; restore it from a backup", bytes.len());
            io::Error::new(io::ErrorKind::InvalidData, found)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(directory),
        Err(error) => Err(error),
    }
}

/// The file appears whole or not at all: a token that has left the machine must open after a power cut.
fn make(directory: &Path) -> io::Result<[u8; 32]> {
    let secret = random();
    let (draft, path) = (directory.join(SECRET_DRAFT), directory.join(SECRET_FILE));
    // One that was cut may belong to somebody else, with other permissions.
    if let Err(error) = fs::remove_file(&draft)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    fs::rename(&draft, &path)?;
    File::open(directory)?.sync_all()?;
    Ok(secret)
}

/// Three random UUIDs have 366 random bits; their hash has no others.
fn random() -> [u8; 32] {
    let source: Vec<u8> = (0..3).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
    Sha256::digest(source).into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_made_once_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::write(path.join(SECRET_DRAFT), "cut").unwrap();
        let secret = read_or_make(path).unwrap();
        assert_eq!(read_or_make(path).unwrap(), secret);
        let mode = fs::metadata(path.join(SECRET_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_ne!(read_or_make(tempfile::tempdir().unwrap().path()).unwrap(), secret);
        fs::write(path.join(SECRET_FILE), "short").unwrap();
        assert!(read_or_make(path).unwrap_err().to_string().contains("5 bytes"));
    }
}
