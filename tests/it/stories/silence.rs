//! What counts, silences, refusals and restarts say of workers, and what they do not.
#![expect(clippy::needless_raw_string_hashes, reason = "expected outputs are written alike")]

use expect_test::expect;

use super::teller::check;

#[test]
fn an_offer_on_its_way_is_no_task_that_a_count_misses() {
    check(
        "submit continue a b c; legacy w1; accept w1 a; accept w1 b; break w1; +1s; legacy w1; done w1 b; \
         count w1 1; count w1 1; accept w1 c; count w1 2; count w1 2; done w1 c; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 accepted
                0.000 b#1 accepted
                1.000 b#1 completed
                1.000 offer c#1 to w1
                1.000 c#1 accepted
                1.000 c#1 completed
                1.000 a#1 completed
                1.000 workflow ended: Completed
            completed: a completed, b completed, c completed
        "#]],
    );
}

#[test]
fn what_two_counts_in_a_row_miss_after_a_reconnect_is_lost() {
    check(
        "submit continue a b c; legacy w1; accept w1 a; accept w1 b; break w1; +1s; legacy w1; \
         count w1 1; count w1 0; count w1 1; count w1 0; count w1 0",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 accepted
                0.000 b#1 accepted
                1.000 a#1 lost: Forgotten
                1.000 b#1 lost: Forgotten
                1.000 offer a#2 to w1
                1.000 offer b#2 to w1
            running: a assigned, b assigned, c queued
        "#]],
    );
}

