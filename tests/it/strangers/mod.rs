//! Callers that nobody knows: half-sent requests, slow readers, connections without end. They are closed in time, they cost a
//! bounded amount of memory, and everybody else is served meanwhile.

mod bounds;
mod descriptors;
mod leftovers;
mod line;
mod pages;
mod places;
mod rates;
mod sockets;
mod tls;
mod trust;

use std::path::Path;

use tempfile::TempDir;

use crate::harness::Server;
use line::Line;

/// A server whose settings stand in a file.
fn configured(base: &TempDir, settings: &str) -> Server {
    let file = base.path().join("settings.toml");
    std::fs::write(&file, settings).expect("it can be written");
    Server::start(&base.path().join("data"), &["--config", path(&file)])
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary paths are text")
}

/// The id of a connection in what it is told as it begins.
fn sid(begun: &str) -> &str {
    begun.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id")
}

/// Asserts that others are served.
fn serves_others(server: &Server) {
    assert_eq!(Line::open(server).ask("GET /api/v1/stats"), 200);
}
