//! The steps that bring a data directory to the format of this program, one file each.

#[path = "../../migrations/0001_initial.rs"]
mod initial;

use std::io;
use std::path::Path;

/// One step. It may have been cut in the middle before, so it must be safe to repeat.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The format that the directory has after it.
    pub format: u32,
    pub name: &'static str,
    pub run: fn(&Path) -> io::Result<()>,
}

/// All steps, in order: the last one leads to the format that this program reads and writes. A directory that is
/// new takes them all.
pub const STEPS: &[Step] = &[Step { format: 1, name: "initial", run: initial::run }];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_one_format_further() {
        assert!(STEPS.iter().zip(1..).all(|(step, format)| step.format == format));
    }
}
