//! The integration tests, one binary.

mod tidy;

#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod access;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod backup;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod cli;
#[cfg(feature = "client")]
mod client_node;
#[cfg(feature = "client")]
mod client_rest;
#[cfg(feature = "client")]
mod client_wire;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod clocks;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod conformance;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod corpus;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod crash;
#[cfg(feature = "demo")]
mod demo;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod docs;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod doctor;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod documented;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod examples;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod file_task;
#[cfg(test)]
#[cfg(feature = "server")]
mod filling;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod full_disk;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod golden;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod harness;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod http_task;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod imports;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod memory;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod models;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod origins;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod provoked;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod reload;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod rest;
#[cfg(test)]
#[cfg(feature = "server")]
mod retention;
#[cfg(test)]
#[cfg(feature = "client")]
mod scripted_server;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod scrub;
#[cfg(test)]
#[cfg(feature = "server")]
mod sim;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod socket;
#[cfg(test)]
#[cfg(feature = "server")]
mod stories;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod strangers;
#[cfg(test)]
#[cfg(all(feature = "client", feature = "server"))]
mod webhooks;
