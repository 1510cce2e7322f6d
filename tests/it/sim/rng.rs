//! The one source of chance: everything in a simulation follows from its seed (splitmix64).

#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of `from..=to`.
    pub const fn range(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from + 1)
    }

    /// An index of a list with `len` items.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.next() % len as u64).expect("below the length of a list")
    }

    /// True in so many of a thousand cases.
    pub const fn chance(&mut self, permille: u64) -> bool {
        self.next() % 1_000 < permille
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }
}
