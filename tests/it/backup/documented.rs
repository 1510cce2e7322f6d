//! The commands of docs/operations.md are run, one block after the other, in one folder beside a server that runs.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{run, said, waiting};
use crate::harness::{Server, gleitzeit};

/// The blocks that say that they can be run.
fn blocks() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let text = fs::read_to_string(&page).expect("a page");
    let parts = text.split("\n```sh run\n").skip(1);
    parts.map(|part| part.split("\n```").next().expect("a block ends").to_owned()).collect()
}

#[test]
fn every_command_of_the_page_works() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(&base.path().join("gleitzeit-data"), &[]);
    waiting(&server.rest());
    run(&server.rest(), 1);
    let binary =
        Path::new(env!("CARGO_BIN_EXE_gleitzeit")).parent().expect("it lies in a folder").to_path_buf();
    let path =
        std::env::join_paths([binary].into_iter().chain(std::env::split_paths(&path()))).expect("folders");
    let blocks = blocks();
    for block in &blocks {
        let mut shell = Command::new("sh");
        // What the harness keeps out of the binary stays out of it here.
        for (name, value) in gleitzeit().get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
            .args(["-e", "-c", block])
            .current_dir(base.path())
            .env("PATH", &path)
            .env("GLEITZEIT_URL", server.url());
        let output = shell.output().expect("there is a shell");
        assert!(output.status.success(), "{block}\n{}", said(&output));
    }
    assert!(blocks.len() >= 4, "only {} blocks were run", blocks.len());
    assert_eq!(fs::read_dir(base.path().join("backups")).expect("it can be listed").count(), 1);
    assert!(base.path().join("earlier/FORMAT").exists());
}

fn path() -> std::ffi::OsString {
    std::env::var_os("PATH").expect("there is a PATH")
}
