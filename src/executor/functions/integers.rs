//! Functions of whole numbers. Results are exact, or an error.

use serde_json::{Value, json};

use super::signature::{Kind, Parameter};
use super::{Bound, CallContext, Example, Function, FunctionError, Outcome, Run};

/// The hundredth Fibonacci number has 21 digits; longer sequences serve no workflow.
const MAX_FIBONACCI: i64 = 100;
/// The largest factorial that fits 64 bits.
const MAX_FACTORIAL: i64 = 20;
/// Trial division up to the root of this takes about two milliseconds.
const MAX_FACTORED: i64 = 1_000_000_000_000;

const ANY_INTEGER: Kind = Kind::Integer { min: i64::MIN, max: i64::MAX };

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "fibonacci",
        summary: "The first n Fibonacci numbers, from 0. Those beyond 64 bits (from the 95th on) are given as \
                  decimal text, because a JSON number would lose digits.",
        signature: &[Parameter::required("n", Kind::Integer { min: 0, max: MAX_FIBONACCI })],
        example: Example { args: "[10]", result: "[0, 1, 1, 2, 3, 5, 8, 13, 21, 34]" },
        run: Run::Light(fibonacci),
    },
    Function {
        name: "factorial",
        summary: "The product of all whole numbers from 1 to n.",
        signature: &[Parameter::required("n", Kind::Integer { min: 0, max: MAX_FACTORIAL })],
        example: Example { args: "[20]", result: "2432902008176640000" },
        run: Run::Light(factorial),
    },
    Function {
        name: "is_prime",
        summary: "Whether n is a prime number.",
        signature: &[Parameter::required("n", Kind::Integer { min: i64::MIN, max: MAX_FACTORED })],
        example: Example { args: "[97]", result: "true" },
        run: Run::Heavy(is_prime),
    },
    Function {
        name: "prime_factors",
        summary: "The prime factors of n in ascending order, each as often as it divides n.",
        signature: &[Parameter::required("n", Kind::Integer { min: 1, max: MAX_FACTORED })],
        example: Example { args: "[360]", result: "[2, 2, 2, 3, 3, 5]" },
        run: Run::Heavy(prime_factors),
    },
    Function {
        name: "gcd",
        summary: "The greatest common divisor of a and b; 0 only when both are 0.",
        signature: &[Parameter::required("a", ANY_INTEGER), Parameter::required("b", ANY_INTEGER)],
        example: Example { args: "[48, 36]", result: "12" },
        run: Run::Light(gcd),
    },
    Function {
        name: "lcm",
        summary: "The least common multiple of a and b; 0 when one of them is 0.",
        signature: &[Parameter::required("a", ANY_INTEGER), Parameter::required("b", ANY_INTEGER)],
        example: Example { args: "[4, 6]", result: "12" },
        run: Run::Light(lcm),
    },
];

fn fibonacci(mut bound: Bound, _: CallContext) -> Outcome {
    let terms = bound.count("n");
    let sequence = std::iter::successors(Some((0_u128, 1_u128)), |(a, b)| Some((*b, a + b)));
    Ok(sequence.take(terms).map(|(term, _)| exact(term)).collect())
}

/// A JSON number while 64 bits hold it, decimal text beyond.
fn exact(term: u128) -> Value {
    match u64::try_from(term) {
        Ok(small) => json!(small),
        Err(_) => json!(term.to_string()),
    }
}

fn factorial(mut bound: Bound, _: CallContext) -> Outcome {
    Ok(json!((1..=bound.integer("n")).product::<i64>()))
}

fn is_prime(mut bound: Bound, _: CallContext) -> Outcome {
    let n = bound.integer("n");
    Ok(json!(n > 1 && factors(n).len() == 1))
}

fn prime_factors(mut bound: Bound, _: CallContext) -> Outcome {
    Ok(json!(factors(bound.integer("n"))))
}

fn factors(mut n: i64) -> Vec<i64> {
    let mut found = Vec::new();
    let mut divisor = 2;
    while divisor * divisor <= n {
        while n % divisor == 0 {
            found.push(divisor);
            n /= divisor;
        }
        divisor += if divisor == 2 { 1 } else { 2 };
    }
    if n > 1 {
        found.push(n);
    }
    found
}

fn divisor_of(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn gcd(mut bound: Bound, _: CallContext) -> Outcome {
    Ok(json!(divisor_of(bound.integer("a").unsigned_abs(), bound.integer("b").unsigned_abs())))
}

fn lcm(mut bound: Bound, _: CallContext) -> Outcome {
    let (a, b) = (bound.integer("a").unsigned_abs(), bound.integer("b").unsigned_abs());
    if a == 0 || b == 0 {
        return Ok(json!(0));
    }
    (a / divisor_of(a, b)).checked_mul(b).map(|multiple| json!(multiple)).ok_or_else(|| {
        FunctionError::bad_argument(format!("the least common multiple of {a} and {b} does not fit 64 bits"))
    })
}
