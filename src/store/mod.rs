//! Views in sled: what can be queried. Knows bytes, not rules.
