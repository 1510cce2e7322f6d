//! A terminal of our own: the program runs in a real pseudo-terminal, and what it writes becomes a screen.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::pty::{Winsize, openpty};
use vt100::{Color, Parser};

use crate::harness::until;

/// Generous: a debug build on a loaded machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// What the program has written so far.
struct Seen {
    screen: Parser,
    bytes: Vec<u8>,
}

/// A program in a terminal. Dropping it ends the program.
pub struct Terminal {
    child: Child,
    keyboard: File,
    seen: Arc<Mutex<Seen>>,
}

impl Terminal {
    pub fn start(mut command: Command, columns: u16, rows: u16) -> Self {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).expect("the system has pseudo-terminals");
        let end = || Stdio::from(pty.slave.try_clone().expect("a descriptor can be copied"));
        command.stdin(end()).stdout(end()).stderr(end());
        command.env("TERM", "xterm-256color");
        if !command.get_envs().any(|(name, _)| name == "NO_COLOR") {
            command.env_remove("NO_COLOR");
        }
        let child = command.spawn().expect("the binary can be started");
        // Only the program holds the other end now, so that its end is the end of the terminal.
        drop((command, pty.slave));
        let keyboard = File::from(pty.master);
        let mut output = keyboard.try_clone().expect("a descriptor can be copied");
        let some = |size| NonZeroU16::new(size).expect("a terminal has rows and columns");
        let screen = Parser::new(some(rows), some(columns), 0);
        let seen = Arc::new(Mutex::new(Seen { screen, bytes: Vec::new() }));
        let written = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut chunk) {
                let mut seen = written.lock().unwrap_or_else(PoisonError::into_inner);
                seen.screen.process(&chunk[..length]);
                seen.bytes.extend_from_slice(&chunk[..length]);
            }
        });
        Self { child, keyboard, seen }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Presses keys, one after the other.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// The screen as text.
    pub fn screen(&self) -> String {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).screen.screen().contents()
    }

    /// Whether anything on the screen has a colour.
    pub fn is_coloured(&self) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let screen = seen.screen.screen();
        let (rows, columns) = screen.size();
        let mut cells = (0..rows.get()).flat_map(|row| (0..columns.get()).map(move |column| (row, column)));
        cells.any(|(row, column)| {
            screen
                .cell(row, column)
                .is_some_and(|cell| cell.fgcolor() != Color::Default || cell.bgcolor() != Color::Default)
        })
    }

    /// Everything that was ever written, escape codes included.
    pub fn bytes(&self) -> String {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&seen.bytes).into_owned()
    }

    /// Waits until the screen is as it should be, and returns it.
    pub fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let begin = crate::harness::now();
        loop {
            let screen = self.screen();
            if is_so(&screen) {
                return screen;
            }
            assert!(begin.elapsed() < PATIENCE, "never seen: {what}; the screen is\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the screen has all of these texts.
    pub fn shows(&self, texts: &[&str]) -> String {
        self.until(&format!("{texts:?}"), |screen| texts.iter().all(|text| screen.contains(text)))
    }

    /// Checks that the program, which has ended, has left its own screen and shown the cursor again.
    pub fn restored(&self) {
        self.until("the terminal as it was", |_| {
            let written = self.bytes();
            let last = |code: &str| written.rfind(code).unwrap_or(0);
            last("\u{1b}[?1049h") < last("\u{1b}[?1049l") && last("\u{1b}[?25l") < last("\u{1b}[?25h")
        });
    }

    /// Waits for the end of the program.
    pub fn ended(&mut self) -> ExitStatus {
        until("the end of the program", PATIENCE, || {
            self.child.try_wait().expect("a child can be waited for")
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed must not leave it behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
