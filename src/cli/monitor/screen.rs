//! The monitor on a terminal: draws what the application is, hands keys and news to it, and leaves the terminal as it
//! was, whatever ends it.

use std::io::{self, IsTerminal};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::app::App;
use super::ask::Ask;
use super::draw;
use super::keys::Key;
use super::link::{Link, News};
use super::look::Colours;
use crate::cli::{Exit, usage};
use crate::client::Client;
use crate::clock;

/// Between two pictures: often enough to look alive, seldom enough for a slow line.
const FRAME: Duration = Duration::from_millis(50);
/// Times that pass are drawn again this often.
const TICK: Duration = Duration::from_secs(1);
/// How long the thread that reads keys takes to notice that nobody wants them any more.
const KEYS_POLL: Duration = Duration::from_millis(200);
/// Keys that wait; more are pressed by nobody.
const KEYS_MAX: usize = 64;

/// Whether there is a terminal to draw on and to read keys from.
///
/// # Errors
/// Says what to use without one.
pub fn check_terminal() -> anyhow::Result<()> {
    let missing = if !io::stdout().is_terminal() {
        "stdout is no terminal"
    } else if !io::stdin().is_terminal() {
        "stdin is no terminal"
    } else if std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
        "TERM names no terminal that can be drawn on"
    } else {
        return Ok(());
    };
    Err(usage(format!("{missing}; `gleitzeit monitor --once` prints a snapshot, and `-o jsonl` streams")))
}

/// What a key press or a change of the terminal is for the application.
enum Input {
    Key(Key),
    Resized,
    /// The terminal has gone.
    Gone,
}

/// Shows the server until somebody leaves.
pub async fn run(client: &Client, url: String, every: Duration) -> anyhow::Result<Exit> {
    let mut ended = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let mut link = Link::open(client, every);
    let mut app = App::new(url);
    let colours = Colours::of_environment();
    let terminal = ratatui::try_init()?;
    let mut screen = Screen { terminal, colours };
    let mut keys = read_keys();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let drawn = Instant::from_std(clock::instant());
        screen.draw(&mut app)?;
        tokio::select! {
            news = link.next() => match news {
                Some(news) => take(&mut app, news),
                None => anyhow::bail!("the connection has ended"),
            },
            input = keys.recv() => match input.unwrap_or(Input::Gone) {
                Input::Key(key) => {
                    if let Some(ask) = app.pressed(key, clock::wall()) {
                        if ask == Ask::Quit {
                            return Ok(if key == Key::Interrupt { Exit::Interrupted } else { Exit::Ok });
                        }
                        link.ask(ask).unwrap_or_else(|refused| app.answered(refused));
                    }
                    continue;
                }
                Input::Resized => continue,
                Input::Gone => return Ok(Exit::Interrupted),
            },
            _ = ticks.tick() => {}
            _ = ended.recv() => return Ok(Exit::Interrupted),
            _ = hung_up.recv() => return Ok(Exit::Interrupted),
        }
        // News may come by the thousand; a picture for each of them would be seen by nobody.
        tokio::select! {
            () = sleep_until(drawn + FRAME) => {}
            _ = ended.recv() => return Ok(Exit::Interrupted),
            _ = hung_up.recv() => return Ok(Exit::Interrupted),
        }
        while let Some(news) = link.waiting() {
            take(&mut app, news);
        }
    }
}

fn take(app: &mut App, news: News) {
    match news {
        News::Told(told) => app.told(told, clock::wall()),
        News::Answered(answer) => app.answered(answer),
    }
}

/// The terminal, which is restored when this is dropped. A panic restores it before it is told.
struct Screen {
    terminal: DefaultTerminal,
    colours: Colours,
}

impl Screen {
    fn draw(&mut self, app: &mut App) -> io::Result<()> {
        let now = clock::wall();
        let mut page_rows = app.page_rows;
        self.terminal.draw(|frame| page_rows = draw::draw(frame.buffer_mut(), self.colours, app, now))?;
        app.page_rows = page_rows;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // There is nobody left to tell that it did not work.
        drop(self.terminal.show_cursor());
        drop(ratatui::try_restore());
    }
}

