//! Pages hold exactly what was put, in order, however it came.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use proptest::prelude::*;

use crate::core::ids::{Timestamp, WorkflowId};
use crate::core::listing::Place;
use crate::store::check::FIRST_PLACE;
use crate::store::kv::{Direction, Kv, MemoryKv, VALUE_BYTES_MAX, WriteBatch};
use crate::store::pages::{change, find, scan, scan_back};

type Model = BTreeMap<Place, Vec<u8>>;

/// A group of changes: time and id of each place, and the length of the new head, if there is one.
fn groups() -> impl Strategy<Value = Vec<Vec<(u64, u128, Option<usize>)>>> {
    let length = prop_oneof![8 => (1_usize..200).prop_map(Some), 1 => (1_000_usize..3_000).prop_map(Some), 3 => Just(None)];
    prop::collection::vec(prop::collection::vec((0_u64..300, 0_u128..3, length), 1..40), 1..30)
}

fn check(kv: &MemoryKv, model: &Model) {
    let mut found = Model::new();
    scan(kv, FIRST_PLACE, &mut |heads| {
        found.extend(heads.iter().map(|(place, head)| (*place, head.to_vec())));
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    assert_eq!(&found, model);
    let mut back = Vec::new();
    let before = (Timestamp(150), WorkflowId(1));
    scan_back(kv, Some(before), &mut |place, _| {
        back.push(place);
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    assert!(back.iter().eq(model.range(..before).rev().map(|(place, _)| place)));
    for time in 0..300 {
        let place = (Timestamp(time), WorkflowId(1));
        assert_eq!(find(kv, place).unwrap().as_ref(), model.get(&place));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_are_a_sorted_map(groups in groups()) {
        let kv = MemoryKv::new();
        let mut model = Model::new();
        for group in groups {
            let changes: BTreeMap<Place, Option<Vec<u8>>> = group
                .into_iter()
                .map(|(time, id, length)| {
                    let head = length.map(|length| vec![u8::try_from(time % 251).unwrap(); length]);
                    ((Timestamp(time), WorkflowId(id)), head)
                })
                .collect();
            let mut batch = WriteBatch::default();
            let before = change(&kv, changes.clone(), &mut batch).unwrap();
            let expected: Model = changes
                .keys()
                .filter_map(|place| Some((*place, model.get(place)?.clone())))
                .collect();
            prop_assert_eq!(before, expected);
            kv.apply(batch).unwrap();
            for (place, head) in changes {
                match head {
                    Some(head) => model.insert(place, head),
                    None => model.remove(&place),
                };
            }
        }
        check(&kv, &model);
    }
}

#[test]
fn workflows_in_order_fill_their_pages() {
    let kv = MemoryKv::new();
    for time in 0..1_000 {
        let mut batch = WriteBatch::default();
        let place = (Timestamp(time), WorkflowId(0));
        change(&kv, BTreeMap::from([(place, Some(vec![7; 120]))]), &mut batch).unwrap();
        kv.apply(batch).unwrap();
    }
    let (mut pages, mut largest) = (0, 0);
    kv.range(b"w", b"x", Direction::Ascending, &mut |_, value| {
        pages += 1;
        largest = largest.max(value.len());
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(pages < 150 && largest < VALUE_BYTES_MAX, "{pages} pages, the largest of {largest} bytes");
}
