//! Judges one service, rule by rule.

mod answers;
mod post;
mod record;
mod report;
mod rules;
mod stage;
mod verdict;

pub(super) use report::Report;
pub(super) use rules::{Rule, named};
pub(super) use stage::Asked;

use std::time::Duration;

use report::Judged;
use rules::{ONCE, REGISTER, RULES};
use stage::Stage;
use verdict::{Missed, Outcome, Verdict};

/// What the service is told in the end is on its way after this time.
const FLUSH: Duration = Duration::from_millis(200);

/// Waits for a service, puts it through the rules, and tells it to stop. Without any named, all of them are looked at.
///
/// # Errors
/// When the address is taken.
pub(super) async fn judge(at: &str, asked: Asked, only: &[&'static Rule]) -> anyhow::Result<Report> {
    let mut stage = Stage::open(at, asked).await?;
    eprintln!("listening on {}; waiting for a service", stage.url());
    stage.first_connection().await;
    let mut judged: Vec<Judged> = Vec::new();
    for rule in RULES {
        let wanted = only.is_empty() || rule.id == REGISTER || only.iter().any(|only| only.id == rule.id);
        if !wanted {
            continue;
        }
        let is_in = judged.is_empty() || rule.id == ONCE || stage.is_there().await;
        let verdict = if is_in {
            (rule.check)(&mut stage).await.unwrap_or_else(|Missed(what)| Verdict::new(Outcome::Failed, what))
        } else {
            Verdict::new(Outcome::Failed, "the service is not registered")
        };
        eprintln!("{:<17} {}: {}", verdict.outcome.told(), rule.id, verdict.seen);
        judged.push(Judged::new(rule, verdict));
        if is_in {
            stage.settle().await;
        }
    }
    // Whoever was told before is gone, and does not hear it again.
    let _ = stage.shut_down("the test is over", false);
    tokio::time::sleep(FLUSH).await;
    Ok(Report::new(&stage, judged))
}
