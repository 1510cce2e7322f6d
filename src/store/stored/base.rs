//! Times and positions are stored as distances, which are short.

use crate::core::ids::{Seq, Timestamp};

/// What the distances of one workflow are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// The creation of the workflow.
    pub time: Timestamp,
    /// The record that holds its specification.
    pub seq: Seq,
}

impl Base {
    pub const fn to_time(self, time: Timestamp) -> i64 {
        time.0.wrapping_sub(self.time.0).cast_signed()
    }

    pub const fn time(self, distance: i64) -> Timestamp {
        Timestamp(self.time.0.wrapping_add_signed(distance))
    }

    pub const fn to_seq(self, seq: Seq) -> i64 {
        seq.0.wrapping_sub(self.seq.0).cast_signed()
    }

    pub const fn seq(self, distance: i64) -> Seq {
        Seq(self.seq.0.wrapping_add_signed(distance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_lead_back_also_beyond_the_ends() {
        for (time, seq) in [(0, u64::MAX), (u64::MAX, 0), (1_700_000_000_000, 17)] {
            let base = Base { time: Timestamp(time), seq: Seq(seq) };
            for number in [0, 1, 1_700_000_000_001, u64::MAX] {
                assert_eq!(base.time(base.to_time(Timestamp(number))), Timestamp(number));
                assert_eq!(base.seq(base.to_seq(Seq(number))), Seq(number));
            }
        }
    }
}
