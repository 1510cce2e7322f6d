//! Text and vision tasks through the real binary, against scripted servers of language models.

mod answers;
mod documents;
mod failover;
mod house;
mod peer;
mod pool;
mod watching;
