//! `gleitzeit demo`: a real workflow over real services, on one machine, with nothing else installed.

pub mod api;
pub mod database;
pub mod dataset;
pub mod fault;
pub mod ml;
pub mod model;
pub mod receiver;
pub mod services;
#[cfg(test)]
mod tests;

use fault::Fault;

/// Hears how far a task is, in percent and in words; its error ends the task.
pub type Report<'a> = &'a mut dyn FnMut(u8, &str) -> Result<(), Fault>;
