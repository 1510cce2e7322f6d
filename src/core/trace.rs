//! Trace contexts (W3C): to which trace a workflow belongs, and the ids of its spans. All of it follows from stored facts, so
//! a trace goes on under the same ids after a restart.

use super::ids::{AttemptNo, TaskId, WorkflowId};

/// One step of a trace. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanId(pub u64);

/// Whether whoever began the trace wants it recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    Recorded,
    Dropped,
}

/// The trace of one workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    pub trace: u128,
    /// The span of the submitter, where there is one.
    pub parent: Option<SpanId>,
    pub sampling: Sampling,
}

impl TraceContext {
    /// The submitter's trace, or one of the workflow's own, whose id is that of the workflow.
    pub fn of(workflow: WorkflowId, traceparent: Option<&str>) -> Self {
        traceparent.and_then(parse).unwrap_or(Self {
            trace: workflow.0.max(1),
            parent: None,
            sampling: Sampling::Recorded,
        })
    }

    /// What is passed on to those who work on behalf of a span.
    pub fn traceparent(&self, span: SpanId) -> String {
        let flags = match self.sampling {
            Sampling::Recorded => 1,
            Sampling::Dropped => 0,
        };
        format!("00-{:032x}-{:016x}-{flags:02x}", self.trace, span.0)
    }
}

/// Whether a text is a `traceparent`.
pub fn is_context(text: &str) -> bool {
    parse(text).is_some()
}

/// The context in a `traceparent`; nothing where it is none.
fn parse(text: &str) -> Option<TraceContext> {
    let mut parts = text.split('-');
    let version = hex(parts.next()?, 2)?;
    let trace = hex(parts.next()?, 32)?;
    let parent = u64::try_from(hex(parts.next()?, 16)?).ok()?;
    let flags = hex(parts.next()?, 2)?;
    // Later versions may have more to say behind the flags.
    let fits = version < 0xff && (version > 0 || parts.next().is_none());
    if !fits || trace == 0 || parent == 0 {
        return None;
    }
    let sampling = if flags & 1 == 1 { Sampling::Recorded } else { Sampling::Dropped };
    Some(TraceContext { trace, parent: Some(SpanId(parent)), sampling })
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let fits = text.len() == digits && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// The span of a whole workflow.
pub fn workflow_span(id: WorkflowId) -> SpanId {
    mixed(id, 0)
}

/// The span of one attempt.
pub fn attempt_span(task: TaskId, attempt: AttemptNo) -> SpanId {
    mixed(task.workflow, u64::from(task.index) << 32 | u64::from(attempt.0))
}

/// Spreads an id and a number over 64 bits (the finalizer of `SplitMix64`): tens of thousands of spans of one trace do not
/// collide, and nobody has to make up numbers.
fn mixed(id: WorkflowId, number: u64) -> SpanId {
    let [high, low] =
        [id.0 >> 64, id.0 & u128::from(u64::MAX)].map(|half| u64::try_from(half).expect("a half"));
    let spread = |value: u64| {
        let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    };
    let seed = spread(low ^ spread(high));
    SpanId(spread(seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))).max(1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_given_context_is_taken_and_anything_else_begins_a_trace() {
        let id = WorkflowId(7);
        let context = TraceContext::of(id, Some(GIVEN));
        assert_eq!(context.trace, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(context.traceparent(SpanId(0xb7ad_6b71_6920_3331)), GIVEN);
        let dropped = TraceContext::of(id, Some(&GIVEN.replace("-01", "-00")));
        assert_eq!(dropped.sampling, Sampling::Dropped);
        assert!(dropped.traceparent(SpanId(1)).ends_with("-00"));
        let later = format!("{}-more", GIVEN.replace("00-0", "01-0"));
        assert_eq!(TraceContext::of(id, Some(&later)).parent, context.parent);
        for bad in
            ["", "00-1-2-01", &GIVEN.to_uppercase(), &format!("{GIVEN}-more"), &GIVEN.replace("00-0", "ff-0")]
        {
            assert_eq!(TraceContext::of(id, Some(bad)).trace, 7, "{bad}");
        }
        let zero = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        assert_eq!(TraceContext::of(id, Some(zero)).parent, None);
    }

    #[test]
    fn spans_of_a_workflow_do_not_collide() {
        let id = WorkflowId::from_text("order-17");
        let tasks = (0..20_000).map(|index| attempt_span(TaskId::new(id, index), AttemptNo(1)).0);
        let retries = (1..1_000).map(|attempt| attempt_span(TaskId::new(id, 5), AttemptNo(attempt)).0);
        let all: BTreeSet<u64> = tasks.chain(retries).chain([workflow_span(id).0]).collect();
        assert_eq!(all.len(), 20_000 + 999 - 1 + 1);
    }
}
