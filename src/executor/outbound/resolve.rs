//! Names become addresses once, and only those that were checked reach the connector.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::closed;
use crate::config::Allowed;

/// A host that no request may go to. It travels through the connector as the cause of its failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} is {what}")]
pub(super) struct ClosedHost {
    pub host: HostAddress,
    pub what: &'static str,
}

/// A host as it was written, and the address that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostAddress {
    pub name: String,
    pub address: IpAddr,
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name == self.address.to_string() {
            return write!(f, "`{}`", self.name);
        }
        write!(f, "`{}` ({})", self.name, self.address)
    }
}

/// The connector asks this and nobody else, and connects to what it answers: there is no second look-up whose
/// answer could differ from the checked one.
#[derive(Debug, Clone)]
pub(super) struct CheckedResolver {
    pub allowed: Arc<Allowed>,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let open = open_ones(name.as_str(), &found, &allowed)?;
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a name that a request may go to. Refused are names none of whose addresses is open.
pub(super) fn open_ones(
    name: &str,
    found: &[SocketAddr],
    allowed: &Allowed,
) -> Result<Vec<SocketAddr>, ClosedHost> {
    if allowed.has_name(name) {
        return Ok(found.to_vec());
    }
    let verdicts = found.iter().map(|found| (found, closed(found.ip(), allowed)));
    let mut refused = None;
    let mut open = Vec::new();
    for (found, verdict) in verdicts {
        match verdict {
            None => open.push(*found),
            Some(what) => refused = refused.or(Some((found.ip(), what))),
        }
    }
    match (open.is_empty(), refused) {
        (true, Some((address, what))) => {
            Err(ClosedHost { host: HostAddress { name: name.to_owned(), address }, what })
        }
        (_, _) => Ok(open),
    }
}
