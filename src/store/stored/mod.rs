//! Workflows as they are stored: plain types of the store's own, and the way there and back.

mod base;
mod draft;
#[cfg(test)]
mod golden;
mod head;
mod live;
mod task;
mod trouble;
mod usage;

pub use draft::Draft;
pub use head::{Head, Tasks, pack};
pub use live::{Picture, frame, items, take_items};
