//! What people decide about tasks by hand.
#![expect(clippy::needless_raw_string_hashes, reason = "expected outputs are written alike")]

use expect_test::expect;

use super::teller::check;

#[test]
fn a_result_by_hand_stops_the_holder_and_dependents_go_on() {
    check(
        "submit continue a b(a); worker w1; accept w1 a; complete a; done w1 a#1; done w1 b; complete b",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                0.000 a completed by hand
                0.000 offer b#1 to w1
                      tell: stop a#1
                0.000 a#1 late report
                0.000 w1 released a#1
              refused: TASK_ALREADY_ENDED
                0.000 b#1 completed
                0.000 workflow ended: Completed
              refused: TASK_ALREADY_ENDED
            completed: a completed, b completed
        "#]],
    );
}

#[test]
fn a_pending_task_is_completed_before_what_it_waits_for() {
    check(
        "submit continue a b(a) c(b); worker w1; complete b; done w1 c; done w1 a",
        &expect![[r#"
            0.000 offer a#1 to w1
            0.000 b completed by hand
            0.000 offer c#1 to w1
            0.000 c#1 completed
            0.000 a#1 completed
            0.000 workflow ended: Completed
        completed: a completed, b completed, c completed
    "#]],
    );
}

#[test]
fn a_result_by_hand_opens_a_failed_workflow_and_what_was_skipped_runs() {
    check(
        "submit continue a~ b(a) c(b) d!(a); worker w1; fail w1 a; done w1 d; archive; complete a; done w1 b; done w1 c",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 b skipped for a
                0.000 c skipped for a
                0.000 offer d#1 to w1
                0.000 d#1 completed
                0.000 workflow ended: Failed
                0.000 workflow written again
                0.000 a completed by hand; again b c
                0.000 offer b#1 to w1
                0.000 b#1 completed
                0.000 offer c#1 to w1
                0.000 c#1 completed
                0.000 workflow ended: Completed
            completed: a completed, b completed, c completed, d completed
        "#]],
    );
}

#[test]
fn a_task_that_needs_two_failures_mended_runs_after_the_second() {
    check(
        "submit continue a~ b~ c(a,b); worker w1; fail w1 a; fail w1 b; complete a; skipwith b; done w1 c",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 c skipped for a
                0.000 b#1 failed for good: TASK_EXECUTION_FAILED
                0.000 workflow ended: Failed
                0.000 workflow written again
                0.000 a completed by hand
                0.000 workflow ended: Failed
                0.000 workflow written again
                0.000 b skipped with a value by hand; again c
                0.000 offer c#1 to w1
                0.000 c#1 completed
                0.000 workflow ended: Completed
            completed: a completed, b skipped, c completed
        "#]],
    );
}

#[test]
fn under_stop_everything_that_fell_runs_again() {
    check(
        "submit stop a~ b c(a) d(b); worker w1; fail w1 a; complete a; stopped w1 b#1; done w1 c; done w1 b; done w1 d",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 workflow ended: Failed
                      tell: stop b#1
                0.000 workflow written again
                0.000 a completed by hand; again b c d
                0.000 offer b#2 to w1
                0.000 w1 released b#1
                0.000 offer c#1 to w1
                0.000 c#1 completed
                0.000 b#2 completed
                0.000 offer d#1 to w1
                0.000 d#1 completed
                0.000 workflow ended: Completed
            completed: a completed, b completed, c completed, d completed
        "#]],
    );
}

#[test]
fn under_stop_a_task_is_left_out_with_what_needs_it() {
    check(
        "submit stop a~ b c(a) d(b) e(c); worker w1; fail w1 a; skip a; stopped w1 b#1; done w1 b; done w1 d",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 workflow ended: Failed
                      tell: stop b#1
                0.000 workflow written again
                0.000 a skipped by hand; again b c d e
                0.000 c skipped for a
                0.000 e skipped for a
                0.000 offer b#2 to w1
                0.000 w1 released b#1
                0.000 b#2 completed
                0.000 offer d#1 to w1
                0.000 d#1 completed
                0.000 workflow ended: Completed
            completed: a skipped, b completed, c skipped, d completed, e skipped
        "#]],
    );
}

#[test]
fn a_task_left_out_leaves_out_what_needs_it_and_nothing_has_failed() {
    check(
        "submit continue a b(a) c!(b) d; worker w1; skip a; stopped w1 a#1; done w1 c; done w1 d",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer d#1 to w1
                0.000 a skipped by hand
                0.000 b skipped for a
                      tell: stop a#1
                0.000 w1 released a#1
                0.000 offer c#1 to w1
                0.000 c#1 completed
                0.000 d#1 completed
                0.000 workflow ended: Completed
            completed: a skipped, b skipped, c completed, d completed
        "#]],
    );
}

#[test]
fn a_task_skipped_with_a_value_is_as_good_as_one_with_a_result() {
    check(
        "submit continue a b(a); worker w1; skipwith a; done w1 b; retry a; complete a; skip a; skipwith a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a skipped with a value by hand
                0.000 offer b#1 to w1
                      tell: stop a#1
                0.000 b#1 completed
                0.000 workflow ended: Completed
              refused: TASK_ALREADY_ENDED
              refused: TASK_ALREADY_ENDED
              refused: TASK_ALREADY_ENDED
              refused: TASK_ALREADY_ENDED
            completed: a skipped, b completed
        "#]],
    );
}

#[test]
fn leaving_out_a_failure_of_the_first_round_does_not_wait_for_the_second() {
    check(
        "submit retry a~ b(a) c!(a) d; worker w1; fail w1 a; skip a; done w1 d; done w1 c",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer d#1 to w1
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 a skipped by hand
                0.000 b skipped for a
                0.000 offer c#1 to w1
                0.000 d#1 completed
                0.000 c#1 completed
                0.000 workflow ended: Completed
            completed: a skipped, b skipped, c completed, d completed
        "#]],
    );
}

#[test]
fn under_skip_dependents_of_a_task_left_out_run_with_null() {
    check(
        "submit skip a b(a); worker w1; skip a; done w1 b",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a skipped by hand
                0.000 offer b#1 to w1
                      tell: stop a#1
                0.000 b#1 completed
                0.000 workflow ended: Completed
            completed: a skipped, b completed
        "#]],
    );
}

#[test]
fn a_failure_by_hand_is_final_and_counts() {
    check(
        "submit continue a b(a); worker w1; accept w1 a; fail a; fail a; stopped w1 a#1",
        &expect![[r#"
            0.000 offer a#1 to w1
            0.000 a#1 accepted
            0.000 a failed by hand
            0.000 b skipped for a
            0.000 workflow ended: Failed
                  tell: stop a#1
            0.000 w1 released a#1
        failed: a failed, b skipped
    "#]],
    );
}

#[test]
fn a_failure_by_hand_under_stop_ends_the_workflow() {
    check(
        "submit stop a b(a) c; worker w1; fail b",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer c#1 to w1
                0.000 b failed by hand
                0.000 workflow ended: Failed
                      tell: stop a#1
                      tell: stop c#1
            failed: a cancelled, b failed, c cancelled
        "#]],
    );
}

#[test]
fn what_was_left_out_by_hand_stays_so_in_a_retry() {
    check(
        "submit continue a~ b~ c(a) d; worker w1; skip d; fail w1 a; fail w1 b; retry; done w1 a; done w1 b; done w1 c; retry d; done w1 d",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 d skipped by hand
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 c skipped for a
                0.000 b#1 failed for good: TASK_EXECUTION_FAILED
                0.000 workflow ended: Failed
                0.000 workflow written again
                0.000 retry a b c
                0.000 offer a#2 to w1
                0.000 offer b#2 to w1
                0.000 a#2 completed
                0.000 offer c#1 to w1
                0.000 b#2 completed
                0.000 c#1 completed
                0.000 workflow ended: Completed
                0.000 workflow written again
                0.000 retry d
                0.000 offer d#1 to w1
                0.000 d#1 completed
                0.000 workflow ended: Completed
            completed: a completed, b completed, c completed, d completed
        "#]],
    );
}

#[test]
fn a_cancelled_task_stays_cancelled_when_its_dependency_is_given_a_result() {
    check(
        "submit continue a~ b(a) c(a); worker w1; cancel b; fail w1 a; complete a; done w1 c",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 b cancelled
                0.000 a#1 failed for good: TASK_EXECUTION_FAILED
                0.000 c skipped for a
                0.000 workflow ended: Failed
                0.000 workflow written again
                0.000 a completed by hand; again c
                0.000 offer c#1 to w1
                0.000 c#1 completed
                0.000 workflow ended: Failed
            failed: a completed, b cancelled, c completed
        "#]],
    );
}

#[test]
fn a_restart_changes_nothing_of_what_was_decided_by_hand() {
    check(
        "submit continue a b(a) c d(c); worker w1; skipwith a; complete c; fail b; stopped w1 a#1; stopped w1 c#1; restart 5s; worker w1; done w1 d",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer c#1 to w1
                0.000 a skipped with a value by hand
                      tell: stop a#1
                0.000 c completed by hand
                      tell: stop c#1
                0.000 b failed by hand
                0.000 w1 released a#1
                0.000 offer d#1 to w1
                0.000 w1 released c#1
                5.000 restart
                5.000 d#1 completed
                5.000 workflow ended: Failed
            failed: a skipped, b failed, c completed, d completed
        "#]],
    );
}

#[test]
fn a_task_that_failed_by_hand_before_its_dependency_was_skipped_gets_no_endless_round() {
    check(
        "submit retry a b(a) c(b) d; worker w1; fail b; skip a; accept w1 d; done w1 d",
        &expect![[r#"
            0.000 offer a#1 to w1
            0.000 offer d#1 to w1
            0.000 b failed by hand
            0.000 a skipped by hand
                  tell: stop a#1
            0.000 d#1 accepted
            0.000 d#1 completed
            0.000 second round
            0.000 b skipped for a
            0.000 c skipped for b
            0.000 workflow ended: Completed
        completed: a skipped, b skipped, c skipped, d completed
    "#]],
    );
}
