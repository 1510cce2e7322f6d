//! `gleitzeit auth`: who may use a server, and with which key this machine does.

#[cfg(feature = "server")]
mod init;
#[cfg(feature = "client")]
mod key;
#[cfg(feature = "client")]
mod lifetime;
#[cfg(feature = "client")]
mod login;
#[cfg(feature = "client")]
mod status;
#[cfg(feature = "client")]
mod user;

use clap::{Args, Subcommand};

use super::Exit;

/// Make users and keys, and keep a key for this machine.
///
/// A server without keys and token serves its own machine alone. `gleitzeit auth init` makes the first key; with that, users
/// and their keys are made.
#[derive(Debug, Args)]
pub(super) struct Auth {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[cfg(feature = "server")]
    Init(init::Init),
    #[cfg(feature = "client")]
    User(user::User),
    #[cfg(feature = "client")]
    Key(key::Key),
    #[cfg(feature = "client")]
    Login(login::Login),
    #[cfg(feature = "client")]
    Logout(login::Logout),
    #[cfg(feature = "client")]
    Status(status::Status),
}

impl Auth {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        match self.verb {
            #[cfg(feature = "server")]
            Verb::Init(init) => init.run(),
            #[cfg(feature = "client")]
            Verb::User(user) => user.run(),
            #[cfg(feature = "client")]
            Verb::Key(key) => key.run(),
            #[cfg(feature = "client")]
            Verb::Login(login) => login.run(),
            #[cfg(feature = "client")]
            Verb::Logout(logout) => logout.run(),
            #[cfg(feature = "client")]
            Verb::Status(status) => status.run(),
        }
    }
}
