//! Configuration: raw (file, environment, flags) to resolved.
