//! Rows that refer to each other by number.

use std::collections::BTreeMap;

/// Values that many tasks share, each once.
pub(super) struct Table<T> {
    rows: BTreeMap<T, u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new() }
    }
}

impl<T: Ord> Table<T> {
    pub(super) fn row(&mut self, value: T) -> u32 {
        let next = u32::try_from(self.rows.len()).expect("there are at most as many rows as tasks");
        *self.rows.entry(value).or_insert(next)
    }

    pub(super) fn into_rows(self) -> Vec<T> {
        let mut rows: Vec<_> = self.rows.into_iter().collect();
        rows.sort_unstable_by_key(|(_, row)| *row);
        rows.into_iter().map(|(value, _)| value).collect()
    }
}
