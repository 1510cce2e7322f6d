//! `gleitzeit shutdown`: ends a server.

use clap::Args;

use super::Exit;
use super::remote::Remote;
use crate::client;

/// Ask the server to stop. What runs goes on when it is started again.
#[derive(Debug, Args)]
pub(super) struct Shutdown {
    /// Tell the connected services to end as well, for good; otherwise they wait and come back.
    #[arg(long)]
    services: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Shutdown {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let how = if self.services { client::Shutdown::WithServices } else { client::Shutdown::Restart };
        self.remote.run(async |client| {
            client.shutdown(how).await?;
            eprintln!("the server is stopping");
            Ok(Exit::Ok)
        })
    }
}
