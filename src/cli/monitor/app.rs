//! The screen as data: which tab, which row, what is being typed, what is asked. Pure: keys and news go in, requests come
//! out, and drawing only reads it.

use std::collections::BTreeMap;

use super::ask::{self, Action, Ask, Kind, Target, Verb};
use super::command::{self, Command};
use super::keys::{HELP, Key, Typed, edit};
use super::look::Tone;
use super::model::{Model, Told};
use super::rows::{Tab, Table};
use crate::client::WorkflowStatus;
use crate::core::ids::Timestamp;

/// The answer to something that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To be read.
    Page {
        title: String,
        text: String,
    },
    Done(String),
    Refused(String),
}

/// What the keys mean now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Browse,
    /// The filter of the tab is typed; this is the one from before.
    Filter {
        before: String,
    },
    Command(String),
    Confirm(Action),
}

/// Something to read in front of everything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Popup {
    pub title: String,
    pub lines: Vec<String>,
    pub scroll: usize,
}

/// What is said in the last line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    pub tone: Tone,
}

#[derive(Debug)]
pub struct App {
    pub url: String,
    live: Model,
    /// What is shown while nothing shall move.
    frozen: Option<Box<Model>>,
    pub tab: Tab,
    pub mode: Mode,
    pub popup: Option<Popup>,
    pub notice: Option<Notice>,
    /// The status of the workflows that are listed, where it is one alone.
    pub only: Option<WorkflowStatus>,
    filters: BTreeMap<Tab, String>,
    /// The key of the chosen row. Without one it is the first, whatever comes to stand there.
    chosen: BTreeMap<Tab, String>,
    /// Rows on the screen, which a page key goes by.
    pub page_rows: usize,
}

impl App {
    pub fn new(url: String) -> Self {
        Self {
            url,
            live: Model::default(),
            frozen: None,
            tab: Tab::Overview,
            mode: Mode::Browse,
            popup: None,
            notice: None,
            only: None,
            filters: BTreeMap::new(),
            chosen: BTreeMap::new(),
            page_rows: 10,
        }
    }

    /// What is to be drawn. Whether the server answers is told in any case.
    pub fn model(&self) -> &Model {
        self.frozen.as_deref().unwrap_or(&self.live)
    }

    pub fn link(&self) -> &super::model::Link {
        &self.live.link
    }

    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    pub fn filter(&self) -> &str {
        self.filters.get(&self.tab).map_or("", String::as_str)
    }

    /// The rows of the tab, and the place of the chosen one.
    pub fn table(&self, now: Timestamp) -> (Table, usize) {
        let table = Table::of(self.model(), self.tab, self.filter(), now);
        let chosen = self.chosen.get(&self.tab);
        let place = chosen.and_then(|key| table.rows.iter().position(|row| row.key == *key));
        (table, place.unwrap_or(0))
    }

    pub fn told(&mut self, told: Told, now: Timestamp) {
        self.live.fold(told, now);
    }

