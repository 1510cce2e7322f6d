//! `gleitzeit conformance` as a process of its own, against real services.

mod flaws;
pub mod kit;
mod null;
mod proxy;
mod rules;
mod service;
