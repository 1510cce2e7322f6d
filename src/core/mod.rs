//! The rules of the engine. Pure: no I/O, no clock, no randomness, no imports from other modules.

pub mod apply;
pub mod callback;
pub mod carried;
pub mod command;
pub mod decide;
pub mod effect;
pub mod errors;
pub mod event;
pub mod graph;
pub mod ids;
pub mod invariants;
pub mod json_text;
pub mod letters;
pub mod limits;
pub mod listing;
pub mod match_workers;
pub mod nearest;
pub mod payload;
pub mod presence;
pub mod recover;
pub mod rejection;
pub mod retry;
pub mod spec;
pub mod state;
pub mod template;
pub mod why;
