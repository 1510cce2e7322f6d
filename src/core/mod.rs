//! The rules of the engine. Pure: no I/O, no clock, no randomness, no imports from other modules.
