//! Breakers, retries that somebody else times, and poison.
#![expect(clippy::needless_raw_string_hashes, reason = "expected outputs are written alike")]

use expect_test::expect;

use super::teller::check;

#[test]
fn five_failures_open_the_breaker_and_one_result_closes_it() {
    check(
        "submit continue a~ b~ c~ d~ e~ f g; worker w1; fail w1 a; fail w1 b; fail w1 c; fail w1 d; fail w1 e; \
         +59s; +1s; beat w1; done w1 f; done w1 g",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 offer c#1 to w1
                0.000 b#1 failed for good: TASK_EXECUTION_FAILED
                0.000 offer d#1 to w1
                0.000 c#1 failed for good: TASK_EXECUTION_FAILED
                0.000 offer e#1 to w1
                0.000 d#1 failed for good: TASK_EXECUTION_FAILED
                0.000 offer f#1 to w1
                0.000 e#1 failed for good: TASK_EXECUTION_FAILED
                0.000 executor pauses
               10.000 f#1 lost: NotAccepted, releasing
                      tell: stop f#1
               40.000 w1 released f#1
               60.000 offer f#2 to w1
               60.000 f#2 completed
               60.000 executor works again
               60.000 offer g#1 to w1
               60.000 g#1 completed
               60.000 workflow ended: Failed
            failed: a failed, b failed, c failed, d failed, e failed, f completed, g completed
        "#]],
    );
}

#[test]
fn a_failure_while_half_open_opens_the_breaker_again() {
    check(
        "submit continue a~ b~ c~ d~ e~ f~ g; worker w1; fail w1 a; fail w1 b; fail w1 c; fail w1 d; fail w1 e; \
         restart 5s; worker w1; +55s; beat w1; fail w1 f; +60s; beat w1; done w1 g",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 offer c#1 to w1
                0.000 b#1 failed for good: TASK_EXECUTION_FAILED
                0.000 offer d#1 to w1
                0.000 c#1 failed for good: TASK_EXECUTION_FAILED
                0.000 offer e#1 to w1
                0.000 d#1 failed for good: TASK_EXECUTION_FAILED
                0.000 offer f#1 to w1
                0.000 e#1 failed for good: TASK_EXECUTION_FAILED
                0.000 executor pauses
                5.000 restart
               15.000 f#1 lost: NotAccepted, releasing
                      tell: stop f#1
               45.000 w1 released f#1
               60.000 offer f#2 to w1
               60.000 f#2 failed for good: TASK_EXECUTION_FAILED
               60.000 executor pauses
              120.000 offer g#1 to w1
              120.000 g#1 completed
              120.000 executor works again
              120.000 workflow ended: Failed
            failed: a failed, b failed, c failed, d failed, e failed, f failed, g completed
        "#]],
    );
}

#[test]
fn a_task_that_loses_five_workers_fails_with_its_history() {
    check(
        "submit continue a; worker w1; bye w1; worker w2; bye w2; worker w3; bye w3; worker w4; bye w4; worker w5; bye w5",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 lost: Disconnected
                0.000 offer a#2 to w2
                0.000 a#2 lost: Disconnected
                0.000 offer a#3 to w3
                0.000 a#3 lost: Disconnected
                0.000 offer a#4 to w4
                0.000 a#4 lost: Disconnected
                0.000 offer a#5 to w5
                0.000 a#5 failed for good: TASK_RETRY_EXHAUSTED
                0.000 workflow ended: Failed
            failed: a failed
        "#]],
    );
}

#[test]
fn a_failure_says_when_to_try_again() {
    check(
        "submit continue a; worker w1; later w1 a; +7s; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 failed to be retried: TASK_EXECUTION_FAILED
                7.000 a requeued
                7.000 offer a#2 to w1
                7.000 a#2 completed
                7.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn a_drained_worker_finishes_what_it_holds() {
    check(
        "submit continue a b c; worker w1; drain w1; done w1 a; done w1 b; +5s; undrain w1; done w1 c",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 completed
                0.000 b#1 completed
                5.000 offer c#1 to w1
                5.000 c#1 completed
                5.000 workflow ended: Completed
            completed: a completed, b completed, c completed
        "#]],
    );
}

#[test]
fn a_result_that_nobody_can_take_fails_its_task_at_once() {
    check(
        "submit continue a b(a); worker w1; accept w1 a; huge w1 a; huge w1 a#1",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                0.000 a#1 failed for good: PAYLOAD_TOO_LARGE
                0.000 b skipped for a
                0.000 workflow ended: Failed
              refused: PAYLOAD_TOO_LARGE
              refused: TASK_ALREADY_ENDED
            failed: a failed, b skipped
        "#]],
    );
}

#[test]
fn five_failures_open_the_breaker_also_for_those_who_come_later() {
    check(
        "submit continue a~ b~ c~ d~ e~ f; worker w1; fail w1 a; fail w1 b; fail w1 c; fail w1 d; fail w1 e; restart 1s; worker w2; +59s; done w2 f",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 offer c#1 to w1
                0.000 b#1 failed for good: TASK_EXECUTION_FAILED
                0.000 offer d#1 to w1
                0.000 c#1 failed for good: TASK_EXECUTION_FAILED
                0.000 offer e#1 to w1
                0.000 d#1 failed for good: TASK_EXECUTION_FAILED
                0.000 offer f#1 to w1
                0.000 e#1 failed for good: TASK_EXECUTION_FAILED
                0.000 executor pauses
                1.000 restart
               31.000 f#1 lost: Disconnected, releasing
               60.000 offer f#2 to w2
               60.000 f#2 completed
               60.000 executor works again
               60.000 workflow ended: Failed
            failed: a failed, b failed, c failed, d failed, e failed, f completed
        "#]],
    );
}
