//! The append-only event log in segment files: the one truth of the engine.
