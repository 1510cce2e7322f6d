//! The REST shell.
