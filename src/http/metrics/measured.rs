//! What is counted and timed while the server works.

use std::sync::Arc;

use super::family::{Bounds, Family, Kind, Number};
use crate::core::spec::Priority;
use crate::figures::{Counter, Figures, Histogram, Labelled};

/// From 16 microseconds to 17 seconds: what the engine and the disk take.
const QUICK: Bounds = Bounds { from: 4, to: 24, per_unit: 1_000_000.0 };
/// From a millisecond to 72 minutes: what tasks wait and run.
const LONG: Bounds = Bounds { from: 10, to: 32, per_unit: 1_000_000.0 };
/// From 128 microseconds to 34 seconds.
const REQUEST: Bounds = Bounds { from: 7, to: 25, per_unit: 1_000_000.0 };
/// From one record to a hundred thousand.
const RECORDS: Bounds = Bounds { from: 0, to: 17, per_unit: 1.0 };

pub(super) fn families(figures: &Figures) -> Vec<Family> {
    let mut families = Vec::from(of_tasks(figures));
    families.extend(of_workflows(figures));
    families.extend(of_latencies(figures));
    families.extend(of_requests(figures));
    families.extend(of_traces(figures));
    families
}

fn of_tasks(figures: &Figures) -> [Family; 6] {
    let counted = &figures.counted;
    let total = |name, help, value: &Counter| Family::single(name, Kind::Counter, help, value.get());
    [
        total("gleitzeit_attempts_started", "Attempts that were offered to workers.", &counted.started),
        total("gleitzeit_tasks_completed", "Tasks that were completed.", &counted.completed),
        total("gleitzeit_tasks_failed", "Tasks that failed for good.", &counted.failed),
        total("gleitzeit_attempts_refused", "Offers that workers did not take.", &counted.refused),
        counters("gleitzeit_attempts_failed", "code", "Attempts that failed, by code.", &figures.failures),
        counters(
            "gleitzeit_attempts_lost",
            "reason",
            "Attempts that came to nothing through no fault of their task.",
            &figures.losses,
        ),
    ]
}

fn of_workflows(figures: &Figures) -> [Family; 2] {
    let counted = &figures.counted;
    let submitted = counted.workflows_submitted.get();
    let ended = Family::new("gleitzeit_workflows_ended", Kind::Counter, "Workflows that ended, by status.");
    let by_status = [
        ("completed", &counted.workflows_completed),
        ("failed", &counted.workflows_failed),
        ("cancelled", &counted.workflows_cancelled),
    ];
    let ended = by_status
        .into_iter()
        .fold(ended, |family, (status, counter)| family.with(&[("status", status)], counter.get()));
    let help = "Workflows that were submitted.";
    [Family::single("gleitzeit_workflows_submitted", Kind::Counter, help, submitted), ended]
}

fn of_latencies(figures: &Figures) -> [Family; 6] {
    let kind = Kind::Histogram;
    let waits = Family::new(
        "gleitzeit_task_queue_wait_seconds",
        kind,
        "From being ready to being offered to a worker, by priority.",
    );
    let waits = Priority::ALL.into_iter().fold(waits, |family, priority| {
        family.with(&[("priority", priority.name())], number(figures.queue_wait(priority), LONG))
    });
    let dispatch =
        "From the decision to offer an attempt until its worker's connection has it, the sync included.";
    let runs = "From the start of an attempt to its result, of completed tasks.";
    let accepts = "From an offer to its acceptance: the round trip.";
    [
        waits,
        Family::single("gleitzeit_dispatch_seconds", kind, dispatch, number(&figures.dispatch, QUICK)),
        Family::single("gleitzeit_log_sync_seconds", kind, "One fdatasync.", number(&figures.syncs, QUICK)),
        Family::single(
            "gleitzeit_log_batch_records",
            kind,
            "Records that share one sync.",
            number(&figures.batch_records, RECORDS),
        ),
        histograms("gleitzeit_task_run_seconds", ["task_type", "service"], runs, (&figures.runs, LONG)),
        histograms("gleitzeit_service_accept_seconds", ["service"], accepts, (&figures.accepts, LONG)),
    ]
}

fn of_requests(figures: &Figures) -> [Family; 2] {
    let help = "From a request to the head of its response, by method and route.";
    let name = "gleitzeit_http_request_seconds";
    [
        histograms(name, ["method", "route"], help, (&figures.requests, REQUEST)),
        counters("gleitzeit_http_responses", "class", "Responses by class of status.", &figures.responses),
    ]
}

fn of_traces(figures: &Figures) -> [Family; 2] {
    let (sent, help) = (figures.spans_sent.get(), "Spans that the collector has taken.");
    let dropped = "Spans that were given up, by reason.";
    [
        Family::single("gleitzeit_trace_spans_sent", Kind::Counter, help, sent),
        counters("gleitzeit_trace_spans_dropped", "reason", dropped, &figures.spans_dropped),
    ]
}

fn number(histogram: &Histogram, bounds: Bounds) -> Number {
    Number::Histogram { counts: histogram.counts(), bounds }
}

fn counters(
    name: &'static str,
    label: &'static str,
    help: &'static str,
    all: &Labelled<Counter, 1>,
) -> Family {
    let family = Family::new(name, Kind::Counter, help);
    all.all()
        .into_iter()
        .fold(family, |family, ([value], counter)| family.with(&[(label, &value)], counter.get()))
}

fn histograms<const LABELS: usize>(
    name: &'static str,
    labels: [&'static str; LABELS],
    help: &'static str,
    (all, bounds): (&Labelled<Histogram, LABELS>, Bounds),
) -> Family {
    let family = Family::new(name, Kind::Histogram, help);
    let with = |family: Family, (values, histogram): ([Arc<str>; LABELS], Arc<Histogram>)| {
        let pairs: Vec<(&'static str, &str)> =
            labels.into_iter().zip(values.iter().map(|value| &**value)).collect();
        family.with(&pairs, number(&histogram, bounds))
    };
    all.all().into_iter().fold(family, with)
}
