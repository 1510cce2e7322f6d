//! `gleitzeit store verify`: whether everything that was acknowledged is there.

use clap::Args;
#[cfg(feature = "client")]
use serde_json::Value;

use super::{Place, Whole};
#[cfg(feature = "client")]
use crate::cli::output::text;
use crate::cli::output::{lines, pairs, print};
#[cfg(feature = "client")]
use crate::cli::remote::Remote;
use crate::cli::{Exit, telemetry};
use crate::core::invariants;
use crate::log::{self, VerifyReport};
use crate::store::{self, Scope, ViewsReport};

/// Read everything in a data directory and say what is wrong with it.
///
/// First the log, without changing anything. When that is whole it is replayed, the invariants of the result are
/// checked, and everything that the store refers to is read. `state` is a checksum of all of it: two directories with the
/// same one are in the same state. With --online a server that runs is asked to read its own data. The exit code is 0 when
/// all is well, and 1 otherwise.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Ask the server that runs (--url, --token).
    #[cfg(feature = "client")]
    #[arg(long)]
    online: bool,
    #[command(flatten)]
    place: Place,
    #[cfg(feature = "client")]
    #[command(flatten)]
    remote: Remote,
}

impl Verify {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        telemetry::start_at("info");
        #[cfg(feature = "client")]
        if self.online {
            return online(self.remote);
        }
        let (directory, config) = self.place.lock_or_ask_online()?;
        let report = log::verify(&directory.log())?;
        print(&described(&report));
        if !report.damage.is_empty() {
            eprintln!("error: the log is damaged; `gleitzeit store repair` says what can be done");
            return Ok(Exit::Error);
        }
        let whole = Whole::open(&directory, &config)?;
        let views = whole.store.verify(whole.state.released, Scope::AtRest);
        let invariants = invariants::check(&whole.state);
        print(&views_described(&views, &whole));
        if views.is_whole() {
            print(&pairs(&[("state", store::digest(&whole.state, &whole.store)?)]));
        }
        whole.store.close()?;
        if let Err(broken) = &invariants {
            eprintln!("error: the state that the log describes breaks an invariant: {broken}");
        }
        if !views.is_whole() {
            eprintln!(
                "error: the store of ended workflows is not whole; remove the directory {}, and the next start \
                 makes it anew from the log",
                directory.path().join("store").display()
            );
        }
        Ok(if views.is_whole() && invariants.is_ok() { Exit::Ok } else { Exit::Error })
    }
}

#[cfg(feature = "client")]
fn online(remote: Remote) -> anyhow::Result<Exit> {
    remote.run(async |client| {
        let report = client.verify_store().await?;
        let said = |name: &str| text(&report, name);
        print(&pairs(&[
            ("log", format!("{} segments, {} bytes", said("segments"), said("log_bytes"))),
            ("records", said("records")),
            ("first seq", said("first_seq")),
            ("last seq", said("seq")),
            ("workflows", format!("{} archived", said("archived_workflows"))),
            ("tasks", format!("{} archived", said("archived_tasks"))),
            ("payloads", format!("{} read", said("payloads"))),
        ]));
        let problems = report.get("problems").and_then(Value::as_array).into_iter().flatten();
        print(&lines(problems.filter_map(Value::as_str).map(|problem| format!("PROBLEM: {problem}"))));
        Ok(if report.get("whole") == Some(&Value::Bool(true)) { Exit::Ok } else { Exit::Error })
    })
}

pub(super) fn described(report: &VerifyReport) -> String {
    let seq = |seq: Option<crate::core::ids::Seq>| seq.map_or_else(String::new, |seq| seq.0.to_string());
    let torn = match (report.torn_bytes, report.damage.is_empty()) {
        (0, _) => String::new(),
        // Damage cut the chain: what comes after it may have been acknowledged, and nothing is cleared by itself.
        (bytes, false) => {
            format!("{bytes} bytes that cannot be read; acknowledged records may be among them")
        }
        (bytes, true) => {
            format!("{bytes} bytes of a batch that was never acknowledged; the next start clears them")
        }
    };
    let shortened = report.shortened_from.map(|from| format!("the last file should have {from} bytes"));
    let summary = pairs(&[
        ("log", format!("{} segments, {} bytes", report.segments, report.file_bytes)),
        ("records", format!("{} in {} batches", report.records, report.batches)),
        ("first seq", seq(report.first_seq)),
        ("next seq", seq(report.next_seq)),
        ("sealed", report.sealed.to_string()),
        ("torn", torn),
        ("shortened", shortened.unwrap_or_default()),
    ]);
    let given_up = report.given_up.iter().map(|lost| format!("given up earlier: {lost}"));
    let damage = report.damage.iter().map(|damage| format!("DAMAGE: {damage}"));
    summary + &lines(given_up.chain(damage))
}

fn views_described(views: &ViewsReport, whole: &Whole) -> String {
    let running = whole.state.workflows.len();
    let summary = pairs(&[
        ("workflows", format!("{running} in memory, {} archived", views.workflows)),
        ("tasks", format!("{} archived", views.tasks)),
        ("payloads", format!("{} read", views.payloads)),
    ]);
    let more = (views.more > 0).then(|| format!("and {} problems more", views.more));
    summary + &lines(views.problems.iter().map(|problem| format!("PROBLEM: {problem}")).chain(more))
}
