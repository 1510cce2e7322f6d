//! The form of a backup: a tar archive (POSIX.1-1988 ustar) of plain files, so that any tool can look into one.
//!
//! Only what this program writes is read: plain files with short names, in one piece.

use std::io::{self, Read, Write};

pub const BLOCK_BYTES: usize = 512;
const BLOCK: u64 = BLOCK_BYTES as u64;
/// The field has 11 octal digits.
const FILE_BYTES_MAX: u64 = 0o77_777_777_777;
const NAME_BYTES_MAX: usize = 99;
/// Sizes of no file that is really there end a walk through garbage.
const MAGIC: &[u8] = b"ustar\x0000";

/// Writes files one after the other.
#[derive(Debug)]
pub struct TarWriter<W> {
    out: W,
    mtime: u64,
}

impl<W: Write> TarWriter<W> {
    pub const fn new(out: W, mtime_seconds: u64) -> Self {
        Self { out, mtime: mtime_seconds }
    }

    /// Writes one file of exactly `bytes` bytes.
    pub fn file(&mut self, name: &str, bytes: u64, content: &mut dyn Read) -> io::Result<()> {
        let header = header(name, bytes, self.mtime).ok_or_else(|| {
            io::Error::other(format!("{name} with {bytes} bytes does not fit into a tar archive"))
        })?;
        self.out.write_all(&header)?;
        let copied = io::copy(&mut content.take(bytes), &mut self.out)?;
        if copied != bytes {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{name} ended after {copied} bytes"),
            ));
        }
        self.out.write_all(padding(bytes))
    }

    /// Two empty blocks are the end.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK_BYTES])?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// What is in the way of reading an archive.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it ends in the middle")]
    Truncated,
    #[error("it is no archive that this program has written")]
    Foreign,
}

/// Reads files one after the other.
#[derive(Debug)]
pub struct TarReader<R> {
    input: R,
}

impl<R: Read> TarReader<R> {
    pub const fn new(input: R) -> Self {
        Self { input }
    }

    /// Name and size of the next file, whose content follows in [`Self::content`]. Nothing at the end.
    pub fn next(&mut self) -> Result<Option<(String, u64)>, TarError> {
        let block = self.block()?;
        if block == [0; BLOCK_BYTES] {
            return if self.block()? == [0; BLOCK_BYTES] { Ok(None) } else { Err(TarError::Foreign) };
        }
        parse(&block).map(Some).ok_or(TarError::Foreign)
    }

    /// Hands the content of the file that was just named to `take`, piece by piece.
    pub fn content(
        &mut self,
        bytes: u64,
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), TarError> {
        let mut piece = vec![0; PIECE_BYTES];
        let mut left = bytes;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
            let piece = piece.get_mut(..wanted).unwrap_or_default();
            self.input.read_exact(piece).map_err(cut_short)?;
            take(piece)?;
            left -= wanted as u64;
        }
        let mut rest = vec![0; padding(bytes).len()];
        self.input.read_exact(&mut rest).map_err(cut_short)
    }

    fn block(&mut self) -> Result<[u8; BLOCK_BYTES], TarError> {
        let mut block = [0; BLOCK_BYTES];
        self.input.read_exact(&mut block).map_err(cut_short)?;
        Ok(block)
    }
}

const PIECE_BYTES: usize = 256 << 10;

fn cut_short(error: io::Error) -> TarError {
    if error.kind() == io::ErrorKind::UnexpectedEof { TarError::Truncated } else { error.into() }
}

fn padding(bytes: u64) -> &'static [u8] {
    const ZEROES: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];
    let over = usize::try_from(bytes % BLOCK).unwrap_or(0);
    if over == 0 { &[] } else { ZEROES.get(over..).unwrap_or_default() }
}

