//! Values from nothing but the seed and the reading of the clock that came with the call.

use jiff::Timestamp;
use rand::rngs::ChaCha8Rng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::signature::{DefaultValue, Kind, Parameter};
use super::{Bound, CallContext, Example, Function, FunctionError, Outcome, Run, statistics};

/// 100,000 floats are 2 MiB of JSON, a quarter of what a result may hold.
const MAX_ITEMS: i64 = 100_000;

const WORDS: [&str; 20] = [
    "anchor", "birch", "candle", "delta", "ember", "falcon", "garnet", "harbor", "island", "juniper",
    "kettle", "lantern", "meadow", "nickel", "orchard", "pebble", "quartz", "river", "saddle", "timber",
];

const LIMIT: Kind = Kind::Number { min: f64::MIN, max: f64::MAX };

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "random_data",
        summary: "A list of random values: whole numbers or floats from min to max, words, or booleans.",
        signature: &[
            Parameter::optional(
                "data_type",
                Kind::Choice(&["numbers", "floats", "words", "booleans"]),
                DefaultValue::Text("numbers"),
            ),
            Parameter::optional("count", Kind::Integer { min: 0, max: MAX_ITEMS }, DefaultValue::Integer(10)),
            Parameter::optional("min", LIMIT, DefaultValue::Number(0.0)),
            Parameter::optional("max", LIMIT, DefaultValue::Number(100.0)),
        ],
        example: Example { args: r#"["numbers", 5, 1, 6]"#, result: "[5, 1, 2, 6, 2]" },
        run: Run::Light(random_data),
    },
    Function {
        name: "generate_uuid",
        summary: "A random UUID (version 4).",
        signature: &[],
        example: Example { args: "[]", result: r#""73f1330e-2446-48c2-b3a5-7312418ca924""# },
        run: Run::Light(generate_uuid),
    },
    Function {
        name: "current_timestamp",
        summary: "The time of the call in UTC: {unix_timestamp (seconds), iso_format, utc_iso, readable, \
                  date_only, time_only}.",
        signature: &[],
        example: Example {
            args: "[]",
            result: r#"{"unix_timestamp": 1700000000, "iso_format": "2023-11-14T22:13:20.123+00:00",
                        "utc_iso": "2023-11-14T22:13:20.123Z", "readable": "2023-11-14 22:13:20",
                        "date_only": "2023-11-14", "time_only": "22:13:20"}"#,
        },
        run: Run::Light(current_timestamp),
    },
];

/// The stream of random bits of this call. The clock is part of the seed, so that two instances that count
/// their seeds alike still differ.
fn random(context: CallContext) -> ChaCha8Rng {
    let mut seed = [0; 32];
    let (first, rest) = seed.split_at_mut(8);
    first.copy_from_slice(&context.seed.to_le_bytes());
    let (second, _) = rest.split_at_mut(8);
    second.copy_from_slice(&context.now_ms.to_le_bytes());
    ChaCha8Rng::from_seed(seed)
}

fn random_data(mut bound: Bound, context: CallContext) -> Outcome {
    let data_type = bound.text("data_type");
    let count = bound.count("count");
    let (min, max) = (bound.number("min"), bound.number("max"));
    if min > max {
        return Err(
            bound.refuse(&format!("expects `min` to be at most `max`, and {min} and {max} were given"))
        );
    }
    let mut random = random(context);
    match data_type.as_str() {
        "words" => {
            let word = |_| WORDS.get(random.random_range(0..WORDS.len())).map(|word| json!(word));
            Ok((0..count).filter_map(word).collect())
        }
        "booleans" => Ok((0..count).map(|_| json!(random.random::<bool>())).collect()),
        "floats" => {
            statistics::finite(max - min)?;
            Ok((0..count).map(|_| json!(random.random_range(min..=max))).collect())
        }
        _ => {
            let (min, max) = (whole(&bound, "min", min.ceil())?, whole(&bound, "max", max.floor())?);
            if min > max {
                return Err(bound.refuse("finds no whole number between `min` and `max`"));
            }
            Ok((0..count).map(|_| json!(random.random_range(min..=max))).collect())
        }
    }
}

fn whole(bound: &Bound, name: &str, value: f64) -> Result<i64, FunctionError> {
    serde_json::Number::from_f64(value)
        .as_ref()
        .and_then(super::bind::whole)
        .ok_or_else(|| bound.refuse(&format!("takes whole numbers up to 2^53, and `{name}` is {value:e}")))
}

fn generate_uuid(_: Bound, context: CallContext) -> Outcome {
    let mut bytes = [0; 16];
    random(context).fill_bytes(&mut bytes);
    Ok(json!(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()))
}

fn current_timestamp(_: Bound, context: CallContext) -> Outcome {
    let now = i64::try_from(context.now_ms)
        .ok()
        .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
        .ok_or_else(|| {
            FunctionError::bad_argument(format!(
                "the clock reads {} ms, a date beyond the year 9999",
                context.now_ms
            ))
        })?;
    let format = |pattern: &str| Value::String(now.strftime(pattern).to_string());
    Ok(json!({
        "unix_timestamp": now.as_second(),
        "iso_format": format("%Y-%m-%dT%H:%M:%S.%3f+00:00"),
        "utc_iso": format("%Y-%m-%dT%H:%M:%S.%3fZ"),
        "readable": format("%Y-%m-%d %H:%M:%S"),
        "date_only": format("%Y-%m-%d"),
        "time_only": format("%H:%M:%S"),
    }))
}
