//! The real binary as a process of its own: started on a free port, killed, stopped, started again on its data.

mod rest;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

pub use rest::{Answer, Rest};

/// Generous: a debug build on a loaded machine, with a log to replay.
const START_LIMIT: Duration = Duration::from_mins(1);
/// Beyond the promised five seconds; a test that wants the promise looks at the clock itself.
const STOP_LIMIT: Duration = Duration::from_secs(30);
const LISTENING: &str = "gleitzeit listening on http://127.0.0.1:";

/// A running server. Dropping it kills the process; its data stays with whoever made the directory.
#[derive(Debug)]
pub struct Server {
    child: Child,
    data: PathBuf,
    flags: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    port: u16,
    /// From the start of the process to its line.
    pub ready_after: Duration,
}

impl Server {
    /// `flags` are those of `gleitzeit serve` besides the port and the directory.
    pub fn start(data: &Path, flags: &[&str]) -> Self {
        Self::start_with(data, flags, Vec::new())
    }

    /// With variables of the environment, which are paths.
    pub fn start_with(data: &Path, flags: &[&str], environment: Vec<(&'static str, PathBuf)>) -> Self {
        let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
        let (child, port, ready_after) = spawn(data, &flags, &environment, 0);
        Self { child, data: data.to_path_buf(), flags, environment, port, ready_after }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn rest(&self) -> Rest {
        Rest::new(&self.url())
    }

    /// `kill -9`: no time for anything.
    pub fn kill(&mut self) {
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("a killed server ends");
    }

    /// Starts again on the same data and the same port, so that clients find it.
    pub fn restart(&mut self) {
        let (child, port, ready_after) = spawn(&self.data, &self.flags, &self.environment, self.port);
        (self.child, self.port, self.ready_after) = (child, port, ready_after);
    }

    /// The most memory that the process has had resident so far.
    pub fn resident_peak_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it has a peak");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
        kib << 10
    }

    /// SIGTERM; how it ended, and after how long.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        let begin = now();
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("there is a `kill`");
        assert!(sent.success(), "SIGTERM could not be sent to {pid}");
        (self.ended(), begin.elapsed())
    }

    /// Waits for the end of a server that was asked to stop.
    pub fn ended(&mut self) -> ExitStatus {
        let begin = now();
        while begin.elapsed() < STOP_LIMIT {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the server runs on {STOP_LIMIT:?} after it was asked to stop");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; a test that failed must not leave it behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A command of the binary, with an environment that no variable and no file of the caller changes.
pub fn gleitzeit() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gleitzeit"));
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GLEITZEIT_") {
            command.env_remove(name);
        }
    }
    command
}

fn spawn(
    data: &Path,
    flags: &[String],
    environment: &[(&'static str, PathBuf)],
    port: u16,
) -> (Child, u16, Duration) {
    let begin = now();
    let mut child = gleitzeit()
        .args(["serve", "--port", &port.to_string(), "--data-dir"])
        .arg(data)
        .args(flags)
        .envs(environment.iter().map(|(name, path)| (name, path)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let output = child.stdout.take().expect("its output is a pipe");
    let (said, lines) = mpsc::channel();
    // Reads on after the first line, so that the server never blocks on a full pipe.
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            drop(said.send(line));
        }
    });
    while begin.elapsed() < START_LIMIT {
        match lines.recv_timeout(START_LIMIT) {
            Ok(line) => {
                if let Some(port) = line.strip_prefix(LISTENING) {
                    let port = port.trim().parse().expect("the line ends with the port");
                    return (child, port, begin.elapsed());
                }
            }
            Err(_) => break,
        }
    }
    drop(child.kill());
    panic!("the server did not say `{LISTENING}...`; it ended with {:?}", child.wait());
}

#[expect(clippy::disallowed_methods, reason = "these tests measure a real process")]
pub fn now() -> Instant {
    Instant::now()
}

/// A figure that the caller of the tests may raise, for instance for a long run.
#[expect(clippy::disallowed_methods, reason = "the test command speaks to the tests by environment")]
pub fn figure(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{variable} must be a number and is `{text}`"))
    })
}

/// Waits until `condition` gives a value, at most `limit`.
pub fn until<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let begin = now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begin.elapsed() < limit, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
