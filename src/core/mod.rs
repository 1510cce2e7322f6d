//! The rules of the engine. Pure: no I/O, no clock, no randomness, no imports from other modules.

pub mod errors;
pub mod graph;
pub mod ids;
pub mod json_text;
pub mod limits;
pub mod nearest;
pub mod payload;
pub mod rejection;
pub mod spec;
pub mod template;
