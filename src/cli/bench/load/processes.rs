//! Services that are processes of their own: somebody's command, started, looked at and ended.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::tally::since;
use crate::cli::bench::target::Address;
use crate::clock;

/// A service that was told to end delivers what it holds first; here it holds nothing any more.
const GRACE: Duration = Duration::from_secs(5);
/// The end of an output is what tells of a failure: a stack trace, or an error and its cause.
const TAIL_BYTES: usize = 2_000;
const READ_BYTES: usize = 4 * 1024;

/// What every process is told by its environment.
#[derive(Debug)]
pub struct Told<'a> {
    pub address: &'a Address,
    pub service: &'a str,
    pub task_type: &'a str,
    pub window: usize,
}

/// Dropping them kills those that run.
#[derive(Debug)]
pub struct Processes {
    running: Vec<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    /// Ends when the command, and all that it has started, have closed their output.
    reading: JoinHandle<()>,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Processes {
    /// Starts `command`, by the system's shell, `count` times.
    pub fn start(command: &str, count: usize, told: &Told<'_>) -> anyhow::Result<Self> {
        let mut running = Vec::new();
        for _ in 0..count {
            running.push(Process::start(command, told)?);
        }
        Ok(Self { running })
    }

    /// # Errors
    /// When one of them has ended; it says how, and what the command has said last.
    pub fn check(&mut self) -> anyhow::Result<()> {
        for process in &mut self.running {
            if process.reading.is_finished()
                && let Some(status) = process.child.try_wait()?
            {
                bail!("the service command has ended ({status}); {}", process.said());
            }
        }
        Ok(())
    }

    /// What the commands have said last, for an error.
    pub fn said(&self) -> String {
        let each: Vec<String> = self.running.iter().map(Process::said).collect();
        each.join("\n")
    }

    /// Asks all of them to end, and kills those that do not.
    pub async fn end(mut self) {
        for process in &self.running {
            process.signal(Signal::TERM);
        }
        let asked = clock::instant();
        for process in &mut self.running {
            let left = GRACE.saturating_sub(since(asked));
            if timeout(left, process.ended()).await.is_err() {
                eprintln!("warning: the service command did not end within {GRACE:?} and is killed");
                process.signal(Signal::KILL);
                drop(timeout(GRACE, process.ended()).await);
            }
        }
    }
}

impl Process {
    fn start(command: &str, told: &Told<'_>) -> anyhow::Result<Self> {
        let mut shell = Command::new("sh");
        // Both outputs are one: stdout belongs to the report, and some programs write their errors there.
        shell.arg("-c").arg(format!("exec 1>&2\n{command}"));
        shell
            .env("GLEITZEIT_URL", &told.address.url)
            .env("GLEITZEIT_SERVICE_NAME", told.service)
            .env("GLEITZEIT_TASK_TYPE", told.task_type)
            .env("GLEITZEIT_WINDOW", told.window.to_string());
        match &told.address.token {
            Some(token) => shell.env("GLEITZEIT_TOKEN", token),
            None => shell.env_remove("GLEITZEIT_TOKEN"),
        };
        match &told.address.tls {
            Some(trusted) => shell.env("GLEITZEIT_CA", &trusted.ca),
            None => shell.env_remove("GLEITZEIT_CA"),
        };
        let mut child = shell
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // What the shell starts is ended with it.
            .process_group(0)
            .spawn()
            .context("the service command cannot be started: there is no shell `sh`")?;
        let said = Arc::default();
        let output = child.stderr.take().expect("its output is a pipe");
        let reading = tokio::spawn(keep_the_last(output, Arc::clone(&said)));
        Ok(Self { child, reading, said })
    }

    /// To the command and to all that it has started. The group keeps its number as long as its first process
    /// has not been waited for, and then `id` knows none, so nobody else is ever meant.
    fn signal(&self, signal: Signal) {
        let group = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(group) = group {
            // The only error is that it has ended in this moment.
            let _ = kill_process_group(group, signal);
        }
    }

    async fn ended(&mut self) {
        if !self.reading.is_finished() {
            drop((&mut self.reading).await);
        }
        drop(self.child.wait().await);
    }

    fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&said);
        let text = text.trim();
        if text.is_empty() { "it said nothing".to_owned() } else { format!("it said last:\n{text}") }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.reading.abort();
    }
}

async fn keep_the_last(mut output: ChildStderr, said: Arc<Mutex<Vec<u8>>>) {
    let mut read = vec![0; READ_BYTES];
    while let Ok(count @ 1..) = output.read(&mut read).await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend(read.iter().take(count));
        let beyond = said.len().saturating_sub(TAIL_BYTES);
        said.drain(..beyond);
    }
}