/// Name, mode, owner and group, size, time, checksum, type, magic.
fn header(name: &str, bytes: u64, mtime: u64) -> Option<[u8; BLOCK_BYTES]> {
    if name.len() > NAME_BYTES_MAX || bytes > FILE_BYTES_MAX || mtime > FILE_BYTES_MAX {
        return None;
    }
    let mut block = [0; BLOCK_BYTES];
    let mut put =
        |at: usize, text: &[u8]| block.get_mut(at..at + text.len()).map(|field| field.copy_from_slice(text));
    put(0, name.as_bytes())?;
    // A backup holds the secret of its data directory: it is for its owner alone.
    put(100, b"0000600\0")?;
    put(108, b"0000000\0")?;
    put(116, b"0000000\0")?;
    put(124, format!("{bytes:011o}\0").as_bytes())?;
    put(136, format!("{mtime:011o}\0").as_bytes())?;
    put(148, b"        ")?;
    put(156, b"0")?;
    put(257, MAGIC)?;
    let sum = checksum(&block);
    block.get_mut(148..156)?.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Some(block)
}

fn parse(block: &[u8; BLOCK_BYTES]) -> Option<(String, u64)> {
    let octal = |at: usize, bytes: usize| {
        let text = std::str::from_utf8(block.get(at..at + bytes)?).ok()?;
        u64::from_str_radix(text.trim_end_matches(['\0', ' ']), 8).ok()
    };
    let mut unsigned = *block;
    unsigned.get_mut(148..156)?.fill(b' ');
    if block.get(257..265)? != MAGIC || block.get(156)? != &b'0' || octal(148, 8)? != checksum(&unsigned) {
        return None;
    }
    let name = block.get(..=NAME_BYTES_MAX)?;
    let end = name.iter().position(|byte| *byte == 0)?;
    let name = std::str::from_utf8(name.get(..end)?).ok()?;
    Some((name.to_owned(), octal(124, 12)?))
}

fn checksum(block: &[u8; BLOCK_BYTES]) -> u64 {
    block.iter().map(|byte| u64::from(*byte)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = TarWriter::new(Vec::new(), 1_700_000_000);
        for (name, content) in files {
            writer.file(name, content.len() as u64, &mut &**content).unwrap();
        }
        writer.finish().unwrap()
    }

    fn files(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>, TarError> {
        let mut reader = TarReader::new(archive);
        let mut files = Vec::new();
        while let Some((name, bytes)) = reader.next()? {
            let mut content = Vec::new();
            reader.content(bytes, &mut |piece| {
                content.extend_from_slice(piece);
                Ok(())
            })?;
            files.push((name, content));
        }
        Ok(files)
    }

    #[test]
    fn files_read_back_and_every_cut_is_noticed() {
        let large = vec![7; PIECE_BYTES + 1];
        let given: [(&str, &[u8]); 3] = [("log/1", b"one"), ("empty", b""), ("large", &large)];
        let whole = archive(&given);
        let read = files(&whole).unwrap();
        assert!(read.iter().zip(given).all(|((name, content), given)| (name.as_str(), &**content) == given));
        assert_eq!(read.len(), 3);
        for end in (0..4 * BLOCK_BYTES).chain(whole.len() - 2 * BLOCK_BYTES..whole.len()) {
            assert!(matches!(files(&whole[..end]), Err(TarError::Truncated)), "cut at {end}");
        }
        assert!(matches!(files(&[1; 2 * BLOCK_BYTES]), Err(TarError::Foreign)));
    }

    /// The tools that everybody has agree.
    #[test]
    fn tar_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        std::fs::write(&path, archive(&[("log/0000000001.seg", b"one"), ("FORMAT", b"format 1\n")])).unwrap();
        let listed = std::process::Command::new("tar").arg("tf").arg(&path).output().unwrap();
        assert_eq!(String::from_utf8(listed.stdout).unwrap(), "log/0000000001.seg\nFORMAT\n");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut writer = TarWriter::new(Vec::new(), 0);
        assert!(writer.file("short", 4, &mut &b"one"[..]).is_err());
        assert!(header(&"n".repeat(100), 0, 0).is_none() && header("n", FILE_BYTES_MAX + 1, 0).is_none());
    }
}
