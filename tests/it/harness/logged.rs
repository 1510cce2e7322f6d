//! A server whose log is read.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{LISTENING, PATIENCE, gleitzeit, until};

/// A running server that writes its log into a file. Dropping it kills the process.
#[derive(Debug)]
pub struct Logged {
    child: Child,
    log: PathBuf,
    pub url: String,
}

impl Logged {
    /// `prepare` adds flags and variables to `gleitzeit serve --port 0`; the log goes to a new file.
    pub fn start(log: PathBuf, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = gleitzeit();
        command.args(["serve", "--port", "0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(File::create(&log).expect("a new file"));
        prepare(&mut command);
        let mut child = command.spawn().expect("the binary can be started");
        let mut line = String::new();
        // The pipe is closed behind the first line, and the server says no other.
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("it can be read");
        let mut server = Self { child, log, url: String::new() };
        let url = line.trim().strip_prefix(LISTENING);
        url.unwrap_or_else(|| panic!("{line}{}", server.said())).clone_into(&mut server.url);
        server
    }

    /// The log as far as it goes.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).expect("the log can be read")
    }

    /// Waits until the log has the words so many times.
    pub fn says(&self, words: &str, times: usize) {
        until(words, PATIENCE, || (self.said().matches(words).count() >= times).then_some(()));
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().expect("there is a `kill`");
        assert!(sent.success(), "{name} could not be sent to {pid}");
    }

    /// SIGTERM; the whole log.
    pub fn terminate(mut self) -> String {
        self.signal("-TERM");
        let ended = self.child.wait().expect("a child can be waited for");
        assert!(ended.success(), "{ended}: {}", self.said());
        self.said()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
