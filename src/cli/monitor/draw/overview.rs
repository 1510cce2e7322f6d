//! What somebody wants to know first: how fast, how full, what is under way, what needs a person.

use super::super::figures::Sample;
use super::super::look::Tone;
use super::super::model::Model;
use super::super::rows::{Tab, Table};
use super::super::words::{count, line, millis, rate};
use super::pen::{Pen, width_of};
use super::spark;
use super::table::{self, Mark};
use crate::core::ids::Timestamp;

/// Columns of the name and of the value in front of a figure over time.
const NAME_WIDTH: u16 = 13;
const VALUE_WIDTH: u16 = 9;
/// What needs a person is shown in so many lines at most.
const NEEDS_MAX: u16 = 4;
/// With fewer lines for lists there are workflows alone.
const BOTH_MIN: u16 = 6;
/// With so many columns the services stand beside the workflows.
const BESIDE_MIN: u16 = 110;

pub fn draw(pen: &mut Pen<'_>, model: &Model, under_way: &Table, chosen: usize, now: Timestamp) {
    let mut top = figures(pen, model);
    top += needs(&mut pen.lines(top, NEEDS_MAX), model);
    top += counted(&mut pen.lines(top, 1), model);
    let rest = pen.height().saturating_sub(top);
    let services = Table::of(model, Tab::Services, "", now);
    if rest < BOTH_MIN {
        table::draw(&mut pen.lines(top, rest), under_way, Mark::At(chosen));
    } else if pen.width() >= BESIDE_MIN {
        let half = pen.width() * 3 / 5;
        let mut both = pen.lines(top, rest);
        table::draw(&mut both.columns(0, half.saturating_sub(3)), under_way, Mark::At(chosen));
        table::draw(&mut both.columns(half, u16::MAX), &services, Mark::Nothing);
    } else {
        // The services get what the workflows leave, and at least a third.
        let wanted = u16::try_from(under_way.rows.len() + 1).unwrap_or(u16::MAX).max(2);
        let upper = wanted.min(rest - rest / 3);
        table::draw(&mut pen.lines(top, upper), under_way, Mark::At(chosen));
        table::draw(&mut pen.lines(top + upper, rest - upper), &services, Mark::Nothing);
    }
}

/// One figure over time.
struct Figure {
    name: &'static str,
    tone: Tone,
    of: fn(&Sample) -> Option<f64>,
    shown: fn(f64) -> String,
}

const FIGURES: [Figure; 6] = [
    Figure { name: "started", tone: Tone::Busy, of: |sample| sample.started_per_second, shown: per_second },
    Figure {
        name: "completed",
        tone: Tone::Good,
        of: |sample| sample.completed_per_second,
        shown: per_second,
    },
    Figure { name: "failed", tone: Tone::Bad, of: |sample| sample.failed_per_second, shown: per_second },
    Figure { name: "queue depth", tone: Tone::Waiting, of: |sample| sample.queue_depth, shown: whole },
    Figure { name: "dispatch p50", tone: Tone::Plain, of: |sample| sample.dispatch_p50_ms, shown: millis },
    Figure { name: "dispatch p95", tone: Tone::Plain, of: |sample| sample.dispatch_p95_ms, shown: millis },
];

fn per_second(number: f64) -> String {
    format!("{}/s", rate(number))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was a whole number")]
fn whole(number: f64) -> String {
    count(number as u64)
}

/// Draws them one below the other, as far as half of the screen, and returns how many lines they took.
fn figures(pen: &mut Pen<'_>, model: &Model) -> u16 {
    let room = pen.height() / 2;
    let mut line = 0;
    for figure in FIGURES.iter().take(usize::from(room)) {
        let values = model.samples.column(figure.of);
        let value = model.samples.last(figure.of).map_or_else(|| "–".to_owned(), figure.shown);
        pen.write(0, line, figure.name, Tone::Muted);
        let left = usize::from(VALUE_WIDTH).saturating_sub(width_of(&value));
        pen.write(NAME_WIDTH, line, &(" ".repeat(left) + &value), Tone::Strong);
        let begin = NAME_WIDTH + VALUE_WIDTH + 2;
        let width = usize::from(pen.width().saturating_sub(begin));
        pen.write(begin, line, &spark::line(&values, width), figure.tone);
        line += 1;
    }
    line
}

/// Draws what needs a person, and returns how many lines that took.
fn needs(pen: &mut Pen<'_>, model: &Model) -> u16 {
    let needs = model.needs();
    let room = pen.height();
    for (need, at) in needs.iter().zip(0..room) {
        let left = needs.len() - usize::from(at);
        let last = at + 1 == room && left > 1;
        let text = if last { format!("! and {left} more things") } else { format!("! {}", line(need)) };
        pen.write(0, at, &text, Tone::Bad);
    }
    u16::try_from(needs.len()).unwrap_or(room).min(room)
}

/// What is under way and what has failed; what matters less stands further to the right.
fn counted(pen: &mut Pen<'_>, model: &Model) -> u16 {
    let Some(figures) = &model.figures else { return 0 };
    let some = |counts: &std::collections::BTreeMap<String, u64>| {
        let given = counts.iter().filter(|(_, number)| **number > 0);
        given.map(|(name, number)| format!("{} {name}", count(*number))).collect::<Vec<_>>().join(", ")
    };
    let named = |name: &str, text: String| {
        if text.is_empty() { String::new() } else { format!("{name}: {text}") }
    };
    pen.parts(
        0,
        &[
            (named("workflows", some(&figures.workflows)), Tone::Strong),
            (format!("running: {}", count(figures.tasks_running)), Tone::Plain),
            (named("queued", some(&figures.queued)), Tone::Waiting),
            (named("failed", by_code(model)), Tone::Bad),
            (format!("services: {}", figures.connected_services), Tone::Plain),
        ],
    );
    1
}

/// Codes of the latest failures with how often each occurs, the most frequent first.
pub fn by_code(model: &Model) -> String {
    let mut codes: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for error in model.letters.iter().filter_map(|task| task.error.as_ref()) {
        *codes.entry(&error.code).or_default() += 1;
    }
    let mut codes: Vec<(&str, usize)> = codes.into_iter().collect();
    codes.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    codes.iter().map(|(code, times)| format!("{code} ×{times}")).collect::<Vec<_>>().join(" ")
}
