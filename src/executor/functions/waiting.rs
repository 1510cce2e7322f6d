//! Functions that take time without taking a thread: for trying out timeouts, cancellation and progress.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::signature::{DefaultValue, Kind, Parameter};
use super::text::MAX_TEXT_BYTES;
use super::{Bound, CallContext, Example, Function, Run, WaitingOutcome, json};

/// An hour: longer waits belong into a schedule, not into a task that holds a slot.
const MAX_TIMER_SECONDS: f64 = 3_600.0;
/// With the longest delay and batches of one this is a day, far beyond any run timeout.
const MAX_BATCH_ITEMS: usize = 10_000;
const MAX_BATCH_SIZE: i64 = 10_000;
const MAX_BATCH_DELAY_SECONDS: f64 = 10.0;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "async_timer",
        summary: "Waits for `duration` seconds: {message, requested_duration, started_at}.",
        signature: &[
            Parameter::required("duration", Kind::Number { min: 0.0, max: MAX_TIMER_SECONDS }),
            Parameter::optional(
                "message",
                Kind::Text { max_bytes: MAX_TEXT_BYTES },
                DefaultValue::Text("Timer complete"),
            ),
        ],
        example: Example {
            args: r#"[0.01, "tea is ready"]"#,
            result: r#"{"message": "tea is ready", "requested_duration": 0.01,
                        "started_at": "2023-11-14T22:13:20.123Z"}"#,
        },
        run: Run::Waiting(async_timer),
    },
    Function {
        name: "async_batch_process",
        summary: "Goes through the items in batches, waits `delay` seconds for each batch, and counts the \
                  items by JSON type: {total_items, total_batches, batch_size, processing_delay, batches: \
                  [{batch_number, items_processed, item_types}], summary: {total_processed}}.",
        signature: &[
            Parameter::required("items", Kind::List { max_items: MAX_BATCH_ITEMS }),
            Parameter::optional(
                "batch_size",
                Kind::Integer { min: 1, max: MAX_BATCH_SIZE },
                DefaultValue::Integer(10),
            ),
            Parameter::optional(
                "delay",
                Kind::Number { min: 0.0, max: MAX_BATCH_DELAY_SECONDS },
                DefaultValue::Number(0.1),
            ),
        ],
        example: Example {
            args: r#"[[1, "two", 3], 2, 0]"#,
            result: r#"{"total_items": 3, "total_batches": 2, "batch_size": 2, "processing_delay": 0.0,
                        "batches": [
                          {"batch_number": 1, "items_processed": 2, "item_types": {"number": 1, "string": 1}},
                          {"batch_number": 2, "items_processed": 1, "item_types": {"number": 1}}],
                        "summary": {"total_processed": 3}}"#,
        },
        run: Run::Waiting(async_batch_process),
    },
];

fn async_timer(mut bound: Bound, context: CallContext) -> WaitingOutcome {
    let (duration, message) = (bound.number("duration"), bound.text("message"));
    let started_at = i64::try_from(context.now_ms)
        .ok()
        .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
        .map(|started| format!("{started:.3}"));
    Box::pin(async move {
        tokio::time::sleep(Duration::from_secs_f64(duration)).await;
        Ok(json!({ "message": message, "requested_duration": duration, "started_at": started_at }))
    })
}

fn async_batch_process(mut bound: Bound, _: CallContext) -> WaitingOutcome {
    let items = bound.list("items");
    let (batch_size, delay) = (bound.count("batch_size"), bound.number("delay"));
    Box::pin(async move {
        let mut batches = Vec::new();
        for batch in items.chunks(batch_size) {
            tokio::time::sleep(Duration::from_secs_f64(delay)).await;
            batches.push(json!({
                "batch_number": batches.len() + 1,
                "items_processed": batch.len(),
                "item_types": count_types(batch),
            }));
        }
        Ok(json!({
            "total_items": items.len(),
            "total_batches": batches.len(),
            "batch_size": batch_size,
            "processing_delay": delay,
            "batches": batches,
            "summary": { "total_processed": items.len() },
        }))
    })
}

fn count_types(items: &[Value]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(json::type_name(item)).or_default() += 1;
    }
    counts
}
