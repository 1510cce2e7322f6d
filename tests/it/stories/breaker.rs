//! Breakers, retries that somebody else times, and poison.
#![expect(clippy::needless_raw_string_hashes, reason = "expected outputs are written alike")]

use expect_test::expect;

use super::teller::check;

#[test]
fn five_failures_open_the_breaker_and_one_result_closes_it() {
    check(
        "submit continue a~ b~ c~ d~ e~ f g; worker w1; fail w1 a; fail w1 b; fail w1 c; fail w1 d; fail w1 e; \
         +59s; +1s; done w1 f; done w1 g",
        &expect![[r#""#]],
    );
}

#[test]
fn a_failure_while_half_open_opens_the_breaker_again() {
    check(
        "submit continue a~ b~ c~ d~ e~ f~ g; worker w1; fail w1 a; fail w1 b; fail w1 c; fail w1 d; fail w1 e; \
         restart 5s; worker w1; +55s; fail w1 f; +60s; done w1 g",
        &expect![[r#""#]],
    );
}

#[test]
fn a_task_that_loses_five_workers_fails_with_its_history() {
    check(
        "submit continue a; worker w1; bye w1; worker w2; bye w2; worker w3; bye w3; worker w4; bye w4; worker w5; bye w5",
        &expect![[r#""#]],
    );
}

#[test]
fn a_failure_says_when_to_try_again() {
    check("submit continue a; worker w1; later w1 a; +7s; done w1 a", &expect![[r#""#]]);
}

#[test]
fn a_drained_worker_finishes_what_it_holds() {
    check(
        "submit continue a b c; worker w1; drain w1; done w1 a; done w1 b; +5s; undrain w1; done w1 c",
        &expect![[r#""#]],
    );
}

#[test]
fn a_result_that_nobody_can_take_fails_its_task_at_once() {
    check("submit continue a b(a); worker w1; accept w1 a; huge w1 a; huge w1 a#1", &expect![[r#""#]]);
}
