//! What happens to tasks that are handed on to receivers outside, which answer by a callback.
#![expect(clippy::needless_raw_string_hashes, reason = "expected outputs are written alike")]

use expect_test::expect;

use super::teller::check;

#[test]
fn a_receiver_takes_a_task_and_answers_later() {
    check(
        "submit continue a@ b(a); courier; worker w1; accept courier a; taken a; +100s; callback a; done w1 b",
        &expect![[r#"
                0.000 offer a#1 to built-in:webhooks
                      post a#1
                0.000 a#1 accepted
                0.000 a#1 delivery 1 taken
              100.000 a#1 completed
              100.000 b#0 late report
              100.000 offer b#1 to w1
              refused: TASK_NOT_HELD
            running: a completed, b assigned
        "#]],
    );
}

#[test]
fn a_taken_task_is_not_posted_again_after_a_restart() {
    check(
        "submit continue a@; courier; accept courier a; taken a; restart 40s; courier; +60s; callback a",
        &expect![[r#"
                0.000 offer a#1 to built-in:webhooks
                      post a#1
                0.000 a#1 accepted
                0.000 a#1 delivery 1 taken
               40.000 restart
              100.000 a#1 completed
              100.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn a_task_that_was_not_taken_is_posted_again_as_the_same_attempt() {
    check(
        "submit continue a@ b@; courier; accept courier a; untaken a; restart 5s; courier; accept courier a; accept courier b; taken a; callback a; callback b",
        &expect![[r#"
                0.000 offer a#1 to built-in:webhooks
                0.000 offer b#1 to built-in:webhooks
                      post a#1
                      post b#1
                0.000 a#1 accepted
                0.000 a#1 delivery 1 unanswered
                5.000 restart
                      post a#1
                      post b#1
                5.000 b#1 accepted
                5.000 a#1 delivery 1 taken
                5.000 a#1 completed
                5.000 b#1 completed
                5.000 workflow ended: Completed
            completed: a completed, b completed
        "#]],
    );
}

#[test]
fn a_callback_needs_no_acceptance_and_counts_once() {
    check(
        "submit continue a@; courier; callback a; callback a; taken a",
        &expect![[r#"
            0.000 offer a#1 to built-in:webhooks
                  post a#1
            0.000 a#1 completed
            0.000 workflow ended: Completed
          refused: CALLBACK_UNKNOWN
          refused: TASK_ALREADY_ENDED
        completed: a completed
    "#]],
    );
}

#[test]
fn the_words_of_a_callback_are_no_refusal() {
    check(
        "submit continue a@; courier; accept courier a; callback a broken; +1s; callback a#1; callback a#2",
        &expect![[r#"
                0.000 offer a#1 to built-in:webhooks
                      post a#1
                0.000 a#1 accepted
                0.000 a#1 failed to be retried: TASK_EXECUTION_FAILED
                1.000 a requeued
                1.000 offer a#2 to built-in:webhooks
                      post a#2
              refused: CALLBACK_UNKNOWN
                1.000 a#2 completed
                1.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn a_receiver_that_never_answers_runs_out_of_time() {
    check(
        "submit continue a@~; courier; accept courier a; taken a; +299s; restart 5s; courier; +1s; callback a#1",
        &expect![[r#"
                0.000 offer a#1 to built-in:webhooks
                      post a#1
                0.000 a#1 accepted
                0.000 a#1 delivery 1 taken
              304.000 restart
              304.000 a#1 failed for good: TASK_TIMEOUT, releasing
              304.000 workflow ended: Failed
              refused: CALLBACK_UNKNOWN
            failed: a failed
        "#]],
    );
}

#[test]
fn a_cancelled_task_takes_no_callback() {
    check(
        "submit continue a@; courier; accept courier a; taken a; cancel a; callback a#1; restart 5s; courier; +31s",
        &expect![[r#"
                0.000 offer a#1 to built-in:webhooks
                      post a#1
                0.000 a#1 accepted
                0.000 a#1 delivery 1 taken
                0.000 a cancelled
                0.000 workflow ended: Failed
                      tell: stop a#1
              refused: CALLBACK_UNKNOWN
                5.000 restart
            failed: a cancelled
        "#]],
    );
}

#[test]
fn nobody_who_connects_is_given_a_task_with_an_address() {
    check(
        "submit continue a@; worker w1; +1s; courier",
        &expect![[r#"
            1.000 offer a#1 to built-in:webhooks
                  post a#1
        running: a assigned
    "#]],
    );
}
