//! What states look like: a glyph, a word and a colour, so that nobody needs the colour.

use ratatui::style::{Color, Modifier, Style};

/// What a text is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    #[default]
    Plain,
    /// Less important than what stands beside it.
    Muted,
    Strong,
    Good,
    /// Something is being done.
    Busy,
    /// Something waits, or was left out.
    Waiting,
    Bad,
}

/// Whether the terminal may be given colours: `NO_COLOR` says that somebody does not want them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    Wanted,
    Unwanted,
}

impl Colours {
    /// What the environment says.
    pub fn of_environment() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if unwanted { Self::Unwanted } else { Self::Wanted }
    }

    pub fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        let style = match tone {
            Tone::Plain | Tone::Good | Tone::Busy | Tone::Waiting => plain,
            Tone::Muted => plain.add_modifier(Modifier::DIM),
            Tone::Strong | Tone::Bad => plain.add_modifier(Modifier::BOLD),
        };
        match (self, colour(tone)) {
            (Self::Wanted, Some(colour)) => style.fg(colour),
            (Self::Wanted | Self::Unwanted, _) => style,
        }
    }
}

/// One of the sixteen that every terminal adapts to its background.
const fn colour(tone: Tone) -> Option<Color> {
    match tone {
        Tone::Plain | Tone::Muted | Tone::Strong => None,
        Tone::Good => Some(Color::Green),
        Tone::Busy => Some(Color::Cyan),
        Tone::Waiting => Some(Color::Yellow),
        Tone::Bad => Some(Color::Red),
    }
}

/// The glyph and the tone of a status of a workflow, a task, a service, a breaker or the server.
pub fn of_status(status: &str) -> (&'static str, Tone) {
    match status {
        "completed" | "healthy" | "ready" | "closed" | "enabled" => ("✓", Tone::Good),
        "running" | "processing" | "busy" => ("●", Tone::Busy),
        "assigned" | "starting" => ("◐", Tone::Busy),
        "queued" => ("○", Tone::Waiting),
        "pending" => ("·", Tone::Muted),
        "retrying" | "half_open" => ("↻", Tone::Waiting),
        "paused" => ("‖", Tone::Waiting),
        "draining" => ("↓", Tone::Waiting),
        "skipped" => ("↷", Tone::Muted),
        "gone" => ("–", Tone::Muted),
        "cancelled" => ("⊘", Tone::Muted),
        "failed" | "unhealthy" | "offline" | "open" => ("✗", Tone::Bad),
        "degraded" | "overloaded" => ("!", Tone::Bad),
        // A newer server may know more states.
        _ => ("?", Tone::Plain),
    }
}

/// `✓ completed`.
pub fn said(status: &str) -> String {
    format!("{} {}", of_status(status).0, status.replace('_', " "))
}

/// The tone of what happened.
pub fn of_event(kind: &str) -> Tone {
    match kind {
        "task_completed" | "task_completed_by_hand" | "breaker_closed" => Tone::Good,
        "task_failed" | "task_failed_by_hand" | "breaker_opened" => Tone::Bad,
        "attempt_lost" | "attempt_refused" | "tasks_retried" | "workflow_paused" | "late_report_seen" => {
            Tone::Waiting
        }
        "task_assigned" | "task_accepted" | "workflow_resumed" => Tone::Busy,
        "workflow_submitted" | "workflow_ended" | "engine_started" => Tone::Strong,
        _ => Tone::Plain,
    }
}
