//! What happened of late: the difference between now and a mark that was set some minutes ago.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Counter, Counts, Figures, Histogram, Labelled};
use crate::core::ids::Timestamp;

/// A mark is set this often, and the one before it counts: figures are at least so old, and at most twice.
pub const RECENT_MS: u64 = 300_000;

/// Figures at one moment.
#[derive(Debug, Default)]
pub(super) struct Mark {
    pub at: Timestamp,
    queue_waits: Counts,
    dispatch: Counts,
    syncs: Counts,
    services: BTreeMap<Arc<str>, Service>,
}

#[derive(Debug, Default)]
struct Service {
    runs: Counts,
    accepts: Counts,
    failed: u64,
}

/// What happened since a mark.
#[derive(Debug)]
pub struct Recent {
    pub window_ms: u64,
    pub queue_waits: Counts,
    pub dispatch: Counts,
    pub syncs: Counts,
    pub services: BTreeMap<Arc<str>, ServiceRecent>,
}

/// The same of one service.
#[derive(Debug, Default)]
pub struct ServiceRecent {
    pub completed: u64,
    pub failed: u64,
    /// From the start of an attempt to its result.
    pub runs: Counts,
    /// From an offer to its acceptance.
    pub accepts: Counts,
}

impl Mark {
    pub fn of(figures: &Figures, now: Timestamp) -> Self {
        let mut services: BTreeMap<Arc<str>, Service> = BTreeMap::new();
        for ([_, service], runs) in figures.runs.all() {
            services.entry(service).or_default().runs.add(&runs.counts());
        }
        each(&figures.accepts, |service, accepts: &Histogram| {
            services.entry(service).or_default().accepts = accepts.counts();
        });
        each(&figures.service_failures, |service, failures: &Counter| {
            services.entry(service).or_default().failed = failures.get();
        });
        Self {
            at: now,
            queue_waits: figures.queue_wait_counts(),
            dispatch: figures.dispatch.counts(),
            syncs: figures.syncs.counts(),
            services,
        }
    }
}

fn each<T: Default>(all: &Labelled<T, 1>, mut then: impl FnMut(Arc<str>, &T)) {
    for ([service], figure) in all.all() {
        then(service, &figure);
    }
}

impl Recent {
    pub(super) fn between(from: &Mark, to: Mark) -> Self {
        let nothing = Service::default();
        let service = |(name, now): (Arc<str>, Service)| {
            let before = from.services.get(&name).unwrap_or(&nothing);
            let runs = now.runs.since(&before.runs);
            let recent = ServiceRecent {
                completed: runs.total(),
                failed: now.failed - before.failed,
                runs,
                accepts: now.accepts.since(&before.accepts),
            };
            (name, recent)
        };
        Self {
            window_ms: to.at.since(from.at),
            queue_waits: to.queue_waits.since(&from.queue_waits),
            dispatch: to.dispatch.since(&from.dispatch),
            syncs: to.syncs.since(&from.syncs),
            services: to.services.into_iter().map(service).collect(),
        }
    }
}
