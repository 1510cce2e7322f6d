//! Backups of a small log: every change of a byte is noticed, and so is a newer format.

use std::fs;
use std::path::{Path, PathBuf};

use super::tar::TarWriter;
use super::{BackupError, BackupSource, MANIFEST, MANIFEST_SUM, Manifest, check, sum_line};
use crate::core::errors;
use crate::log::{Batch, Log, LogOptions, SegmentLog};
use crate::store::DataDir;

fn written(base: &Path) -> (PathBuf, Manifest) {
    let directory = DataDir::open(&base.join("data")).unwrap();
    directory.secret().unwrap();
    let (mut log, _) = SegmentLog::open(&directory.log(), LogOptions::default()).unwrap();
    let mut batch = Batch::new(log.next_seq());
    for _ in 0..20 {
        batch.push(|body| body.extend_from_slice(b"a record of some length"), std::iter::empty());
    }
    log.append(&mut batch).unwrap();
    let path = base.join("b.tar");
    let mut bytes = Vec::new();
    let manifest = BackupSource::new(&directory, log.snapshots()).write(&mut bytes).unwrap();
    fs::write(&path, bytes).unwrap();
    (path, manifest)
}

#[test]
fn every_changed_byte_is_noticed() {
    let base = tempfile::tempdir().unwrap();
    let (path, manifest) = written(base.path());
    assert_eq!(check(&path).unwrap(), manifest);
    assert_eq!((manifest.first_seq, manifest.seq), (1, 20));
    let names: Vec<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["FORMAT", "SECRET", "log/0000000001.seg"]);
    let whole = fs::read(&path).unwrap();
    // Padding, owners and the like say nothing, so a change there is none.
    let content = |at: usize| whole[at] != 0;
    for at in (0..whole.len()).filter(|at| content(*at)) {
        let mut changed = whole.clone();
        changed[at] ^= 0x11;
        fs::write(&path, &changed).unwrap();
        let error = check(&path).expect_err("a changed byte is noticed");
        assert!(
            [errors::BACKUP_NOT_WHOLE, errors::FORMAT_TOO_NEW].contains(&error.code()),
            "byte {at}: {error}"
        );
    }
}

/// What a later version would write.
fn rewritten(path: &Path, change: impl FnOnce(String) -> String) -> BackupError {
    let manifest = change(
        r#"{"backup": 1, "version": "9.0.0", "format": 1, "instance": "", "first_seq": 1, "seq": 0,
        "taken_at": "", "files": []}"#
            .to_owned(),
    );
    let mut tar = TarWriter::new(Vec::new(), 0);
    tar.file(MANIFEST, manifest.len() as u64, &mut manifest.as_bytes()).unwrap();
    let sum = sum_line(manifest.as_bytes());
    tar.file(MANIFEST_SUM, sum.len() as u64, &mut sum.as_bytes()).unwrap();
    fs::write(path, tar.finish().unwrap()).unwrap();
    check(path).expect_err("it is refused")
}

#[test]
fn a_newer_backup_is_told_from_a_broken_one() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("b.tar");
    let newer =
        rewritten(&path, |text| text.replace("\"backup\": 1", "\"backup\": 2").replace("files", "parts"));
    assert!(matches!(newer, BackupError::TooNew { found: 2, known: 1, .. }), "{newer}");
    let newer = rewritten(&path, |text| text.replace("\"format\": 1", "\"format\": 7"));
    assert_eq!(newer.code(), errors::FORMAT_TOO_NEW);
    assert!(newer.to_string().contains("has format 7"), "{newer}");
    let broken = rewritten(&path, |text| text.replace("files", "parts"));
    assert_eq!(broken.code(), errors::BACKUP_NOT_WHOLE);
}

#[test]
fn no_name_leads_out_of_the_directory() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("b.tar");
    for name in ["../FORMAT", "/etc/passwd", "log/../x.seg", "log/", "log/a/b.seg", "store/db"] {
        let mut tar = TarWriter::new(Vec::new(), 0);
        tar.file(name, 1, &mut &b"x"[..]).unwrap();
        fs::write(&path, tar.finish().unwrap()).unwrap();
        let error = check(&path).expect_err("it is refused").to_string();
        assert!(error.contains("does not belong there"), "{name}: {error}");
    }
}
