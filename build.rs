//! Compresses the dashboard's files once, so that the binary holds each of them in one form only and the server has
//! nothing left to do when they are asked for.

fn main() {
    println!("cargo:rerun-if-changed=static");
    println!("cargo:rerun-if-changed=docs/openapi.json");
    fold_identical_code();
    #[cfg(feature = "server")]
    assets::write();
}

/// Generic code is the same for many types, and the linker that Rust brings keeps one of each. Only where it is sure to be
/// that linker, because others do not know the option.
#[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]
fn fold_identical_code() {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    let unset = |name: &str| std::env::var(name).map_or(true, |found| found.is_empty());
    let linker = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER";
    let usual = unset("CARGO_ENCODED_RUSTFLAGS") && unset(linker) && unset("RUSTC_LINKER");
    if is("TARGET", "x86_64-unknown-linux-gnu") && is("PROFILE", "release") && usual {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    }
}

#[cfg(feature = "server")]
mod assets {
    use std::fmt::Write as _;
    use std::fs;
    use std::io::Write as _;
    use std::path::{Path, PathBuf};

    use flate2::{Compression, write::GzEncoder};
    use sha2::{Digest, Sha256};

    /// What a browser asks for. Everything else below `static` is for the people who work on it.
    const SERVED: [&str; 4] = ["html", "css", "js", "svg"];
    /// Where a page says from which folder its modules come: the folder's name changes with any file in it, so that a
    /// browser may keep what it has for ever.
    const VERSION_MARK: &str = "@version@";

    pub fn write() {
        let root = Path::new("static");
        let mut files = Vec::new();
        collect(root, &mut files);
        files.sort();
        let mut contents: Vec<(String, Vec<u8>)> = files
            .iter()
            .map(|path| {
                let name = path.strip_prefix(root).expect("it lies below").to_str().expect("names are text");
                (name.to_owned(), fs::read(path).expect("a file that was listed can be read"))
            })
            .collect();
        let mut all = Sha256::new();
        for (name, bytes) in &contents {
            all.update(name.as_bytes());
            all.update([0]);
            all.update(Sha256::digest(bytes));
        }
        let version = short(&all.finalize());
        // No page depends on it, so it does not change their version.
        let description =
            fs::read("docs/openapi.json").expect("the description of the interface can be read");
        contents.push(("openapi.json".to_owned(), description));
        let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names the folder"));
        let mut table = format!("const VERSION: &str = {version:?};\nconst FILES: &[Embedded] = &[\n");
        for (at, (name, bytes)) in contents.iter().enumerate() {
            let bytes = if name.rsplit('.').next() == Some("html") {
                let text = str::from_utf8(bytes).expect("pages are text");
                text.replace(VERSION_MARK, &version).into_bytes()
            } else {
                bytes.clone()
            };
            let place = out.join(format!("asset-{at}.gz"));
            fs::write(&place, compressed(&bytes)).expect("cargo's folder can be written");
            let digest = short(&Sha256::digest(&bytes));
            let place = place.to_str().expect("cargo's folder has a name that is text");
            writeln!(
                table,
                "Embedded {{ name: {name:?}, digest: {digest:?}, gzip: include_bytes!({place:?}) }},"
            )
            .expect("a text in memory takes more");
        }
        table.push_str("];\n");
        fs::write(out.join("assets.rs"), table).expect("cargo's folder can be written");
    }

    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the folder `static` can be read") {
            let path = entry.expect("the folder `static` can be read").path();
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_dir() {
                if !path.ends_with("node_modules") && !hidden {
                    collect(&path, files);
                }
            } else if extension.is_some_and(|extension| SERVED.contains(&extension)) && !hidden {
                files.push(path);
            }
        }
    }

    fn compressed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("a vector takes more");
        encoder.finish().expect("a vector takes more")
    }

    /// 64 bits tell the versions of a file apart; nobody gains anything by making two alike.
    fn short(digest: &[u8]) -> String {
        digest.iter().take(8).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}
