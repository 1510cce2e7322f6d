//! What workers say of themselves and of what they cannot do.
#![expect(clippy::needless_raw_string_hashes, reason = "expected outputs are written alike")]

use expect_test::expect;

use super::teller::check;

#[test]
fn a_refusal_consumes_no_try() {
    check(
        "submit continue a~; worker w1; refuse w1 a; +1s; beat w1; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 refused: AtCapacity
                1.000 offer a#2 to w1
                1.000 a#2 completed
                1.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn a_task_that_nobody_can_handle_fails_at_once() {
    check(
        "submit continue a; worker w1; worker w2; nohandler w1 a; nohandler w2 a",
        &expect![[r#"
            0.000 offer a#1 to w1
            0.000 a#1 refused: NoHandler
            0.000 offer a#2 to w2
            0.000 a#2 failed for good: NO_WORKER_FOR_TASK
            0.000 workflow ended: Failed
        failed: a failed
    "#]],
    );
}

#[test]
fn a_list_must_name_what_was_accepted_before_the_heartbeat_before_it() {
    check(
        "submit continue a b; worker w1; accept w1 a; accept w1 b; beat w1 a b; beat w1 a; done w1 a; done w1 b",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 accepted
                0.000 b#1 accepted
                0.000 b#1 lost: Forgotten
                0.000 offer b#2 to w1
                0.000 a#1 completed
                0.000 b#2 completed
                0.000 workflow ended: Completed
            completed: a completed, b completed
        "#]],
    );
}

#[test]
fn a_list_that_crossed_with_an_assignment_loses_nothing() {
    check(
        "submit continue a b; worker w1; accept w1 a; beat w1 a; accept w1 b; beat w1 a; done w1 a; done w1 b",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 accepted
                0.000 b#1 accepted
                0.000 a#1 completed
                0.000 b#1 completed
                0.000 workflow ended: Completed
            completed: a completed, b completed
        "#]],
    );
}

#[test]
fn two_tasks_that_are_lost_for_good_at_once_skip_their_dependent_once() {
    check(
        "submit continue a b c(a,b) d!(c); worker w1; bye w1; worker w1; bye w1; worker w1; bye w1; worker w1; bye w1; worker w1; bye w1; worker w1; done w1 d",
        &expect![[r#"
            0.000 offer a#1 to w1
            0.000 offer b#1 to w1
            0.000 a#1 lost: Disconnected
            0.000 b#1 lost: Disconnected
            0.000 offer a#2 to w1
            0.000 offer b#2 to w1
            0.000 a#2 lost: Disconnected
            0.000 b#2 lost: Disconnected
            0.000 offer a#3 to w1
            0.000 offer b#3 to w1
            0.000 a#3 lost: Disconnected
            0.000 b#3 lost: Disconnected
            0.000 offer a#4 to w1
            0.000 offer b#4 to w1
            0.000 a#4 lost: Disconnected
            0.000 b#4 lost: Disconnected
            0.000 offer a#5 to w1
            0.000 offer b#5 to w1
            0.000 a#5 failed for good: TASK_RETRY_EXHAUSTED
            0.000 c skipped for a
            0.000 b#5 failed for good: TASK_RETRY_EXHAUSTED
            0.000 offer d#1 to w1
            0.000 d#1 completed
            0.000 workflow ended: Failed
        failed: a failed, b failed, c skipped, d completed
    "#]],
    );
}

#[test]
fn parameters_that_cannot_be_read_now_are_read_again_later() {
    check(
        "submit continue a b~; worker w1; unreadable a; unreadable b; +10s; done w1 a",
        &expect![[r#"
            0.000 offer a#1 to w1
            0.000 offer b#1 to w1
            0.000 a#1 failed to be retried: STORAGE_FAILED
            0.000 b#1 failed for good: STORAGE_FAILED
            1.000 a requeued
            1.000 offer a#2 to w1
           10.000 a#2 completed
           10.000 workflow ended: Failed
        failed: a completed, b failed
    "#]],
    );
}
