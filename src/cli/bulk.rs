//! A verb on everything that a filter finds. The server acts; what is done here is to ask it until it has been
//! everywhere.

use serde_json::{Map, Value};

use super::Exit;
use super::output::{Output, table};
use crate::client::{Bulk, BulkDone, BulkItem, ClientError};

/// What one request may ask for.
const STEP_MAX: u32 = 1_000;

/// How far a verb goes.
#[derive(Debug, clap::Args)]
pub(super) struct Reach {
    /// How many workflows at most.
    #[arg(long, default_value_t = 1_000)]
    limit: u32,
    /// Only say which workflows it would be.
    #[arg(long)]
    dry_run: bool,
}

impl Reach {
    /// Asks again and again, each time from where the last answer stopped, and prints all that was done. The exit code is
    /// 1 where something was refused, which stops none of the others.
    pub(super) async fn act(
        &self,
        filter: Map<String, Value>,
        output: &Output,
        request: impl AsyncFn(&Bulk) -> Result<BulkDone, ClientError>,
    ) -> anyhow::Result<Exit> {
        let Self { limit, dry_run } = *self;
        let mut bulk = Bulk { filter, limit: None, dry_run, cursor: None };
        let mut whole = BulkDone { dry_run, done: Vec::new(), refused: Vec::new(), next_cursor: None };
        let mut left = limit;
        while left > 0 {
            bulk.limit = Some(left.min(STEP_MAX));
            let part = request(&bulk).await?;
            let acted = part.done.len() + part.refused.len();
            left = left.saturating_sub(u32::try_from(acted).unwrap_or(left));
            whole.done.extend(part.done);
            whole.refused.extend(part.refused);
            whole.next_cursor.clone_from(&part.next_cursor);
            bulk.cursor = part.next_cursor;
            if bulk.cursor.is_none() {
                break;
            }
        }
        print(&whole, output)
    }
}

fn print(whole: &BulkDone, output: &Output) -> anyhow::Result<Exit> {
    let names = whole.done.iter().map(|item| item.id.clone());
    output.print(whole, Some(&whole.done), names, || {
        let row = |item: &BulkItem| vec![item.id.clone(), item.name.clone(), item.status.clone()];
        table(&["ID", "NAME", "STATUS"], whole.done.iter().map(row))
    })?;
    for refused in &whole.refused {
        eprintln!("{} ({}): {}", refused.id, refused.name, refused.error.detail);
    }
    if whole.dry_run {
        eprintln!("nothing was changed");
    }
    if whole.next_cursor.is_some() {
        eprintln!("there may be more: raise --limit, or give the command again");
    }
    Ok(if whole.refused.is_empty() { Exit::Ok } else { Exit::Error })
}