#[test]
fn a_restart_does_not_shorten_the_time_in_which_an_attempt_may_still_run() {
    check(
        "submit continue a; legacy w1; accept w1 a; cancel a; retry a; restart 5s; legacy w1; \
         +40s; count w1 1; +40s; count w1 1; +39s; pause; resume; +2s; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                0.000 a cancelled
                0.000 workflow ended: Failed
                      tell: stop a#1
                0.000 workflow written again
                0.000 retry a
                5.000 restart
                      tell: stop a#1
              124.000 workflow paused
              124.000 workflow resumed
              125.000 w1 released a#1
              125.000 offer a#2 to w1
              126.000 a#2 completed
              126.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn a_restart_leaves_a_longer_time_as_it_was() {
    check(
        "submit continue a; legacy w1; accept w1 a; +90s; count w1 1; +90s; count w1 1; cancel a; retry a; \
         restart 5s; legacy w1; +40s; count w1 1; +90s; count w1 1; +90s; count w1 1; +90s; count w1 1; +46s; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
              180.000 a cancelled
              180.000 workflow ended: Failed
                      tell: stop a#1
              180.000 workflow written again
              180.000 retry a
              185.000 restart
                      tell: stop a#1
              540.000 w1 released a#1
              540.000 offer a#2 to w1
              541.000 a#2 completed
              541.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn who_is_at_capacity_is_asked_again_when_it_is_heard_of() {
    check(
        "submit continue a b c; worker w1; refuse w1 a; refuse w1 b; +20s; beat w1; accept w1 a; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 refused: AtCapacity
                0.000 b#1 refused: AtCapacity
               20.000 offer a#2 to w1
               20.000 offer b#2 to w1
               20.000 a#2 accepted
               20.000 a#2 completed
               20.000 offer c#1 to w1
            running: a completed, b assigned, c assigned
        "#]],
    );
}

#[test]
fn who_left_an_offer_unanswered_gets_nothing_until_it_speaks() {
    check(
        "submit continue a b c; worker w1; +100s; beat w1; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
               10.000 a#1 lost: NotAccepted, releasing
               10.000 b#1 lost: NotAccepted, releasing
                      tell: stop a#1
                      tell: stop b#1
               40.000 w1 released a#1
               40.000 w1 released b#1
              100.000 offer a#2 to w1
              100.000 offer b#2 to w1
              100.000 a#2 completed
              100.000 offer c#1 to w1
            running: a completed, b assigned, c assigned
        "#]],
    );
}

#[test]
fn who_was_silent_for_too_long_gets_nothing_until_it_speaks() {
    check(
        "worker w1; +61s; submit continue a; +30s; beat w1; +1s; done w1 a",
        &expect![[r#"
               91.000 offer a#1 to w1
               92.000 a#1 completed
               92.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn who_loses_one_offer_and_is_heard_of_gets_others() {
    check(
        "submit continue a b; worker w1; accept w1 b; +5s; beat w1 b; +6s; done w1 a; done w1 b",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 b#1 accepted
               10.000 a#1 lost: NotAccepted, releasing
                      tell: stop a#1
               11.000 a#1 late report
               11.000 w1 released a#1
               11.000 offer a#2 to w1
              refused: STALE_ATTEMPT
               11.000 b#1 completed
            running: a assigned, b completed
        "#]],
    );
}

#[test]
fn the_interval_of_an_earlier_client_is_learned() {
    check(
        "submit continue a; legacy w1; accept w1 a; +90s; count w1 1; +90s; count w1 1; +119s; count w1 1; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
              299.000 a#1 completed
              299.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn an_earlier_client_with_the_usual_interval_is_missed_after_two_of_them() {
    check(
        "submit continue a; legacy w1; accept w1 a; +30s; count w1 1; +30s; count w1 1; +61s; worker w2; done w2 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
              120.000 a#1 lost: Silent, releasing
                      tell: stop a#1
              121.000 offer a#2 to w2
              121.000 a#2 completed
              121.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn a_retry_by_hand_asks_those_again_who_had_no_handler() {
    check(
        "submit continue a; worker w1; worker w2; nohandler w1 a; nohandler w2 a; retry a; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 refused: NoHandler
                0.000 offer a#2 to w2
                0.000 a#2 failed for good: NO_WORKER_FOR_TASK
                0.000 workflow ended: Failed
                0.000 workflow written again
                0.000 retry a
                0.000 offer a#3 to w1
                0.000 a#3 completed
                0.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn who_registers_again_may_have_the_handler_it_had_not() {
    check(
        "submit continue a; worker w1; worker w2; nohandler w1 a; bye w2; +60s; bye w1; worker w1; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 refused: NoHandler
                0.000 offer a#2 to w2
                0.000 a#2 lost: Disconnected
               60.000 offer a#3 to w1
               60.000 a#3 completed
               60.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn what_came_back_from_a_worker_keeps_its_priority() {
    check(
        "submit continue c a u^(c) v^(c) w; worker w1; done w1 c; bye w1; worker w2; done w2 u; done w2 v; done w2 a; \
         done w2 w",
        &expect![[r#"
                0.000 offer c#1 to w1
                0.000 offer a#1 to w1
                0.000 c#1 completed
                0.000 offer u#1 to w1
                0.000 a#1 lost: Disconnected
                0.000 u#1 lost: Disconnected
                0.000 offer u#2 to w2
                0.000 offer v#1 to w2
                0.000 u#2 completed
                0.000 offer a#2 to w2
                0.000 v#1 completed
                0.000 offer w#1 to w2
                0.000 a#2 completed
                0.000 w#1 completed
                0.000 workflow ended: Completed
            completed: c completed, a completed, u completed, v completed, w completed
        "#]],
    );
}

#[test]
fn a_list_on_the_same_connection_misses_no_offer_on_its_way() {
    check(
        "submit continue a b; worker w1; accept w1 b; again w1 b; again w1; accept w1 a; again w1 a; again w1; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 b#1 accepted
                0.000 b#1 lost: Forgotten
                0.000 offer b#2 to w1
                0.000 a#1 accepted
                0.000 a#1 lost: Forgotten
                0.000 offer a#2 to w1
                0.000 a#2 completed
            running: a completed, b assigned
        "#]],
    );
}

#[test]
fn a_worker_cannot_put_a_retry_off_for_ever() {
    check(
        "submit continue a; worker w1; centuries w1 a; sleep 3599s; pause; resume; sleep 2s; beat w1; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 failed to be retried: TASK_EXECUTION_FAILED
             3599.000 workflow paused
             3599.000 workflow resumed
             3601.000 a requeued
             3601.000 offer a#2 to w1
             3601.000 a#2 completed
             3601.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn reports_of_what_somebody_else_holds_or_what_has_ended_change_nothing() {
    check(
        "submit continue a b; worker w1; worker w2; accept w1 a; done w2 a; cancel a; done w1 a; stale a; full; retry a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 accepted
                0.000 a#1 late report
              refused: TASK_NOT_HELD
                0.000 a cancelled
                      tell: stop a#1
                0.000 a#1 late report
                0.000 w1 released a#1
              refused: TASK_ALREADY_ENDED
              refused: PARAMETERS_CHANGED
              refused: DISK_SPACE_FULL
            running: a cancelled, b assigned
        "#]],
    );
}

#[test]
fn deadlines_wait_while_the_disk_is_full() {
    check(
        "submit continue a b~; worker w1; accept w1 a; full; +400s; free; +1s",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 accepted
              400.001 a#1 failed to be retried: TASK_TIMEOUT, releasing
              400.001 b#1 lost: NotAccepted, releasing
                      tell: stop a#1
                      tell: stop b#1
            running: a retrying, b queued
        "#]],
    );
}

#[test]
fn an_attempt_whose_worker_left_says_so_in_its_history() {
    check(
        "submit continue a; worker w1; accept w1 a; bye w1; history a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                0.000 a#1 lost: Disconnected
               history: attempt 1 NODE_HEARTBEAT_TIMEOUT
            running: a queued
        "#]],
    );
}
