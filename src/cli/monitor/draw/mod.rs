//! The screen as it is drawn: a head, the tab, and a line at the bottom for keys, questions and what is typed.

mod overview;
mod pen;
mod spark;
mod table;

use ratatui::buffer::Buffer;

pub use overview::by_code;
use pen::{Pen, width_of};
use table::Mark;

use super::app::{App, Mode};
use super::look::{self, Colours, Tone};
use super::model::{Link, Model};
use super::rows::{Tab, Table};
use super::words::{bytes, count, duration, line, millis, rate};
use crate::core::ids::Timestamp;

/// Below this the second line of the head goes, so that the list keeps most of the screen.
const HEAD_HEIGHT_MIN: u16 = 12;

/// Draws everything, and returns how many rows of a list or lines of a page there is room for.
pub fn draw(buffer: &mut Buffer, colours: Colours, app: &App, now: Timestamp) -> usize {
    let mut pen = Pen::new(buffer, colours);
    let height = pen.height();
    let mut top = 0;
    head(&mut pen, app, &mut top);
    tabs(&mut pen, app, top);
    top += 1;
    if let Some((text, tone)) = banner(app, now) {
        pen.banner(top, &text, tone);
        top += 1;
    }
    let room = height.saturating_sub(top + 1);
    body(&mut pen.lines(top, room), app, now);
    foot(&mut pen.lines(height.saturating_sub(1), 1), app);
    usize::from(room.saturating_sub(2))
}

/// Who it is and how it does.
fn head(pen: &mut Pen<'_>, app: &App, top: &mut u16) {
    let model = app.model();
    let figures = model.figures.as_ref();
    let host = app.url.split_once("://").map_or(app.url.as_str(), |(_, host)| host).trim_end_matches('/');
    let health = model.health.as_ref().map_or("connecting", |health| health.status.as_str());
    let version = figures.map(|figures| figures.version.clone()).unwrap_or_default();
    let up = figures.map(|figures| format!("up {}", duration(seconds_ms(figures.uptime_seconds))));
    pen.parts(
        *top,
        &[
            (line(host), Tone::Strong),
            (look::said(health), look::of_status(health).1),
            (up.unwrap_or_default(), Tone::Plain),
            (format!("gleitzeit {version}"), Tone::Muted),
        ],
    );
    *top += 1;
    if pen.height() >= HEAD_HEIGHT_MIN {
        pen.parts(*top, &of_process(model));
        *top += 1;
    }
}

/// The figures of the process; what the server does not tell is left out.
fn of_process(model: &Model) -> Vec<(String, Tone)> {
    let Some(figures) = &model.figures else { return Vec::new() };
    let per_second = |events: f64| format!("{} events/s", rate(events));
    let sync = model.samples.last(|sample| sample.sync_p99_ms);
    let disk = match (figures.read_only, figures.disk_free_bytes) {
        (true, _) => ("disk FULL".to_owned(), Tone::Bad),
        (false, Some(free)) => (format!("disk ok, {} free", bytes(free)), Tone::Good),
        (false, None) => ("disk ok".to_owned(), Tone::Good),
    };
    vec![
        (format!("seq {}", figures.seq), Tone::Plain),
        (model.pace.events_per_second.map(per_second).unwrap_or_default(), Tone::Plain),
        (sync.map(|ms| format!("sync p99 {}", millis(ms))).unwrap_or_default(), Tone::Plain),
        disk,
        (format!("RSS {}", bytes(figures.rss_bytes)), Tone::Plain),
        (
            model.pace.cpu_percent.map(|percent| format!("cpu {percent:.0} %")).unwrap_or_default(),
            Tone::Plain,
        ),
        (archive(figures.archive_backlog), Tone::Waiting),
    ]
}

fn archive(backlog: u64) -> String {
    if backlog == 0 { String::new() } else { format!("{} to archive", count(backlog)) }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time since a start is positive"
)]
pub fn seconds_ms(seconds: f64) -> u64 {
    (seconds * 1_000.0) as u64
}

fn tabs(pen: &mut Pen<'_>, app: &App, top: u16) {
    let whole: usize = Tab::ALL.iter().map(|tab| tab.name().len() + 4).sum();
    let mut column = 0;
    for (tab, number) in Tab::ALL.into_iter().zip(1..) {
        // Where there is no room for all names, the one that is open keeps its own.
        let text = if whole <= usize::from(pen.width()) || tab == app.tab {
            format!("{number} {}", tab.name())
        } else {
            number.to_string()
        };
        let (text, tone) = if tab == app.tab {
            (format!("[{text}]"), Tone::Strong)
        } else {
            (format!(" {text} "), Tone::Muted)
        };
        column = pen.write(column, top, &text, tone);
    }
}

/// That what is seen is not how it is now.
fn banner(app: &App, now: Timestamp) -> Option<(String, Tone)> {
    match app.link() {
        Link::Lost { since, reason } => {
            let text =
                format!(" ✗ NO ANSWER for {}; trying again: {}", duration(now.since(*since)), line(reason));
            Some((text, Tone::Bad))
        }
        Link::Connecting => Some((" … connecting".to_owned(), Tone::Waiting)),
        Link::Live if app.is_frozen() => {
            Some((" ‖ FROZEN: Space lets it move again".to_owned(), Tone::Waiting))
        }
        Link::Live => None,
    }
}

