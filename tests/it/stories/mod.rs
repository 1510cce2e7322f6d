//! The rules, told as stories: each one is what a person would say happened, and what the engine made of it.
#![expect(clippy::needless_raw_string_hashes, reason = "expected outputs are written alike")]
mod breaker;
mod by_hand;
mod comebacks;
mod hooks;
mod silence;
mod spec;
mod teller;
mod webhooks;
mod workers;

use expect_test::expect;
use teller::check;

#[test]
fn a_failure_is_retried_and_the_next_attempt_counts() {
    check(
        "submit continue a b(a); worker w1; accept w1 a; fail w1 a; +1s; done w1 a#1; done w1 a; done w1 b",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                0.000 a#1 failed to be retried: TASK_EXECUTION_FAILED
                1.000 a requeued
                1.000 offer a#2 to w1
                1.000 a#1 late report
              refused: STALE_ATTEMPT
                1.000 a#2 completed
                1.000 offer b#1 to w1
                1.000 b#1 completed
                1.000 workflow ended: Completed
            completed: a completed, b completed
        "#]],
    );
}

#[test]
fn a_lost_attempt_goes_elsewhere_and_its_late_result_changes_nothing() {
    check(
        "submit continue a; worker w1; accept w1 a; break w1; worker w2; +30s; worker w1; done w1 a#1; done w2 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
               30.000 a#1 lost: Disconnected
               30.000 offer a#2 to w2
               30.000 a#1 late report
              refused: STALE_ATTEMPT
               30.000 a#2 completed
               30.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn a_stuck_worker_loses_the_task_after_its_time_to_accept() {
    check(
        "submit continue a; worker w1; worker w2; +10s; done w1 a#1; done w2 a; history a",
        &expect![[r#"
                0.000 offer a#1 to w1
               10.000 a#1 lost: NotAccepted, releasing
               10.000 offer a#2 to w2
                      tell: stop a#1
               10.000 a#1 late report
               10.000 w1 released a#1
              refused: STALE_ATTEMPT
               10.000 a#2 completed
               10.000 workflow ended: Completed
               history: attempt 1 TASK_ACCEPT_TIMEOUT
            completed: a completed
        "#]],
    );
}

#[test]
fn a_legacy_worker_gets_a_cancelled_task_again_only_when_it_has_stopped() {
    check(
        "submit continue a; legacy w1; accept w1 a; cancel a; retry a; stopped w1 a#1; +1s; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                0.000 a cancelled
                0.000 workflow ended: Failed
                      tell: stop a#1
                0.000 workflow written again
                0.000 retry a
                0.000 w1 released a#1
                0.000 offer a#2 to w1
                1.000 a#2 completed
                1.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn a_workflow_stays_in_memory_until_its_last_worker_has_stopped() {
    check(
        "submit continue a; worker w1; accept w1 a; cancel; archive; stopped w1 a#1; archive",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                0.000 workflow cancelled
                      tell: stop a#1
                0.000 w1 released a#1
            archived
        "#]],
    );
}

#[test]
fn a_task_cancelled_in_the_first_round_blocks_nobody() {
    check(
        "submit retry a b(a) c!(b); worker w1; cancel a; done w1 c",
        &expect![[r#"
            0.000 offer a#1 to w1
            0.000 a cancelled
            0.000 b skipped for a
            0.000 offer c#1 to w1
                  tell: stop a#1
            0.000 c#1 completed
            0.000 workflow ended: Failed
        failed: a cancelled, b skipped, c completed
    "#]],
    );
}

#[test]
fn the_second_round_is_for_failures_only() {
    check(
        "submit retry a~ b(a) c; worker w1; fail w1 a; done w1 c; done w1 a; done w1 b",
        &expect![[r#"
            0.000 offer a#1 to w1
            0.000 offer c#1 to w1
            0.000 a#1 failed for good: TASK_EXECUTION_FAILED
            0.000 c#1 completed
            0.000 second round
            0.000 offer a#2 to w1
            0.000 a#2 completed
            0.000 offer b#1 to w1
            0.000 b#1 completed
            0.000 workflow ended: Completed
        completed: a completed, b completed, c completed
    "#]],
    );
}

#[test]
fn several_failed_parents_skip_a_task_once() {
    check(
        "submit continue a~ b~ c(a,b) d!(c); worker w1; fail w1 a; fail w1 b; done w1 d",
        &expect![[r#"
            0.000 offer a#1 to w1
            0.000 offer b#1 to w1
            0.000 a#1 failed for good: TASK_EXECUTION_FAILED
            0.000 c skipped for a
            0.000 offer d#1 to w1
            0.000 b#1 failed for good: TASK_EXECUTION_FAILED
            0.000 d#1 completed
            0.000 workflow ended: Failed
        failed: a failed, b failed, c skipped, d completed
    "#]],
    );
}

#[test]
fn a_retry_by_hand_leaves_skipped_what_still_lacks_a_dependency() {
    check(
        "submit continue a~ b~ c(a,b); worker w1; fail w1 a; fail w1 b; retry a; done w1 a; retry b; done w1 b; done w1 c",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 c skipped for a
                0.000 b#1 failed for good: TASK_EXECUTION_FAILED
                0.000 workflow ended: Failed
                0.000 workflow written again
                0.000 retry a
                0.000 offer a#2 to w1
                0.000 a#2 completed
                0.000 workflow ended: Failed
                0.000 workflow written again
                0.000 retry b c
                0.000 offer b#2 to w1
                0.000 b#2 completed
                0.000 offer c#1 to w1
                0.000 c#1 completed
                0.000 workflow ended: Completed
            completed: a completed, b completed, c completed
        "#]],
    );
}

#[test]
fn a_skipped_task_that_is_retried_brings_what_it_needs() {
    check(
        "submit continue a~ b(a); worker w1; fail w1 a; retry b; done w1 a; done w1 b",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 b skipped for a
                0.000 workflow ended: Failed
                0.000 workflow written again
                0.000 retry a b
                0.000 offer a#2 to w1
                0.000 a#2 completed
                0.000 offer b#1 to w1
                0.000 b#1 completed
                0.000 workflow ended: Completed
            completed: a completed, b completed
        "#]],
    );
}

#[test]
fn a_retry_outlives_a_crash_although_the_checkpoint_left_the_workflow_out() {
    check(
        "submit continue a~; worker w1; fail w1 a; checkpoint; retry a; restart 1s; worker w1; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 workflow ended: Failed
                0.000 workflow written again
                0.000 retry a
                0.000 offer a#2 to w1
                1.000 restart
                1.000 a#2 completed
                1.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn a_retry_under_stop_opens_everything_again() {
    check(
        "submit stop a~ b c(b); worker w1; accept w1 b; fail w1 a; stopped w1 b#1; retry a; done w1 a; done w1 b; done w1 c",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 b#1 accepted
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 workflow ended: Failed
                      tell: stop b#1
                0.000 w1 released b#1
                0.000 workflow written again
                0.000 retry a b c
                0.000 offer a#2 to w1
                0.000 offer b#2 to w1
                0.000 a#2 completed
                0.000 b#2 completed
                0.000 offer c#1 to w1
                0.000 c#1 completed
                0.000 workflow ended: Completed
            completed: a completed, b completed, c completed
        "#]],
    );
}

#[test]
fn a_ready_task_waits_again_when_its_dependency_is_retried() {
    check(
        "submit continue a~ b!(a) c; worker w1; fail w1 a; pause; bye w1; retry a; resume; worker w2; done w2 a; done w2 b",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer c#1 to w1
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 offer b#1 to w1
                0.000 workflow paused
                0.000 b#1 lost: Disconnected
                0.000 c#1 lost: Disconnected
                0.000 retry a
                0.000 workflow resumed
                0.000 offer c#2 to w2
                0.000 offer a#2 to w2
                0.000 a#2 completed
                0.000 offer b#2 to w2
                0.000 b#2 completed
            running: a completed, b completed, c assigned
        "#]],
    );
}

#[test]
fn one_connection_is_one_worker() {
    check(
        "submit continue a b c; worker w1; worker w1 w2; done w1 a",
        &expect![[r#"
            0.000 offer a#1 to w1
            0.000 offer b#1 to w1
          refused: INVALID_ARGUMENT
            0.000 a#1 completed
            0.000 offer c#1 to w1
        running: a completed, b assigned, c assigned
    "#]],
    );
}

#[test]
fn nobody_is_blamed_for_a_pause_of_the_process() {
    check(
        "submit continue a; worker w1; +1s; sleep 60s; accept w1 a; +1s; done w1 a",
        &expect![[r#"
            0.000 offer a#1 to w1
           61.000 a#1 accepted
           62.000 a#1 completed
           62.000 workflow ended: Completed
        completed: a completed
    "#]],
    );
}

#[test]
fn whoever_is_silent_after_a_pause_is_missed_in_time() {
    check(
        "submit continue a; worker w1; accept w1 a; sleep 200s; break w1; worker w2; +31s; done w2 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
              230.000 a#1 lost: Disconnected
              230.000 offer a#2 to w2
              231.000 a#2 completed
              231.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn an_overdue_timer_at_the_start_is_no_pause() {
    check(
        "submit continue a~ b~; worker w1; accept w1 a; restart 330s; worker w2; +31s; done w2 b",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 accepted
              330.000 restart
              330.000 a#1 failed for good: TASK_TIMEOUT, releasing
              360.000 b#1 lost: Disconnected, releasing
              360.000 offer b#2 to w2
              361.000 b#2 completed
              361.000 workflow ended: Failed
            failed: a failed, b completed
        "#]],
    );
}

#[test]
fn five_lost_attempts_in_a_row_end_the_task() {
    check(
        "submit continue a; worker w1; +5s; beat w1; +10s; beat w1; +10s; beat w1; +10s; beat w1; +10s; beat w1; \
         +10s; beat w1; +10s; beat w1; +10s; beat w1; +45s",
        &expect![[r#"
                0.000 offer a#1 to w1
               10.000 a#1 lost: NotAccepted, releasing
               10.000 offer a#2 to w1
                      tell: stop a#1
               20.000 a#2 lost: NotAccepted, releasing
                      tell: stop a#2
               40.000 w1 released a#1
               40.000 offer a#3 to w1
               50.000 w1 released a#2
               50.000 a#3 lost: NotAccepted, releasing
               50.000 offer a#4 to w1
                      tell: stop a#3
               60.000 a#4 lost: NotAccepted, releasing
                      tell: stop a#4
               80.000 w1 released a#3
               80.000 offer a#5 to w1
               90.000 w1 released a#4
               90.000 a#5 failed for good: TASK_RETRY_EXHAUSTED, releasing
               90.000 workflow ended: Failed
                      tell: stop a#5
              120.000 w1 released a#5
            failed: a failed
        "#]],
    );
}
