//! The single writer: turns commands into durable events, then acts on the world.
