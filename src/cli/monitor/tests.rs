//! The screens, drawn from what a real server answered (`answers.json`), at every size; and what the keys do.
//! `INSTA_UPDATE=always` writes the snapshots again.

use insta::assert_snapshot;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::app::{Answer, App};
use super::ask::{Ask, Verb};
use super::draw;
use super::keys::Key;
use super::look::Colours;
use super::model::{TaskList, Told};
use crate::client::{FeedEvent, Health, ServicePage, Stats, StatsHistory, TaskInfo, WorkflowInfo};
use crate::core::ids::Timestamp;

#[derive(Deserialize)]
struct Answers {
    stats: Stats,
    history: StatsHistory,
    health: Health,
    services: ServicePage,
    workflows: Vec<WorkflowInfo>,
    letters: Vec<TaskInfo>,
    workflow: WorkflowInfo,
    tasks: Vec<TaskInfo>,
    events: Vec<FeedEvent>,
}

/// Half a minute after the answers were given.
const NOW: Timestamp = Timestamp(1_795_694_850_000);

fn answers<T: DeserializeOwned>() -> T {
    serde_json::from_str(include_str!("tests/answers.json")).unwrap()
}

/// What a server told in two looks, two seconds apart.
fn app() -> App {
    let Answers { stats, history, health, services, workflows, letters, workflow, tasks, events } = answers();
    let mut app = App::new("http://127.0.0.1:8000".to_owned());
    let before = Stats { seq: stats.seq - 10, ..stats.clone() };
    app.told(Told::Figures { stats: Box::new(before), health: health.clone() }, Timestamp(NOW.0 - 2_000));
    for event in events {
        app.told(Told::Happened(event), NOW);
    }
    app.told(Told::Figures { stats: Box::new(stats), health }, NOW);
    app.told(Told::History(Box::new(history)), NOW);
    app.told(Told::Services(services), NOW);
    app.told(Told::Workflows(workflows), NOW);
    app.told(Told::Letters(letters), NOW);
    app.told(Told::Tasks(Box::new(TaskList { workflow, items: tasks })), NOW);
    app
}

fn drawn(app: &App, width: u16, height: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    draw::draw(&mut buffer, Colours::Wanted, app, NOW);
    buffer
}

/// The screen as text, without the spaces at the ends of lines.
fn seen(app: &App, width: u16, height: u16) -> String {
    let buffer = drawn(app, width, height);
    let line = |y| {
        let cells = (0..width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    };
    (0..height).map(line).collect::<Vec<_>>().join("\n")
}

fn press(app: &mut App, keys: &str) -> Option<Ask> {
    let mut asked = None;
    for key in keys.chars() {
        let key = match key {
            '\n' => Key::Enter,
            '\u{1b}' => Key::Escape,
            '\u{8}' => Key::Backspace,
            letter => Key::Char(letter),
        };
        asked = app.pressed(key, NOW);
    }
    asked
}

#[test]
fn every_tab() {
    let mut app = app();
    for tab in ["overview", "workflows", "tasks", "services", "events", "errors"] {
        assert_snapshot!(tab, seen(&app, 100, 24));
        app.pressed(Key::Tab, NOW);
    }
    assert_snapshot!("overview_wide", seen(&app, 160, 40));
    assert_snapshot!("overview_small", seen(&app, 40, 10));
}

#[test]
fn what_stands_in_front() {
    let mut app = app();
    press(&mut app, "?");
    assert_snapshot!("help", seen(&app, 80, 24));
    press(&mut app, "\u{1b}2c");
    assert_snapshot!("question", seen(&app, 80, 10));
    press(&mut app, "n/fail");
    assert_snapshot!("filter", seen(&app, 80, 10));
    press(&mut app, "\n:status asleep\n");
    assert_snapshot!("mistake", seen(&app, 80, 10));
    press(&mut app, " ");
    assert_snapshot!("frozen", seen(&app, 80, 10));
    app.told(Told::Lost("error[GZ1020]: No Gleitzeit server answers".to_owned()), Timestamp(NOW.0 - 61_000));
    assert_snapshot!("lost", seen(&app, 80, 10));
}

#[test]
fn no_size_is_too_small_and_none_too_large() {
    let mut app = app();
    let page =
        Answer::Page { title: "Why: x".to_owned(), text: "it waits for 表表表 \u{1b}[31m\n".repeat(30) };
    for keys in ["1", "2", "3", "4", "5", "6", "?", "\u{1b}2c", "n:tasks", "\u{1b}/nothing", "page", "lost"] {
        match keys {
            "page" => app.answered(page.clone()),
            "lost" => app.told(Told::Lost("gone".to_owned()), NOW),
            keys => drop(press(&mut app, keys)),
        }
        for (width, height) in
            (0..130).step_by(3).flat_map(|width| (0..40).map(move |height| (width, height)))
        {
            drawn(&app, width, height);
        }
    }
    let empty = App::new(String::new());
    for height in 0..30 {
        drawn(&empty, 80, height);
    }
}

#[test]
fn nothing_that_a_terminal_obeys_is_drawn() {
    let mut app = app();
    let mut workflow: WorkflowInfo = answers::<Answers>().workflow;
    workflow.name = "\u{1b}]0;owned\u{7}\u{1b}[2J name".to_owned();
    app.told(Told::Workflows(vec![workflow]), NOW);
    for tab in ["1", "2", "3"] {
        press(&mut app, tab);
        let screen = seen(&app, 120, 30);
        assert!(!screen.chars().any(|c| c.is_control() && c != '\n'), "{screen:?}");
    }
}

#[test]
fn colours_can_be_unwanted() {
    let app = app();
    let coloured = |colours| {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 100, 24));
        draw::draw(&mut buffer, colours, &app, NOW);
        buffer.content.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(coloured(Colours::Wanted) && !coloured(Colours::Unwanted));
}