    pub fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Page { title, text } => self.show(title, &text),
            Answer::Done(text) => self.notice = Some(Notice { text, tone: Tone::Good }),
            Answer::Refused(text) => self.notice = Some(Notice { text, tone: Tone::Bad }),
        }
    }

    fn show(&mut self, title: String, text: &str) {
        let lines = text.lines().map(super::words::line).collect();
        self.popup = Some(Popup { title, lines, scroll: 0 });
        self.notice = None;
    }

    pub fn pressed(&mut self, key: Key, now: Timestamp) -> Option<Ask> {
        if key == Key::Interrupt {
            return Some(Ask::Quit);
        }
        self.notice = None;
        match std::mem::take(&mut self.mode) {
            Mode::Browse if self.popup.is_some() => {
                self.read(key);
                None
            }
            Mode::Browse => self.browse(key, now),
            Mode::Filter { before } => {
                self.type_filter(key, before);
                None
            }
            Mode::Command(typed) => self.type_command(key, typed),
            Mode::Confirm(action) if matches!(key, Key::Char('y' | 'Y')) => Some(Ask::Act(action)),
            Mode::Confirm(_) => {
                self.say("nothing was done", Tone::Muted);
                None
            }
        }
    }

    fn say(&mut self, text: impl Into<String>, tone: Tone) {
        self.notice = Some(Notice { text: text.into(), tone });
    }

    /// Keys while something is read.
    fn read(&mut self, key: Key) {
        let Some(popup) = &mut self.popup else { return };
        let last = popup.lines.len().saturating_sub(1);
        let page = self.page_rows.max(1);
        popup.scroll = match key {
            Key::Down | Key::Char('j') => popup.scroll + 1,
            Key::Up | Key::Char('k') => popup.scroll.saturating_sub(1),
            Key::PageDown | Key::Char(' ') => popup.scroll + page,
            Key::PageUp => popup.scroll.saturating_sub(page),
            Key::Home => 0,
            Key::End => last,
            Key::Char(_)
            | Key::Interrupt
            | Key::Enter
            | Key::Escape
            | Key::Backspace
            | Key::Tab
            | Key::BackTab
            | Key::Left
            | Key::Right => {
                self.popup = None;
                return;
            }
        }
        .min(last);
    }

    fn browse(&mut self, key: Key, now: Timestamp) -> Option<Ask> {
        match key {
            Key::Char(c) => return self.letter(c, now),
            Key::Tab | Key::Right => self.turn(1),
            Key::BackTab | Key::Left => self.turn(Tab::ALL.len() - 1),
            Key::Down => self.step(now, |place, _| place + 1),
            Key::Up => self.step(now, |place, _| place.saturating_sub(1)),
            Key::PageDown => self.step(now, |place, page| place + page),
            Key::PageUp => self.step(now, usize::saturating_sub),
            Key::End => self.step(now, |_, _| usize::MAX),
            // Free of any key, so that the newest row stays the chosen one.
            Key::Home => drop(self.chosen.remove(&self.tab)),
            Key::Enter => return self.open(now),
            Key::Escape => self.up(),
            Key::Backspace | Key::Interrupt => {}
        }
        None
    }

    fn letter(&mut self, letter: char, now: Timestamp) -> Option<Ask> {
        match letter {
            'q' => return Some(Ask::Quit),
            'j' => self.step(now, |place, _| place + 1),
            'k' => self.step(now, |place, _| place.saturating_sub(1)),
            'g' => drop(self.chosen.remove(&self.tab)),
            'G' => self.step(now, |_, _| usize::MAX),
            'h' => self.turn(Tab::ALL.len() - 1),
            'l' => self.turn(1),
            '1'..='6' => {
                let place = letter.to_digit(10).unwrap_or(1) as usize - 1;
                self.tab = Tab::ALL.get(place).copied().unwrap_or(Tab::Overview);
            }
            '/' => self.mode = Mode::Filter { before: self.filter().to_owned() },
            ':' => self.mode = Mode::Command(String::new()),
            ' ' => self.freeze(),
            '?' => self.show("Keys".to_owned(), HELP),
            'w' => return self.why(now),
            'r' => self.ask(Verb::Retry, now),
            'c' => self.ask(Verb::Cancel, now),
            'p' => self.ask(Verb::Pause, now),
            'd' => self.ask(Verb::Drain, now),
            _ => {}
        }
        None
    }

    fn freeze(&mut self) {
        self.frozen = match self.frozen.take() {
            None => Some(Box::new(self.live.clone())),
            Some(_) => None,
        };
    }

    fn turn(&mut self, by: usize) {
        let at = Tab::ALL.iter().position(|tab| *tab == self.tab).unwrap_or(0);
        self.tab = Tab::ALL.get((at + by) % Tab::ALL.len()).copied().unwrap_or(Tab::Overview);
    }

    fn step(&mut self, now: Timestamp, to: impl Fn(usize, usize) -> usize) {
        let (table, place) = self.table(now);
        let place = to(place, self.page_rows.max(1)).min(table.rows.len().saturating_sub(1));
        if let Some(row) = table.rows.get(place) {
            self.chosen.insert(self.tab, row.key.clone());
        }
    }

    /// The key of the row that is chosen, where there is one.
    fn key(&self, now: Timestamp) -> Option<String> {
        let (table, place) = self.table(now);
        table.rows.get(place).map(|row| row.key.clone())
    }

    fn target(&self, now: Timestamp) -> Option<Target> {
        ask::target(self.model(), self.tab, &self.key(now)?)
    }

    fn open(&mut self, now: Timestamp) -> Option<Ask> {
        let target = self.target(now);
        match (self.tab, target) {
            (Tab::Events, _) => {
                let key = self.key(now)?;
                let event = self.model().events.iter().find(|event| event.seq.to_string() == key)?;
                let text = serde_json::to_string_pretty(event).unwrap_or_default();
                self.show(format!("Event {key}"), &text);
                None
            }
            (Tab::Overview | Tab::Workflows, Some(workflow)) => {
                self.tab = Tab::Tasks;
                self.chosen.remove(&Tab::Tasks);
                Some(Ask::TasksOf(workflow.id))
            }
            (Tab::Tasks | Tab::Services | Tab::Errors, Some(target)) => Some(Ask::Detail(target)),
            (_, None) => None,
        }
    }

    /// One level up: out of a filter, out of a workflow, back to the overview.
    fn up(&mut self) {
        if self.filters.remove(&self.tab).is_none() {
            self.tab = if self.tab == Tab::Tasks { Tab::Workflows } else { Tab::Overview };
        }
    }

    fn why(&mut self, now: Timestamp) -> Option<Ask> {
        match self.target(now) {
            Some(target) if target.kind != Kind::Service => Some(Ask::Why(target)),
            Some(_) | None => {
                self.say("choose a workflow or a task: `w` says why it waits", Tone::Muted);
                None
            }
        }
    }

    /// Asks before the verb, or the one that takes it back, is done to what is chosen.
    fn ask(&mut self, verb: Verb, now: Timestamp) {
        let Some(target) = self.target(now) else {
            return self.say(format!("there is nothing to {} here", verb.word().to_lowercase()), Tone::Muted);
        };
        match verb.fitting(&target) {
            Ok(verb) => self.mode = Mode::Confirm(Action { verb, target }),
            Err(why) => self.say(why, Tone::Muted),
        }
    }

    fn type_filter(&mut self, key: Key, before: String) {
        let mut typed = self.filters.remove(&self.tab).unwrap_or_default();
        match edit(&mut typed, key) {
            Typed::On => self.mode = Mode::Filter { before },
            Typed::Done => {}
            Typed::Left => typed = before,
        }
        if !typed.is_empty() {
            self.filters.insert(self.tab, typed);
        }
    }

    fn type_command(&mut self, key: Key, mut typed: String) -> Option<Ask> {
        match edit(&mut typed, key) {
            Typed::On => self.mode = Mode::Command(typed),
            Typed::Left => {}
            Typed::Done => match command::parse(&typed, &self.live) {
                Ok(Command::Go(tab)) => self.tab = tab,
                Ok(Command::Help) => self.show("Keys".to_owned(), HELP),
                Ok(Command::Confirm(action)) => self.mode = Mode::Confirm(action),
                Ok(Command::Ask(ask)) => {
                    match &ask {
                        Ask::TasksOf(_) => self.tab = Tab::Tasks,
                        Ask::Only(status) => {
                            self.tab = Tab::Workflows;
                            self.only.clone_from(status);
                        }
                        Ask::Act(_) | Ask::Why(_) | Ask::Detail(_) | Ask::Quit => {}
                    }
                    return Some(ask);
                }
                Err(why) => self.say(why, Tone::Bad),
            },
        }
        None
    }
}
