//! `gleitzeit auth status`: who this machine is to a server.

use clap::Args;

use crate::cli::Exit;
use crate::cli::output::{Output, pairs, text};
use crate::cli::remote::Remote;
use crate::client::Whoami;

/// Show whose key is used, and what it may do.
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Status {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let output = self.output;
        self.remote.run(async |client| {
            let who = client.whoami().await?;
            output.one(&who, &who.user, || told(&who))?;
            Ok(Exit::Ok)
        })
    }
}

fn told(who: &Whoami) -> String {
    let none = serde_json::Map::new();
    let key = who.key.as_ref().unwrap_or(&none);
    let asks = if who.guarded {
        "asks everybody for a key"
    } else {
        "asks nobody for a key, and serves this machine alone"
    };
    pairs(&[
        ("user", who.user.clone()),
        ("role", who.role.clone()),
        ("key", text(key, "id")),
        ("name", text(key, "name")),
        ("expires", text(key, "expires_at")),
        ("server", asks.to_owned()),
    ])
}
