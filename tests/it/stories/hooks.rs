//! What becomes of webhooks: cursors that never skip an end, tries that are counted, receivers that stay away.
#![expect(clippy::needless_raw_string_hashes, reason = "expected outputs are written alike")]

use expect_test::expect;

use super::teller::check;

#[test]
fn each_end_is_told_once_and_in_its_order() {
    check(
        "hook; worker w1; submit continue a b(a); accept w1 a; done w1 a; accept w1 b; done w1 b; hook takes e1; hook takes e2; restart 5s; hook takes e3; hook takes e3; hooked",
        &expect![[r#"
                0.000 hook made
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                0.000 a#1 completed
                0.000 offer b#1 to w1
                0.000 b#1 accepted
                0.000 b#1 completed
                0.000 workflow ended: Completed
                0.000 hook told 7 task.completed, try 1: taken
                0.000 hook told 10 task.completed, try 1: taken
                5.000 restart
                5.000 hook told 11 workflow.completed, try 1: taken
               hook Enabled, 0 ends left, 0 given up in a row: e1 Delivered after 1; e2 Delivered after 1; e3 Delivered after 1
            completed: a completed, b completed
        "#]],
    );
}

#[test]
fn a_refusal_is_tried_again_after_a_pause_that_grows_and_is_counted_over_restarts() {
    check(
        "hook; worker w1; submit continue a; accept w1 a; done w1 a; hook refuses e1; hook refuses e1; checkpoint; hook begs e1; restart 5s; hooked; hook takes e1; hooked",
        &expect![[r#"
                0.000 hook made
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                0.000 a#1 completed
                0.000 workflow ended: Completed
                0.000 hook told 7 task.completed, try 1: refused, to be sent again
                0.000 hook told 7 task.completed, try 2: refused, to be sent again
                5.000 restart
               hook Enabled, 2 ends left, 0 given up in a row: e1 RetryAt(Timestamp(1100000)) after 3
                5.000 hook told 7 task.completed, try 4: taken
               hook Enabled, 1 ends left, 0 given up in a row: e1 Delivered after 4
            archived
        "#]],
    );
}

#[test]
fn ends_that_nobody_takes_are_given_up_and_disable_the_webhook() {
    check(
        "hook; worker w1; submit continue a b c d e f; accept w1 a; done w1 a; accept w1 b; done w1 b; hook fails e1; hook takes e2; hooked; accept w1 c; done w1 c; accept w1 d; done w1 d; accept w1 e; done w1 e; accept w1 f; done w1 f; hook fails e3; hook fails e4; hook fails e5; hook fails e6; hook fails e7; hooked; hook on; hooked",
        &expect![[r#"
                0.000 hook made
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 accepted
                0.000 a#1 completed
                0.000 offer c#1 to w1
                0.000 b#1 accepted
                0.000 b#1 completed
                0.000 offer d#1 to w1
                0.000 hook told 8 task.completed, try 1: refused, to be sent again
                0.000 hook told 8 task.completed, try 2: refused, to be sent again
                0.000 hook told 8 task.completed, try 16: refused, given up
                0.000 hook told 11 task.completed, try 1: taken
               hook Enabled, 0 ends left, 0 given up in a row: e1 GivenUp after 16; e2 Delivered after 1
                0.000 c#1 accepted
                0.000 c#1 completed
                0.000 offer e#1 to w1
                0.000 d#1 accepted
                0.000 d#1 completed
                0.000 offer f#1 to w1
                0.000 e#1 accepted
                0.000 e#1 completed
                0.000 f#1 accepted
                0.000 f#1 completed
                0.000 workflow ended: Completed
                0.000 hook told 31 task.completed, try 1: refused, to be sent again
                0.000 hook told 31 task.completed, try 2: refused, to be sent again
                0.000 hook told 31 task.completed, try 16: refused, given up
                0.000 hook told 34 task.completed, try 1: refused, to be sent again
                0.000 hook told 34 task.completed, try 2: refused, to be sent again
                0.000 hook told 34 task.completed, try 16: refused, given up
                0.000 hook told 37 task.completed, try 1: refused, to be sent again
                0.000 hook told 37 task.completed, try 2: refused, to be sent again
                0.000 hook told 37 task.completed, try 16: refused, given up
                0.000 hook told 39 task.completed, try 1: refused, to be sent again
                0.000 hook told 39 task.completed, try 2: refused, to be sent again
                0.000 hook told 39 task.completed, try 16: refused, given up
                0.000 hook told 40 workflow.completed, try 1: refused, to be sent again
                0.000 hook told 40 workflow.completed, try 2: refused, to be sent again
                0.000 hook told 40 workflow.completed, try 16: refused, given up
                0.000 hook disabled: GivenUp
               hook Disabled(GivenUp), 0 ends left, 5 given up in a row: e1 GivenUp after 16; e2 Delivered after 1; e3 GivenUp after 16; e4 GivenUp after 16; e5 GivenUp after 16; e6 GivenUp after 16; e7 GivenUp after 16
                0.000 hook goes on at 41
               hook Enabled, 0 ends left, 0 given up in a row: e1 GivenUp after 16; e2 Delivered after 1; e3 GivenUp after 16; e4 GivenUp after 16; e5 GivenUp after 16; e6 GivenUp after 16; e7 GivenUp after 16
            completed: a completed, b completed, c completed, d completed, e completed, f completed
        "#]],
    );
}

#[test]
fn a_receiver_that_is_gone_needs_no_second_try() {
    check(
        "hook; worker w1; submit continue a; accept w1 a; done w1 a; hook leaves e1; hooked; hook on; hook takes e2; hooked",
        &expect![[r#"
                0.000 hook made
                0.000 offer a#1 to w1
                0.000 a#1 accepted
                0.000 a#1 completed
                0.000 workflow ended: Completed
                0.000 hook told 7 task.completed, try 1: refused, given up
                0.000 hook disabled: Gone
               hook Disabled(Gone), 1 ends left, 1 given up in a row: e1 GivenUp after 1
                0.000 hook goes on at 8
                0.000 hook told 8 workflow.completed, try 1: taken
               hook Enabled, 0 ends left, 0 given up in a row: e1 GivenUp after 1; e2 Delivered after 1
            completed: a completed
        "#]],
    );
}

#[test]
fn a_paused_webhook_waits_where_it_is_or_begins_anew() {
    check(
        "hook; worker w1; submit continue a b; accept w1 a; done w1 a; hook refuses e1; hook off; hook off; restart 1s; hooked; hook on; hook on; hooked; hook off; hook anew; hooked; hook same; hook to https://elsewhere.example/; hook gone; hook takes e1",
        &expect![[r#"
                0.000 hook made
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 accepted
                0.000 a#1 completed
                0.000 hook told 8 task.completed, try 1: refused, to be sent again
                0.000 hook paused
                1.000 restart
               hook Paused, 1 ends left, 0 given up in a row: e1 RetryAt(Timestamp(1001017)) after 1
                1.000 hook goes on at 8
               hook Enabled, 1 ends left, 0 given up in a row: e1 RetryAt(Timestamp(1001017)) after 1
                1.000 hook paused
                1.000 hook goes on at 14
               hook Enabled, 0 ends left, 0 given up in a row: e1 GivenUp after 1
                1.000 hook changed
                1.000 hook deleted
              refused: WEBHOOK_NOT_FOUND
            running: a completed, b assigned
        "#]],
    );
}

#[test]
fn words_by_hand_take_nothing_from_those_in_turn() {
    check(
        "hook; worker w1; submit continue a b; accept w1 a; done w1 a; accept w1 b; done w1 b; hook takes e1; hook invain e1; hook refuses e2; hook invain e2; hook again e2; hooked; hook again e1; hook again e3; hooked",
        &expect![[r#"
                0.000 hook made
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 accepted
                0.000 a#1 completed
                0.000 b#1 accepted
                0.000 b#1 completed
                0.000 workflow ended: Completed
                0.000 hook told 8 task.completed, try 1: taken
                0.000 hook told 8 task.completed by hand, try 2: refused
                0.000 hook told 10 task.completed, try 1: refused, to be sent again
                0.000 hook told 10 task.completed by hand, try 2: refused, to be sent again
                0.000 hook told 10 task.completed by hand, try 3: taken
               hook Enabled, 1 ends left, 0 given up in a row: e1 Delivered after 2; e2 Delivered after 3
                0.000 hook told 8 task.completed by hand, try 3: taken
                0.000 hook told 11 workflow.completed by hand, try 1: taken
               hook Enabled, 1 ends left, 0 given up in a row: e1 Delivered after 3; e2 Delivered after 3; e3 Delivered after 1
            completed: a completed, b completed
        "#]],
    );
}

#[test]
fn cursors_pass_over_what_is_not_wanted_and_say_what_they_missed() {
    check(
        "hook; worker w1; submit continue a b; accept w1 a; done w1 a; hook refuses e1; hook pass end; hook pass e1; hooked; accept w1 b; done w1 b; hook miss end; hooked; carry; restart 1s; hooked",
        &expect![[r#"
                0.000 hook made
                0.000 offer a#1 to w1
                0.000 offer b#1 to w1
                0.000 a#1 accepted
                0.000 a#1 completed
                0.000 hook told 8 task.completed, try 1: refused, to be sent again
                0.000 hook passed to 10
               hook Enabled, 0 ends left, 0 given up in a row: e1 GivenUp after 1
                0.000 b#1 accepted
                0.000 b#1 completed
                0.000 workflow ended: Completed
                0.000 hook missed what was before 14
               hook Enabled, 0 ends left, 0 given up in a row: e1 GivenUp after 1
                0.000 hook written again
                1.000 restart
               hook Enabled, 0 ends left, 0 given up in a row: e1 GivenUp after 1
            completed: a completed, b completed
        "#]],
    );
}
