//! Says that the disk is nearly full while there is time to do something.

use std::path::PathBuf;
use std::time::Duration;

use tracing::{info, warn};

use crate::engine::EngineHandle;
use crate::process::DiskSpace;

/// Disks fill over hours.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Looks for as long as the process runs.
pub(super) async fn watch(engine: EngineHandle, log: PathBuf) {
    loop {
        let folder = log.clone();
        // A disk that does not answer keeps one thread waiting that nobody else needs.
        if let Ok(Some(space)) = tokio::task::spawn_blocking(move || DiskSpace::of(&folder)).await {
            note(&engine, space);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn note(engine: &EngineHandle, space: DiskSpace) {
    engine.condition().change(|noted| {
        let was_low = noted.disk_low.is_some();
        let is_low = if was_low { !space.is_well() } else { space.is_low() };
        noted.disk_low = is_low.then_some(space.free);
        match (was_low, is_low) {
            (false, true) => warn!(free = space.free, total = space.total, "the disk is nearly full"),
            (true, false) => info!(free = space.free, "the disk has room again"),
            (false, false) | (true, true) => {}
        }
    });
}
