//! What the REST interface can do with the files of a server that runs.

use std::sync::Arc;

use crate::core::rejection::Rejection;
use crate::engine::{self, Checked, EngineHandle};
use crate::http::Upkeep;
use crate::log::Snapshots;
use crate::protocol::rest::StoreReport;
use crate::store::backup::BackupSource;
use crate::store::{DataDir, Store};

pub(super) fn upkeep(engine: EngineHandle, store: Arc<Store>, log: Snapshots, directory: &DataDir) -> Upkeep {
    let source = BackupSource::new(directory, log.clone());
    let backup = move |out: &mut dyn std::io::Write| {
        source.write(out).map(drop).map_err(|error| Rejection::new(error.code(), error.to_string()))
    };
    let verify = move || engine::verify(&engine, &store, &log).map(told);
    Upkeep::new(Box::new(backup), Box::new(verify))
}

fn told(checked: Checked) -> StoreReport {
    let damage = checked.damage.iter().map(ToString::to_string);
    let problems: Vec<String> = damage.chain(checked.views.problems).collect();
    StoreReport {
        whole: problems.is_empty(),
        first_seq: checked.first_seq,
        seq: checked.seq,
        segments: checked.segments,
        log_bytes: checked.log_bytes,
        records: checked.records,
        archived_workflows: checked.views.workflows,
        archived_tasks: checked.views.tasks,
        payloads: checked.views.payloads,
        problems,
        more_problems: checked.views.more,
    }
}
