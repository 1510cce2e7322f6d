//! The command line, one file per verb.

#[cfg(feature = "demo")]
pub mod demo;
