//! A vector in shared chunks: a reader's copy costs one pointer, and a write after it copies one chunk.

use std::sync::Arc;

/// 64 tasks of about 150 bytes: a copied chunk stays within 10 KiB.
const CHUNK: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunks<T> {
    len: usize,
    spine: Arc<Vec<Arc<Vec<T>>>>,
}

impl<T: Clone> Chunks<T> {
    pub const fn len(&self) -> usize {
        self.len
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn get(&self, index: usize) -> Option<&T> {
        self.spine.get(index / CHUNK)?.get(index % CHUNK)
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        let chunk = Arc::make_mut(&mut self.spine).get_mut(index / CHUNK)?;
        Arc::make_mut(chunk).get_mut(index % CHUNK)
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> + Clone {
        self.spine.iter().flat_map(|chunk| chunk.iter())
    }
}

impl<T> FromIterator<T> for Chunks<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut items = items.into_iter();
        let mut spine = Vec::new();
        let mut len = 0;
        loop {
            let chunk: Vec<T> = items.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return Self { len, spine: Arc::new(spine) };
            }
            len += chunk.len();
            spine.push(Arc::new(chunk));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_keeps_what_it_saw() {
        let mut numbers: Chunks<u32> = (0..1_000).collect();
        let seen = numbers.clone();
        *numbers.get_mut(500).expect("inside") = 7;
        assert_eq!((seen.get(500), numbers.get(500)), (Some(&500), Some(&7)));
        assert_eq!((numbers.get(1_000), numbers.len(), seen.iter().count()), (None, 1_000, 1_000));
    }
}
