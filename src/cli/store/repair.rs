//! `gleitzeit store repair`: going on after damage to the log.

use clap::Args;

use super::Place;
use super::verify::described;
use crate::cli::Exit;
use crate::cli::output::{lines, print};
use crate::log::{self, AcceptLoss, RepairReport};
use crate::store;

/// Make a damaged log one that a server starts with, without the records that are lost.
///
/// Without --accept-loss nothing is changed: what would be lost is printed. With it every file that changes is kept
/// aside first, and the store is made anew from the log at the next start. The exit code is 0 when the log is whole
/// in the end.
#[derive(Debug, Args)]
pub(super) struct Repair {
    /// Go on without the records that are lost.
    #[arg(long)]
    accept_loss: bool,
    #[command(flatten)]
    place: Place,
}

impl Repair {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let (directory, _) = self.place.lock()?;
        let report = log::verify(&directory.log())?;
        if report.damage.is_empty() {
            print(&described(&report));
            eprintln!("the log is whole: there is nothing to repair");
            return Ok(Exit::Ok);
        }
        if !self.accept_loss {
            print(&described(&report));
            eprintln!("error: nothing was changed; to go on without what is lost add --accept-loss");
            return Ok(Exit::Error);
        }
        let repaired = log::repair(&directory.log(), AcceptLoss)?;
        // What it refers to may be among what is lost, and whatever it holds is in the log.
        store::discard(directory.path())?;
        print(&told(&repaired));
        let left = log::verify(&directory.log())?.damage;
        for damage in &left {
            eprintln!("error: {damage}");
        }
        Ok(if left.is_empty() { Exit::Ok } else { Exit::Error })
    }
}

fn told(repaired: &RepairReport) -> String {
    let lost = repaired.lost.iter().map(|lost| format!("lost: {lost}"));
    let written = repaired.written.iter().map(|file| format!("written: {file}"));
    let kept = repaired.kept.iter().map(|file| format!("the original is kept as {file}"));
    lines(lost.chain(written).chain(kept))
}
