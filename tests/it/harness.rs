//! The real binary as a process of its own: started on a free port, killed, stopped, started again on its data.

mod logged;
mod nobody;
mod rest;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

pub use logged::Logged;
pub use nobody::Nobody;
pub use rest::{Answer, Rest};

/// Bounds every wait of a test. What is waited for comes in moments on a quiet machine; no test depends on how quiet it
/// is.
pub const PATIENCE: Duration = Duration::from_mins(3);
const LISTENING: &str = "gleitzeit listening on ";

/// A running server. Dropping it kills the process; its data stays with whoever made the directory.
#[derive(Debug)]
pub struct Server {
    child: Child,
    data: PathBuf,
    flags: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    address: Nobody,
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
        let address = Nobody::new();
        let (child, ready_after) = spawn(data, &flags, &environment, &address);
        Self { child, data: data.to_path_buf(), flags, environment, address, ready_after }
    }

    pub fn url(&self) -> String {
        self.address.url()
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
        (self.child, self.ready_after) = spawn(&self.data, &self.flags, &self.environment, &self.address);
    }

    /// The most memory that the process has had resident so far.
    pub fn resident_peak_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it has a peak");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
        kib << 10
    }

    /// Lets the process have so many descriptors from now on.
    pub fn allow_descriptors(&self, count: usize) {
        let pid = rustix::process::Pid::from_raw(self.child.id().cast_signed());
        let allowed = Some(count as u64);
        let limit = rustix::process::Rlimit { current: allowed, maximum: Some(1_000) };
        rustix::process::prlimit(pid, rustix::process::Resource::Nofile, limit)
            .expect("a child can be limited");
    }

    /// How many files and connections the process has open.
    pub fn descriptors(&self) -> usize {
        let path = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{path}: {error}")).count()
    }

    /// SIGHUP.
    pub fn hang_up(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status().expect("there is a `kill`");
        assert!(sent.success(), "SIGHUP could not be sent to {pid}");
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
        until("the end of the server", PATIENCE, || self.child.try_wait().expect("a child can be waited for"))
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
    address: &Nobody,
) -> (Child, Duration) {
    let begin = now();
    let mut child = gleitzeit()
        .args(["serve", "--port", &address.port().to_string(), "--data-dir"])
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
    let listening = format!("{LISTENING}{}", address.url());
    while begin.elapsed() < PATIENCE {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) if line.replace("https://", "http://") == listening => return (child, begin.elapsed()),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    drop(child.kill());
    panic!("the server did not say `{listening}`; it ended with {:?}", child.wait());
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
