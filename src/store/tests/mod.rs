//! Tests of the store over a simulated log, in memory and in sled.

mod archiving;
mod checkpoints;
mod keeping;
mod on_disk;
mod pages;
mod world;