/// Reads keys on a thread of its own, which ends soon after nobody wants them any more.
fn read_keys() -> mpsc::Receiver<Input> {
    let (sender, keys) = mpsc::channel(KEYS_MAX);
    std::thread::spawn(move || {
        while !sender.is_closed() {
            let input = match event::poll(KEYS_POLL) {
                Ok(false) => continue,
                Ok(true) => event::read().map_or(Some(Input::Gone), |event| input_of(&event)),
                Err(_) => Some(Input::Gone),
            };
            let is_gone = matches!(input, Some(Input::Gone));
            if input.is_some_and(|input| sender.blocking_send(input).is_err()) || is_gone {
                return;
            }
        }
    });
    keys
}

fn input_of(event: &Event) -> Option<Input> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => key_of(*key).map(Input::Key),
        Event::Resize(..) => Some(Input::Resized),
        Event::Key(_) | Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Paste(_) => None,
    }
}

fn key_of(key: KeyEvent) -> Option<Key> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c' | 'd') if control => Some(Key::Interrupt),
        KeyCode::Char('n') if control => Some(Key::Down),
        KeyCode::Char('p') if control => Some(Key::Up),
        KeyCode::Char('f') if control => Some(Key::PageDown),
        KeyCode::Char('b') if control => Some(Key::PageUp),
        KeyCode::Char(c) if !control => Some(Key::Char(c)),
        KeyCode::Enter => Some(Key::Enter),
        KeyCode::Esc => Some(Key::Escape),
        KeyCode::Backspace => Some(Key::Backspace),
        KeyCode::Tab => Some(Key::Tab),
        KeyCode::BackTab => Some(Key::BackTab),
        KeyCode::Up => Some(Key::Up),
        KeyCode::Down => Some(Key::Down),
        KeyCode::PageUp => Some(Key::PageUp),
        KeyCode::PageDown => Some(Key::PageDown),
        KeyCode::Home => Some(Key::Home),
        KeyCode::End => Some(Key::End),
        KeyCode::Left => Some(Key::Left),
        KeyCode::Right => Some(Key::Right),
        KeyCode::Char(_)
        | KeyCode::Delete
        | KeyCode::Insert
        | KeyCode::F(_)
        | KeyCode::Null
        | KeyCode::CapsLock
        | KeyCode::ScrollLock
        | KeyCode::NumLock
        | KeyCode::PrintScreen
        | KeyCode::Pause
        | KeyCode::Menu
        | KeyCode::KeypadBegin
        | KeyCode::Media(_)
        | KeyCode::Modifier(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::process::{Command, Stdio};

    use nix::pty::{Winsize, openpty};

    use super::*;

    /// Set for the process that is to panic.
    const PANICS: &str = "GLEITZEIT_TEST_PANICS";

    /// Runs itself a second time, in a terminal, where it panics while the screen is drawn.
    #[test]
    fn a_panic_restores_the_terminal_before_it_is_told() {
        if std::env::var_os(PANICS).is_some() {
            let terminal = ratatui::try_init().unwrap();
            let _screen = Screen { terminal, colours: Colours::Wanted };
            panic!("on purpose");
        }
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let name = std::thread::current().name().unwrap().to_owned();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &name, "--nocapture", "--test-threads=1"]).env(PANICS, "1");
        let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        drop((command, pty.slave));
        let mut written = Vec::new();
        // A terminal that nobody holds any more ends with an error.
        drop(File::from(pty.master).read_to_end(&mut written));
        assert!(!child.wait().unwrap().success());
        let written = String::from_utf8_lossy(&written);
        let entered = written.find("\u{1b}[?1049h").expect("it draws on a screen of its own");
        let left = written.find("\u{1b}[?1049l").expect("it leaves it");
        let told = written.find("on purpose").expect("it tells the panic");
        assert!(entered < left && left < told, "{written}");
        let last = written.rfind("\u{1b}[?25").expect("the cursor was hidden or shown");
        assert!(written[last..].starts_with("\u{1b}[?25h"), "{written}");
    }
}
