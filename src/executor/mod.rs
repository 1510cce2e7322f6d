//! The built-in worker: tasks that run inside the binary.

pub mod functions;