#[test]
fn what_changes_something_asks_first() {
    let mut app = app();
    press(&mut app, "2");
    let failed = |ask: Option<Ask>| match ask {
        Some(Ask::Act(action)) => Some((action.verb, action.target.name)),
        _ => None,
    };
    assert_eq!(press(&mut app, "c"), None);
    assert_eq!(failed(press(&mut app, "y")), Some((Verb::Cancel, "Chain".to_owned())));
    assert_eq!(press(&mut app, "cn"), None, "any other key leaves it");
    // The paused workflow goes on with the key that pauses others.
    press(&mut app, "/waiting\np");
    assert_eq!(failed(press(&mut app, "y")), Some((Verb::Resume, "Waiting".to_owned())));
    press(&mut app, "4/trainer\nd");
    assert_eq!(failed(press(&mut app, "y")), Some((Verb::Drain, "Trainer".to_owned())));
    assert_eq!(press(&mut app, "cy"), None, "a service cannot be cancelled");
    press(&mut app, "6r");
    assert_eq!(failed(press(&mut app, "Y")), Some((Verb::Retry, "bad".to_owned())));
}

#[test]
fn the_chosen_row_stays_chosen_while_the_list_moves() {
    let mut app = app();
    press(&mut app, "5jjj");
    let chosen = |app: &App| {
        let (table, place) = app.table(NOW);
        (table.rows[place].key.clone(), place)
    };
    let (key, place) = chosen(&app);
    let newest = answers::<Answers>().events.last().unwrap().seq;
    let event = |seq: u64| {
        let value: Value = serde_json::json!({"seq": seq, "type": "task_assigned"});
        serde_json::from_value::<FeedEvent>(value).unwrap()
    };
    app.told(Told::Happened(event(newest + 1)), NOW);
    assert_eq!(chosen(&app), (key.clone(), place + 1));
    press(&mut app, "g");
    app.told(Told::Happened(event(newest + 2)), NOW);
    assert_eq!(chosen(&app), ((newest + 2).to_string(), 0), "the newest one again");
    press(&mut app, " ");
    app.told(Told::Happened(event(newest + 3)), NOW);
    assert_eq!(chosen(&app).0, (newest + 2).to_string(), "nothing moves while it is frozen");
    press(&mut app, " ");
    assert_eq!(chosen(&app).0, (newest + 3).to_string());
}

#[test]
fn one_level_leads_to_the_next_and_back() {
    let mut app = app();
    let asked = press(&mut app, "2/train\n\n");
    assert!(matches!(asked, Some(Ask::TasksOf(_))), "{asked:?}");
    let asked = press(&mut app, "\n");
    assert!(matches!(asked, Some(Ask::Detail(_))), "{asked:?}");
    app.answered(Answer::Page { title: "Details: train".to_owned(), text: "task  train\n".to_owned() });
    assert!(seen(&app, 80, 24).contains("Details: train"));
    press(&mut app, "\u{1b}");
    assert!(seen(&app, 80, 24).contains("[3 Tasks]"));
    press(&mut app, "\u{1b}");
    assert!(seen(&app, 80, 24).contains("[2 Workflows]") && app.filter() == "train");
    press(&mut app, "\u{1b}");
    assert_eq!(app.filter(), "");
    press(&mut app, "\u{1b}");
    assert!(seen(&app, 80, 24).contains("[1 Overview]"));
    assert_eq!(press(&mut app, "q"), Some(Ask::Quit));
}
