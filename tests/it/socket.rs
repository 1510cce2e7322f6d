//! The Socket.IO shell with the real engine behind it, in this process, through the Rust wire client.

mod deadlines;
pub mod house;
mod reports;
mod requests;
mod telling;
