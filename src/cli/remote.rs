//! How the verbs reach a server, and how they say that something went wrong there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::Exit;
use super::exit::{catalogued, catalogued_with};
use crate::client::{Client, ClientError, Problem, Tls, WorkflowStatus};
use crate::core::errors;
use crate::settings::Access;

/// For ever, as far as a person is concerned; the sum of this and now is still a time.
pub const NO_LIMIT: Duration = Duration::from_hours(100 * 365 * 24);

#[derive(Debug, Args)]
pub struct Remote {
    /// Address of the server [default: <http://127.0.0.1:8000>].
    #[arg(long, env = "GLEITZEIT_URL", global = true)]
    url: Option<String>,
    /// Token of the server.
    #[arg(long, env = "GLEITZEIT_TOKEN", hide_env_values = true, global = true)]
    token: Option<String>,
    /// Certificate of the server, or those of authorities that may vouch for it, in PEM, in the place of the authorities that the
    /// system trusts.
    #[arg(long, env = "GLEITZEIT_CA", value_name = "FILE", global = true)]
    ca: Option<PathBuf>,
}

impl Remote {
    /// Whether a flag or the environment names a server.
    #[cfg(feature = "server")]
    pub fn is_named(&self) -> bool {
        self.url.is_some()
    }

    /// The token of a flag or of the environment.
    #[cfg(feature = "server")]
    pub fn token(&self) -> Option<&String> {
        self.token.as_ref()
    }

    /// The address of the server, as people write it.
    pub fn address(&self) -> anyhow::Result<String> {
        Ok(Access::settle(self.url.clone(), self.token.clone(), self.ca.clone())?.url)
    }

    /// Runs `call` with a client of the server, until it ends or somebody interrupts it.
    pub fn run(self, call: impl AsyncFnOnce(Client) -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
        let access = Access::settle(self.url, self.token, self.ca)?;
        let mut builder = Client::builder(&access.url).tls(trust(access.ca.as_deref())?);
        if let Some(token) = access.token {
            builder = builder.token(token);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = builder.build()?;
            tokio::select! {
                exit = call(client) => exit,
                interrupted = tokio::signal::ctrl_c() => Ok(interrupted.map(|()| Exit::Interrupted)?),
            }
        })
    }
}

/// Whom to believe that a server is the one that was asked for.
pub fn trust(ca: Option<&Path>) -> anyhow::Result<Tls> {
    let Some(path) = ca else { return Ok(Tls::default()) };
    let shown = path.display();
    let pem =
        std::fs::read(path).with_context(|| format!("{shown}, the certificates to trust, cannot be read"))?;
    Tls::only(&pem).with_context(|| format!("{shown}, the certificates to trust"))
}

/// How the program ends after a workflow.
pub fn exit_of(status: &WorkflowStatus) -> Exit {
    match status {
        WorkflowStatus::Failed => Exit::WorkflowFailed,
        WorkflowStatus::Cancelled => Exit::WorkflowCancelled,
        WorkflowStatus::Pending
        | WorkflowStatus::Running
        | WorkflowStatus::Paused
        | WorkflowStatus::Completed
        | WorkflowStatus::Other(_) => Exit::Ok,
    }
}

/// How the program ends after a call that failed.
pub fn exit_after(error: &ClientError) -> Exit {
    match error {
        ClientError::Unreachable { .. } | ClientError::Untrusted { .. } => Exit::Unreachable,
        ClientError::WaitTimeout { .. } => Exit::WaitTimedOut,
        ClientError::Problem(problem) => match problem.status {
            401 | 403 => Exit::Denied,
            404 => Exit::NotFound,
            409 => Exit::Conflict,
            _ => Exit::Error,
        },
        ClientError::Config(_)
        | ClientError::Unexpected { .. }
        | ClientError::Decode { .. }
        | ClientError::Encode(_) => Exit::Error,
    }
}

/// What happened, why, and what to do.
pub fn told(error: &ClientError) -> String {
    match error {
        ClientError::Problem(problem) => problem_told(problem),
        ClientError::Unreachable { url, reason } => {
            catalogued(errors::SERVER_UNREACHABLE, &format!("{url}: {reason}"))
        }
        ClientError::Untrusted { url, reason, fix } => {
            let fix = fix.unwrap_or(errors::SERVER_UNTRUSTED.entry().fix);
            catalogued_with(errors::SERVER_UNTRUSTED, &format!("{url}: {reason}"), fix)
        }
        ClientError::WaitTimeout { .. }
        | ClientError::Config(_)
        | ClientError::Unexpected { .. }
        | ClientError::Decode { .. }
        | ClientError::Encode(_) => format!("error: {error}"),
    }
}

fn problem_told(problem: &Problem) -> String {
    let Problem { code, title, detail, status, fix, .. } = problem;
    let what = if code.is_empty() {
        format!("error: the server answered with {status}: {title}")
    } else {
        format!("error[{code}]: {title}")
    };
    let cause = Some(format!("\n  cause: {detail}")).filter(|_| !detail.is_empty());
    let fix = Some(format!("\n  fix: {fix}")).filter(|_| !problem.fix.is_empty());
    [Some(what), cause, fix].into_iter().flatten().collect()
}

/// Whether the server knows nothing of this name.
pub fn is_unknown(error: &ClientError) -> bool {
    exit_after(error) == Exit::NotFound
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_says_what_why_and_what_to_do() {
        let problem: Problem = serde_json::from_value(json!({
            "title": "Tasks depend on each other in a circle", "status": 422, "detail": "a -> b -> a",
            "code": "GZ3003", "fix": "Remove one of the dependencies.",
        }))
        .unwrap();
        let error = ClientError::Problem(Box::new(problem));
        let text = "error[GZ3003]: Tasks depend on each other in a circle\n  cause: a -> b -> a\n  \
                    fix: Remove one of the dependencies.";
        assert_eq!((told(&error).as_str(), exit_after(&error)), (text, Exit::Error));
    }
}
