//! The bytes of everything that is stored, pinned: a change that alters them breaks stores that exist.

use std::sync::Arc;

use expect_test::{Expect, expect};

use super::head::{Head, Tasks};
use super::live::{Item, StoredPhase, StoredService};
use super::task::{StoredResult, StoredStatus, StoredTask, StoredTasks};
use super::trouble::{LastFailure, StoredEdit, StoredFailure, StoredNote, StoredTrouble};
use super::usage::StoredUsage;
use crate::core::access::{Key, KeyDigest, Role, Scope, User};
use crate::core::event::DeliveryOutcome;
use crate::core::ids::{Seq, Timestamp, WorkflowId};
use crate::core::subscription::{
    AfterTry, DeliveryNote, DisabledFor, EndFilter, EndKind, Missed, SealedSecret, Subscription,
    SubscriptionStatus, Terms, Told,
};
use crate::store::checkpoint::Current;
use crate::store::kv::{Kv, MemoryKv, WriteBatch};
use crate::store::views::UsedKey;
use crate::store::{bytes, keys, pages};

#[expect(clippy::needless_pass_by_value, reason = "expectations are made in place")]
fn check(value: &impl serde::Serialize, expected: Expect) {
    let lines: Vec<String> = bytes::encode(value).chunks(32).map(hex).collect();
    expected.assert_eq(&lines.join("\n"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn task(status: StoredStatus) -> StoredTask {
    StoredTask {
        status,
        attempt: 1,
        failures: 0,
        lost: 2,
        late: 3,
        started_at: Some(4),
        ended_at: Some(300),
        ended_seq: Some(5),
        trouble: None,
    }
}

fn failure() -> StoredFailure {
    StoredFailure {
        code: 2001,
        message: "it broke".into(),
        service_code: Some("E7".into()),
        details: Some("{}".into()),
    }
}

#[test]
fn heads() {
    let head = Head {
        label: Some("order-17"),
        name: "a workflow",
        status: 4,
        body: [0xB0; 16],
        key: Some([0xC0; 16]),
        spec_seq: 70_000,
        ended_seq: Some(12),
        lowest_seq: -3,
        created_at: 0,
        timed_from: 1,
        started_at: Some(2),
        ended_at: Some(70_000),
        second_round: true,
        tally: [1, 2, 3, 400],
        own_ids: 5,
        labels: &[7; 8],
        tasks: Tasks::Chunked { chunks: 2, bytes: 5_000, crc: 0xDEAD_BEEF },
    };
    check(
        &head,
        expect![["
            01086f726465722d31370a6120776f726b666c6f7704b0b0b0b0b0b0b0b0b0b0
            b0b0b0b0b0b001c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0fc7011010001180500
            02010401fce022020001010203fb9001050807070707070707070102fb8813fc
            efbeadde"]],
    );
    let head = Head { label: None, key: None, ended_seq: None, tasks: Tasks::Inline(b"tasks"), ..head };
    check(
        &head,
        expect![["
            000a6120776f726b666c6f7704b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b000fc70
            11010000050002010401fce022020001010203fb900105080707070707070707
            00057461736b73"]],
    );
}

#[test]
fn statuses() {
    let inline = StoredResult::Inline("17".into());
    let logged = StoredResult::Logged { seq: 9, part: 1, len: 4_000 };
    let usage = StoredUsage {
        model: Some("m".into()),
        endpoint: Some("e".into()),
        prompt_tokens: Some(6),
        completion_tokens: None,
    };
    let all = [
        StoredStatus::Pending { waiting_on: 2 },
        StoredStatus::Queued { since: 7 },
        StoredStatus::Assigned { worker: 0, since: 7 },
        StoredStatus::Processing { worker: 0, since: -7 },
        StoredStatus::Retrying { due: 90_000 },
        StoredStatus::Completed { result: inline, worker: 0, usage: None },
        StoredStatus::Completed { result: logged, worker: 0, usage: Some(usage) },
        StoredStatus::Completed { result: StoredResult::InEvent, worker: 0, usage: None },
        StoredStatus::Failed { failure: failure() },
        StoredStatus::Cancelled { code: 3_004 },
        StoredStatus::Skipped { cause: 1 },
        StoredStatus::CompletedByHand { result: StoredResult::Inline("17".into()) },
        StoredStatus::SkippedByHand { with: None },
        StoredStatus::SkippedByHand { with: Some(StoredResult::Inline("17".into())) },
    ];
    let lines = all.map(|status| hex(&bytes::encode(&task(status))));
    expect![["
        000201000203010801fb5802010a00
        010e01000203010801fb5802010a00
        02000e01000203010801fb5802010a00
        03000d01000203010801fb5802010a00
        04fc20bf020001000203010801fb5802010a00
        0500023137000001000203010801fb5802010a00
        05011201fba00f000101016d01016501060001000203010801fb5802010a00
        0502000001000203010801fb5802010a00
        06fbd1070869742062726f6b650102453701027b7d01000203010801fb5802010a00
        07fbbc0b01000203010801fb5802010a00
        080101000203010801fb5802010a00
        090002313701000203010801fb5802010a00
        0a0001000203010801fb5802010a00
        0a010002313701000203010801fb5802010a00"]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn tasks_with_trouble() {
    let note = StoredNote { attempt: 1, worker: Some(0), ended_at: 8, code: 9_512, message: "gone".into() };
    let trouble = |last_failure| StoredTrouble {
        history: vec![note.clone(), StoredNote { worker: None, ..note.clone() }],
        lingering: 1,
        last_failure,
        edited: Some(StoredEdit { parameters: StoredResult::Inline("{}".into()), references: vec![3] }),
    };
    let tasks = [None, Some(LastFailure::OfStatus), Some(LastFailure::Own(failure()))].map(|last_failure| {
        StoredTask {
            trouble: Some(trouble(last_failure)),
            started_at: None,
            ended_at: None,
            ended_seq: None,
            ..task(StoredStatus::Queued { since: 0 })
        }
    });
    let stored = StoredTasks { workers: vec!["w1".into(), "w2".into()], tasks: tasks.to_vec() };
    check(
        &stored,
        expect![["
        0202773102773203010001000203000000010201010010fb282504676f6e6501
        0010fb282504676f6e6501000100027b7d010301000100020300000001020101
        0010fb282504676f6e65010010fb282504676f6e650101000100027b7d010301
        0001000203000000010201010010fb282504676f6e65010010fb282504676f6e
        65010101fbd1070869742062726f6b650102453701027b7d0100027b7d0103"]],
    );
}

#[test]
fn checkpoints() {
    let service = StoredService {
        completed: 1,
        failed: 2,
        run_ms: 3_000,
        consecutive_failures: 4,
        open_until: Some(5),
        last_seen_at: 1_770_000_000_000,
    };
    check(
        &Item::State {
            next_seq: 300,
            now: 1_770_000_000_000,
            released: 1,
            leap: Some((1_760_000_000_000, 1_770_000_000_000)),
        },
        expect![[r"
            00fb2c01fd00a4381c9c0100000101fd00c02cc899010000fd00a4381c9c0100
            00"]],
    );
    check(
        &Item::Service { name: "ml".into(), totals: service },
        expect!["01026d6c0102fbb80b040105fd00a4381c9c010000"],
    );
    check(&Item::Worker { worker: "w1".into(), name: "ml".into() }, expect!["02027731026d6c"]);
    let grant = |phase| Item::Grant {
        worker: "w1".into(),
        workflow: [7; 16],
        index: 8,
        attempt: 9,
        phase,
        since: 10,
    };
    check(&grant(StoredPhase::Offered), expect!["03027731070707070707070707070707070707070809000a"]);
    check(&grant(StoredPhase::Accepted), expect!["03027731070707070707070707070707070707070809010a"]);
    check(
        &grant(StoredPhase::Releasing { until: 11 }),
        expect!["03027731070707070707070707070707070707070809020b0a"],
    );
    check(&grant(StoredPhase::Delivered), expect!["03027731070707070707070707070707070707070809030a"]);
    check(
        &Item::Workflow { time: 12, id: [13; 16], head: b"head".to_vec() },
        expect!["040c0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0468656164"],
    );
}

#[test]
fn webhooks() {
    let note = |seq, kind, task, outcome, then| DeliveryNote {
        told: Told { seq: Seq(seq), kind, workflow: WorkflowId(7), task },
        tries: 3,
        first_at: Timestamp(8),
        last_at: Timestamp(9),
        outcome,
        then,
    };
    let (taken, refused) = (DeliveryOutcome::Taken { status: 200 }, DeliveryOutcome::Refused { status: 500 });
    let unanswered = DeliveryOutcome::Unanswered { reason: "no".into() };
    let deliveries = [
        note(1, EndKind::WorkflowCompleted, None, taken, AfterTry::Delivered),
        note(2, EndKind::TaskFailed, Some(4), refused, AfterTry::GivenUp),
        note(3, EndKind::TaskSkipped, Some(5), unanswered, AfterTry::RetryAt(Timestamp(300))),
    ];
    let metadata = vec![("team".to_owned(), "x".to_owned())];
    let subscription = Subscription {
        terms: Terms {
            url: "https://x.example".into(),
            description: Some("d".into()),
            events: EndKind::ALL.into_iter().collect(),
            filter: EndFilter { name: Some("n".into()), tags: vec!["t".into()], metadata },
            secret: SealedSecret([1, 2, 3].into()),
        },
        status: SubscriptionStatus::Disabled(DisabledFor::Gone),
        created_at: Timestamp(1_770_000_000_000),
        changed_at: Timestamp(2),
        cursor: Seq(3),
        given_up: 4,
        deliveries: deliveries.into(),
        missed: Some(Missed { from: Seq(1), up_to: Seq(2), at: Timestamp(3) }),
        failing_since: Some(Timestamp(4)),
    };
    let item = Item::Subscription { id: [9; 16], subscription: Box::new(subscription) };
    check(
        &item,
        expect![["
            05090909090909090909090909090909091168747470733a2f2f782e6578616d
            706c65010164070001020304050601016e01017401047465616d017803010203
            0201fd00a4381c9c010000020304030100070003080900c80002040701040308
            0901fbf40102030607010503080902026e6f01fb2c01010102030104"]],
    );
}

#[test]
fn users_and_keys_of_a_checkpoint() {
    let user = User { role: Role::Operator, created_at: Timestamp(1_770_000_000_000) };
    check(&Item::User { name: "u".into(), user }, expect!["06017503fd00a4381c9c010000"]);
    let key = Key {
        digest: KeyDigest([9; 32]),
        owner: "u".into(),
        name: "k".into(),
        role: Role::Service,
        scope: Some(Arc::new(Scope { services: ["s".into()].into(), capabilities: ["c".into()].into() })),
        created_at: Timestamp(1),
        expires_at: Some(Timestamp(2)),
        revoked_at: Some(Timestamp(3)),
        used_at: None,
    };
    check(
        &Item::Key { id: [9; 16], key: Box::new(key) },
        expect![["
        0709090909090909090909090909090909090909090909090909090909090909
        09090909090909090909090909090909090175016b0201010173010163010102
        010300"]],
    );
}

#[test]
fn values_of_their_own() {
    let totals = crate::store::Totals {
        completed: 1,
        failed: 2,
        cancelled: 3,
        tasks_completed: 4,
        tasks_failed: 5,
        tasks_cancelled: 6,
        tasks_skipped: 7,
        statuses: 8,
        failures: 14,
        ids: 9,
        keys: 10,
        own_tasks: 11,
        sum: 12,
        next_seq: 13,
    };
    check(&totals, expect!["01020304050607080e090a0b0c0d"]);
    let current = Current { generation: 1, next_seq: 2, bytes: 3, crc: 0xDEAD_BEEF };
    check(&current, expect!["010203fcefbeadde"]);
    let used = UsedKey { workflow: [1; 16], body: [2; 16], expires_at: 1_770_000_000_000 };
    check(
        &used,
        expect![["
        0101010101010101010101010101010102020202020202020202020202020202
        fd00a4381c9c010000"]],
    );
    let place = (Timestamp(1_770_000_000_000), WorkflowId(7));
    let mut batch = WriteBatch::default();
    let later = (place.0.plus(300), WorkflowId(8));
    let heads = [(place, Some(b"one".to_vec())), (later, Some(b"two".to_vec()))];
    pages::change(&MemoryKv::new(), heads.into(), &mut batch).unwrap();
    let kv = MemoryKv::new();
    kv.apply(batch).unwrap();
    let page = kv.get(&keys::page(place)).unwrap().expect("both are in one page");
    expect!["020000000000000000000000000000000007036f6e65fb2c01000000000000000000000000000000080374776f"]
        .assert_eq(&hex(&page));
}
