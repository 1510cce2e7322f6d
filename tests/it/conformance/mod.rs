//! `gleitzeit conformance` as a process of its own, against real services.

mod kit;
mod null;
