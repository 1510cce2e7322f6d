//! Workers that come back under their node id, and whether they still have what they held.
#![expect(clippy::needless_raw_string_hashes, reason = "expected outputs are written alike")]

use expect_test::expect;

use super::teller::check;

#[test]
fn what_a_new_process_cannot_hold_is_handed_out_again_in_bounded_time() {
    check(
        "submit continue a; legacy w1; accept w1 a; break w1; +1s; legacy w1; why a; +50s; why a; +10s; done w1 a; history a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
               why: a is processing: worker w1 came back 0 s ago and has not said that it still works on this: unless a report or a heartbeat shows that it does, it is handed out again in 55 s
                      tell: stop a#1
               why: a is processing: worker w1 came back 50 s ago and has not said that it still works on this: unless a report or a heartbeat shows that it does, it is handed out again in 5 s
               56.000 a#1 lost: Unconfirmed
               56.000 offer a#2 to w1
               61.000 a#2 completed
               61.000 workflow ended: Completed
               history: attempt 1 TASK_NOT_HELD
            completed: a completed
        "#]],
    );
}

#[test]
fn one_count_that_misses_it_is_enough_in_the_end() {
    check(
        "submit continue a; legacy w1; accept w1 a; break w1; +1s; legacy w1; +30s; count w1 0; why a; +15s; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
               why: a is processing: worker w1 came back 30 s ago and has not said that it still works on this: unless a report or a heartbeat shows that it does, it is handed out again in 15 s
               46.000 a#1 lost: Forgotten
               46.000 offer a#2 to w1
               46.000 a#2 completed
               46.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn a_count_that_holds_it_ends_the_doubt() {
    check(
        "submit continue a; legacy w1; accept w1 a; break w1; +1s; legacy w1; +30s; count w1 1; +200s; count w1 1; why a; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
               why: a is processing: runs on w1
              231.000 a#1 completed
              231.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn progress_ends_the_doubt_about_its_task_alone() {
    check(
        "submit continue a b; legacy w1; accept w1 a; accept w1 b; break w1; +1s; legacy w1; +5s; progress w1 a; why a; +51s; \
         done w1 a; done w1 b",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 accepted
                0.000 b#1 accepted
               why: a is processing: runs on w1
                      tell: stop b#1
               56.000 b#1 lost: Unconfirmed
               56.000 offer b#2 to w1
               57.000 a#1 completed
               57.000 b#2 completed
               57.000 workflow ended: Completed
            completed: a completed, b completed
        "#]],
    );
}

#[test]
fn who_works_on_it_after_all_stops_when_it_is_told_and_begins_again() {
    check(
        "submit continue a; legacy w1; accept w1 a; break w1; +1s; legacy w1; +46s; stopped w1 a; +1s; done w1 a; history a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                      tell: stop a#1
               47.000 a#1 lost: Unconfirmed
               47.000 offer a#2 to w1
               48.000 a#2 completed
               48.000 workflow ended: Completed
               history: attempt 1 TASK_NOT_HELD
            completed: a completed
        "#]],
    );
}

#[test]
fn a_result_counts_until_the_attempt_is_given_up() {
    check(
        "submit continue a; legacy w1; accept w1 a; break w1; +1s; legacy w1; +54s; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                      tell: stop a#1
               55.000 a#1 completed
               55.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn another_instance_holds_nothing_and_the_same_one_everything() {
    check(
        "submit continue a; process w1 one; accept w1 a; break w1; process w1 one; +200s; count w1 1; break w1; \
         process w1 two; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
              200.000 a#1 lost: Forgotten
              200.000 offer a#2 to w1
              200.000 a#2 completed
              200.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn after_a_restart_of_the_server_it_is_the_same() {
    check(
        "submit continue a; legacy w1; accept w1 a; restart 5s; legacy w1; +60s; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                5.000 restart
                      tell: stop a#1
               60.000 a#1 lost: Unconfirmed
               60.000 offer a#2 to w1
               65.000 a#2 completed
               65.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn who_comes_back_after_its_grace_is_told_again_to_stop_and_may_say_so_at_once() {
    check(
        "submit continue a; legacy w1; accept w1 a; restart 5s; +31s; legacy w1; +1s; stopped w1 a; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                5.000 restart
               35.000 a#1 lost: Disconnected, releasing
                      tell: stop a#1
               37.000 w1 released a#1
               37.000 offer a#2 to w1
               37.000 a#2 completed
               37.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn who_comes_back_after_its_grace_and_shows_nothing_gets_it_again_soon() {
    check(
        "submit continue a; legacy w1; accept w1 a; restart 5s; +31s; legacy w1; +46s; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                5.000 restart
               35.000 a#1 lost: Disconnected, releasing
                      tell: stop a#1
               81.000 w1 released a#1
               81.000 offer a#2 to w1
               82.000 a#2 completed
               82.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn a_list_in_a_heartbeat_says_what_a_registration_did_not() {
    check(
        "submit continue a b; worker w1; accept w1 a; accept w1 b; break w1; worker w1; beat w1 a; done w1 a; done w1 b",
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
fn an_earlier_client_with_rare_heartbeats_is_given_the_time_for_one() {
    check(
        "submit continue a; legacy w1; accept w1 a; +70s; count w1 1; +70s; count w1 1; break w1; +1s; legacy w1; +70s; \
         count w1 1; +40s; why a; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                0.000 a#1 accepted
               why: a is processing: runs on w1
              251.000 a#1 completed
              251.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}

#[test]
fn who_registers_twice_on_one_connection_is_not_back() {
    check(
        "submit continue a; legacy w1; +1s; accept w1 a; legacy w1 w1; count w1 0; count w1 0; +50s; count w1 0; +10s; why a; done w1 a",
        &expect![[r#"
                0.000 offer a#1 to w1
                1.000 a#1 accepted
               why: a is processing: runs on w1
               61.000 a#1 completed
               61.000 workflow ended: Completed
            completed: a completed
        "#]],
    );
}
