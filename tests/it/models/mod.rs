//! Text and vision tasks through the real binary, against scripted servers of language models.

mod answers;
mod documents;
mod doubts;
mod failover;
mod gate;
mod house;
mod pauses;
mod peer;
mod pool;
mod watching;
