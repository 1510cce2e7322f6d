//! Format 1: a log and a store, both empty.

use std::fs;
use std::io;
use std::path::Path;

pub fn run(directory: &Path) -> io::Result<()> {
    for name in ["log", "store"] {
        fs::create_dir_all(directory.join(name))?;
    }
    Ok(())
}
