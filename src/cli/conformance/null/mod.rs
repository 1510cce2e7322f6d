//! How fast services are: tasks that do nothing, assigned as fast as they come back, with nothing behind them.

mod desk;
mod report;

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use tokio::time::timeout;

use super::listen::listen;
use desk::Desk;
use report::Report;

/// Services that complete nothing for this long never will.
const STALL: Duration = Duration::from_secs(30);
/// What the services are told in the end is on its way after this time.
const FLUSH: Duration = Duration::from_millis(200);

/// What is measured.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub tasks: u32,
    /// The most that one service holds at once.
    pub window: u32,
    /// The measurement begins when so many have registered.
    pub services: u32,
    pub task_type: String,
}

/// Waits for the services, keeps them busy until all tasks have ended, and tells them to stop.
///
/// # Errors
/// When the address is taken, or when nothing is completed any more.
pub(super) async fn measure(at: &str, load: Load) -> anyhow::Result<Report> {
    let services = load.services;
    let desk = Arc::new(Desk::new(load));
    let listening = listen(at, Arc::clone(&desk)).await?;
    eprintln!("listening on {}; waiting for {services} service(s)", listening.url);
    desk.begun().await;
    let mut ended = 0;
    while timeout(STALL, desk.ended()).await.is_err() {
        let now = desk.lock().ended();
        if now == ended {
            bail!("nothing was completed for {STALL:?}: {}", Report::of(&desk.lock()).told());
        }
        ended = now;
    }
    desk.say_farewell();
    tokio::time::sleep(FLUSH).await;
    let report = Report::of(&desk.lock());
    Ok(report)
}