fn body(pen: &mut Pen<'_>, app: &App, now: Timestamp) {
    pen.clear();
    if let Some(popup) = &app.popup {
        page(pen, &popup.title, &popup.lines, popup.scroll);
        return;
    }
    let (table, chosen) = app.table(now);
    if app.tab == Tab::Overview {
        return overview::draw(pen, app.model(), &table, chosen, now);
    }
    pen.parts(0, &title(app, &table));
    table::draw(&mut pen.lines(1, u16::MAX), &table, Mark::At(chosen));
}

/// What the list holds, and what it leaves out.
fn title(app: &App, table: &Table) -> Vec<(String, Tone)> {
    let model = app.model();
    let whole = match app.tab {
        Tab::Overview | Tab::Workflows => model.workflows.len(),
        Tab::Tasks => model.tasks.as_ref().map_or(0, |tasks| tasks.items.len()),
        Tab::Services => model.services.len() + model.gone.len(),
        Tab::Events => model.events.len(),
        Tab::Errors => model.letters.len(),
    };
    let rows = table.rows.len();
    let counted = if rows == whole { rows.to_string() } else { format!("{rows} of {whole}") };
    let of = match (app.tab, &model.tasks) {
        (Tab::Tasks, Some(tasks)) => {
            let left = tasks.workflow.total_tasks.saturating_sub(tasks.items.len() as u64);
            let more = if left == 0 {
                String::new()
            } else {
                format!(", the first of {}", tasks.workflow.total_tasks)
            };
            format!("tasks of {} ({}){more}", line(&tasks.workflow.name), line(&tasks.workflow.id))
        }
        (Tab::Tasks, None) => "tasks: open a workflow with Enter".to_owned(),
        (Tab::Events, _) if model.skipped > 0 => {
            format!("events, the newest first; {} came too fast to be shown", count(model.skipped))
        }
        (Tab::Events, _) => "events, the newest first".to_owned(),
        (Tab::Errors, _) => "tasks that failed for good, those of the latest workflow first".to_owned(),
        (Tab::Workflows, _) => {
            let only = app.only.as_ref().map(|status| format!("{status} ")).unwrap_or_default();
            format!("{only}workflows, the newest first")
        }
        (Tab::Services, _) => "services".to_owned(),
        (Tab::Overview, _) => String::new(),
    };
    let filter = if app.filter().is_empty() { String::new() } else { format!("/{}", app.filter()) };
    vec![(format!("{counted} {of}"), Tone::Strong), (filter, Tone::Waiting)]
}

/// A text to be read; long lines go on in the next one.
fn page(pen: &mut Pen<'_>, title: &str, lines: &[String], scroll: usize) {
    pen.write(0, 0, &line(title), Tone::Strong);
    let width = usize::from(pen.width()).max(1);
    let folded = lines.iter().skip(scroll).flat_map(|text| folded(text, width));
    for (text, at) in folded.zip(1..pen.height()) {
        pen.write(0, at, &text, Tone::Plain);
    }
}

/// Pieces of at most so many columns.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for c in text.chars() {
        let wide = width_of(c.encode_utf8(&mut [0; 4]));
        if used + wide > width
            && let Some(last) = pieces.last()
            && !last.is_empty()
        {
            pieces.push(String::new());
            used = 0;
        }
        used += wide;
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
    }
    pieces
}

/// What is typed, asked or said, and otherwise the keys.
fn foot(pen: &mut Pen<'_>, app: &App) {
    pen.clear();
    let (text, tone) = match (&app.mode, &app.notice) {
        (Mode::Filter { .. }, _) => {
            (format!("/{}▏  Enter keeps it, Esc leaves it", app.filter()), Tone::Strong)
        }
        (Mode::Command(typed), _) => (format!(":{typed}▏"), Tone::Strong),
        (Mode::Confirm(action), _) => return pen.banner(0, &line(&action.question()), Tone::Waiting),
        (Mode::Browse, Some(notice)) => (line(&notice.text), notice.tone),
        (Mode::Browse, None) if app.popup.is_some() => ("j k scroll  Esc back".to_owned(), Tone::Muted),
        (Mode::Browse, None) => (keys(app.tab).to_owned(), Tone::Muted),
    };
    pen.write(0, 0, &text, tone);
}

/// The keys that matter in a tab, those that matter most first.
const fn keys(tab: Tab) -> &'static str {
    match tab {
        Tab::Overview | Tab::Workflows => {
            "? help  q quit  Enter tasks  w why  r retry  c cancel  p pause  / filter  : command  Space freeze"
        }
        Tab::Tasks | Tab::Errors => {
            "? help  q quit  Enter details  w why  r retry  c cancel  Esc back  / filter  : command  Space freeze"
        }
        Tab::Services => "? help  q quit  Enter details  d drain  / filter  : command  Space freeze",
        Tab::Events => "? help  q quit  Enter details  w why  / filter  : command  Space freeze  g newest",
    }
}
