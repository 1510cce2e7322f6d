//! Golden tests through the one door: a call in, its result or refusal out.
#![expect(clippy::needless_raw_string_hashes, reason = "all calls are written alike, with quotes or without")]

mod large_numbers;

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use serde_json::{Map, Value, json};

use super::{CallContext, Cost, all, call, find, nearest};

const CONTEXT: CallContext = CallContext { now_ms: 1_700_000_000_123, seed: 7 };

async fn run(name: &str, args: &str, kwargs: &str) -> Result<Value, super::FunctionError> {
    let args: Vec<Value> = serde_json::from_str(args).expect("the arguments of a test are JSON");
    let kwargs: Map<String, Value> = serde_json::from_str(kwargs).expect("keywords of a test are JSON");
    call(name, args, kwargs, CONTEXT).await
}

/// Runs calls written as `name [args] {kwargs}` and compares each with its result or refusal, a line each.
async fn check(calls: &[&str], expected: Expect) {
    let mut lines = String::new();
    for call in calls {
        let (name, rest) = call.split_once(' ').expect("a call has arguments");
        let mut parts = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let args = parts.next().expect("a list of arguments").expect("JSON").to_string();
        let kwargs = parts.next().map_or("{}".to_owned(), |part| part.expect("JSON").to_string());
        let outcome = match run(name, &args, &kwargs).await {
            Ok(value) => value.to_string(),
            Err(error) => format!("{}: {}", error.code, error.message),
        };
        writeln!(lines, "{outcome}").expect("writing to a string");
    }
    expected.assert_eq(&lines);
}

#[tokio::test]
async fn every_example_gives_its_result() {
    for function in all() {
        let example = function.example;
        let expected: Value = serde_json::from_str(example.result).expect("the result is JSON");
        let found = run(function.name, example.args, "{}").await;
        assert_eq!(found, Ok(expected), "{}{}", function.name, example.args);
    }
}

#[test]
fn names_are_unique_and_found() {
    for pair in all().windows(2) {
        assert!(pair[0].name < pair[1].name, "{} and {}", pair[0].name, pair[1].name);
    }
    for function in all() {
        assert_eq!(find(function.name).map(|found| found.name), Some(function.name));
    }
    assert_eq!(nearest("csv_parser"), Some("csv_parse"));
    assert_eq!(nearest("xyzzy"), None);
    assert_eq!(find("histogram").map(super::Function::usage).as_deref(), Some("histogram(numbers, bins=10)"));
    assert_eq!(find("async_timer").map(super::Function::cost), Some(Cost::Waiting));
}

#[tokio::test]
async fn wrong_calls_say_what_is_wrong() {
    check(
        &[
            r#"csv_prase []"#,
            r#"fibonacci [101]"#,
            r#"fibonacci ["ten"]"#,
            r#"fibonacci [2.5]"#,
            r#"fibonacci []"#,
            r#"fibonacci [1, 2]"#,
            r#"fibonacci [1] {"n": 2}"#,
            r#"histogram [[1]] {"bin": 2}"#,
            r#"hash_text ["a", "sha512"]"#,
            r#"analyze_numbers [[1, "2", "x"]]"#,
            r#"analyze_numbers [[]]"#,
            r#"group_by [[{"a": 1}, 2], "a"]"#,
        ],
        expect![[r#"
            GZ2020: there is no built-in function `csv_prase`; did you mean `csv_parse`?; `gleitzeit functions` lists all 33
            GZ7001: fibonacci expects a whole number from 0 to 100 as argument `n`, and 101 was given; usage: fibonacci(n)
            GZ7001: fibonacci expects a whole number from 0 to 100 as argument `n`, and the text "ten" was given; usage: fibonacci(n)
            GZ7001: fibonacci expects a whole number from 0 to 100 as argument `n`, and 2.5 was given; usage: fibonacci(n)
            GZ7001: fibonacci needs the argument `n`, a whole number from 0 to 100; usage: fibonacci(n)
            GZ7001: fibonacci takes at most 1 arguments, and 2 were given; usage: fibonacci(n)
            GZ7001: fibonacci was given argument `n` both by position and by name; usage: fibonacci(n)
            GZ7001: histogram has no argument `bin`; did you mean `bins`?; usage: histogram(numbers, bins=10)
            GZ7001: hash_text expects one of sha256, sha1, md5 as argument `algorithm`, and the text "sha512" was given; usage: hash_text(text, algorithm="sha256")
            GZ7001: analyze_numbers expects a list of at most 1000000 numbers as argument `numbers`, and a list with the text "x" at position 2 was given; usage: analyze_numbers(numbers)
            GZ7001: analyze_numbers expects at least one number in `numbers`, and an empty list was given; usage: analyze_numbers(numbers)
            GZ7001: group_by expects a list of at most 1000000 records (objects) as argument `records`, and a list with 2 at position 1 was given; usage: group_by(records, field)
        "#]],
    )
    .await;
}

#[tokio::test]
async fn whole_numbers_are_exact() {
    check(
        &[r#"fibonacci [0]"#, r#"fibonacci [3.0]"#],
        expect![[r#"
        []
        [0,1,1]
    "#]],
    )
    .await;
    let sequence = run("fibonacci", "[100]", "{}").await.expect("100 terms are allowed");
    assert_eq!(sequence[93], json!(12_200_160_415_121_876_738_u64));
    assert_eq!(sequence[99], json!("218922995834555169026"));
    check(
        &[
            r#"factorial [0]"#,
            r#"is_prime [-7]"#,
            r#"is_prime [1]"#,
            r#"is_prime [999999999989]"#,
            r#"prime_factors [1]"#,
            r#"prime_factors [1000000000000]"#,
            r#"gcd [-48, 36]"#,
            r#"gcd [0, 0]"#,
            r#"lcm [0, 5]"#,
            r#"lcm [9223372036854775807, 9223372036854775806]"#,
        ],
        expect![[r#"
            1
            false
            false
            true
            []
            [2,2,2,2,2,2,2,2,2,2,2,2,5,5,5,5,5,5,5,5,5,5,5,5]
            12
            0
            0
            GZ7001: the least common multiple of 9223372036854775807 and 9223372036854775806 does not fit 64 bits
        "#]],
    )
    .await;
}

#[tokio::test]
async fn numbers_are_described() {
    check(
        &[
            r#"analyze_numbers [[1, 2, 3, 4, 5]]"#,
            r#"analyze_numbers [["1.5", " 2.5 ", 4]]"#,
            r#"analyze_numbers [[1, 1, 2, 2, 3]]"#,
            r#"analyze_numbers [[-0.5]]"#,
            r#"analyze_numbers [[1e308, 1e308]]"#,
            r#"analyze_numbers [[9223372036854775807, -9223372036854775808]]"#,
            r#"histogram [[3, 3, 3]]"#,
            r#"histogram [[0, 1, 2, 3], 3]"#,
            r#"histogram [[-1e308, 1e308], 3]"#,
        ],
        expect![[r#"
            {"count":5,"max":5,"mean":3.0,"median":3,"min":1,"mode":null,"range":4,"std_deviation":1.4142135623730951,"sum":15,"unique_count":5,"variance":2.0}
            {"count":3,"max":4.0,"mean":2.6666666666666665,"median":2.5,"min":1.5,"mode":null,"range":2.5,"std_deviation":1.0274023338281628,"sum":8.0,"unique_count":3,"variance":1.0555555555555556}
            {"count":5,"max":3,"mean":1.8,"median":2,"min":1,"mode":[1,2],"range":2,"std_deviation":0.7483314773547883,"sum":9,"unique_count":3,"variance":0.56}
            {"count":1,"max":-0.5,"mean":-0.5,"median":-0.5,"min":-0.5,"mode":-0.5,"range":0.0,"std_deviation":0.0,"sum":-0.5,"unique_count":1,"variance":0.0}
            GZ7001: the numbers are so large that the result exceeds the range of a float
            {"count":2,"max":9223372036854775807,"mean":-0.5,"median":-0.5,"min":-9223372036854775808,"mode":null,"range":18446744073709551615,"std_deviation":9.223372036854776e+18,"sum":-1,"unique_count":2,"variance":8.507059173023462e+37}
            {"bin_width":0.0,"bins":[{"count":3,"range":[3.0,3.0]}],"total":3}
            {"bin_width":1.0,"bins":[{"count":1,"range":[0.0,1.0]},{"count":1,"range":[1.0,2.0]},{"count":2,"range":[2.0,3.0]}],"total":4}
            GZ7001: the numbers are so large that the result exceeds the range of a float
        "#]],
    )
    .await;
}

#[tokio::test]
async fn text_is_described() {
    check(
        &[
            r#"count_words ["  two\n words\t"]"#,
            r#"count_words [""]"#,
            r#"text_stats [""]"#,
            r#"text_stats ["Größe zählt!\n\nWirklich? Ja."]"#,
            r#"word_frequency ["Don't panic. Don't!"]"#,
            r#"text_similarity ["", ""]"#,
            r#"extract_keywords ["the and of"]"#,
        ],
        expect![[r#"
            2
            0
            {"average_sentence_length":0.0,"average_word_length":0.0,"character_count":0,"character_count_no_spaces":0,"longest_word":"","most_common_chars":[],"paragraph_count":0,"readability_score":null,"sentence_count":0,"shortest_word":"","unique_words":0,"word_count":0}
            {"average_sentence_length":1.3333333333333333,"average_word_length":5.0,"character_count":27,"character_count_no_spaces":23,"longest_word":"Wirklich","most_common_chars":[["h",2],["i",2],["l",2],["r",2],["a",1]],"paragraph_count":2,"readability_score":2.786666666666669,"sentence_count":3,"shortest_word":"Ja","unique_words":4,"word_count":4}
            {"filtered_words":3,"top_words":[["don't",2],["panic",1]],"total_words":3,"unique_words":2,"vocabulary_richness":0.6666666666666666}
            {"character_similarity":0.0,"common_words":0,"jaccard_similarity":0.0,"text1_unique":0,"text2_unique":0,"total_unique_words":0}
            []
        "#]],
    )
    .await;
}

#[test]
fn stop_words_are_in_order() {
    assert!(super::text::STOP_WORDS.is_sorted());
}

#[tokio::test]
async fn bytes_are_encoded() {
    check(
        &[
            r#"hash_text [""] {"algorithm": "md5"}"#,
            r#"hash_text ["abc", "sha1"]"#,
            r#"decode_base64 ["!"]"#,
            r#"decode_base64 ["/w=="]"#,
            r#"format_bytes [0]"#,
            r#"format_bytes [1099511627776]"#,
            r#"format_bytes [1e18]"#,
            r#"format_bytes [-1]"#,
        ],
        expect![[r#"
            "d41d8cd98f00b204e9800998ecf8427e"
            "a9993e364706816aba3e25717850c26c9cd0d89d"
            GZ7001: decode_base64 cannot read `encoded_text` as base64: Invalid symbol 33, offset 0.; usage: decode_base64(encoded_text)
            GZ7001: decode_base64 decoded `encoded_text` to bytes that are no UTF-8 text: invalid utf-8 sequence of 1 bytes from index 0; usage: decode_base64(encoded_text)
            "0.0 B"
            "1.0 TB"
            "888.2 PB"
            GZ7001: format_bytes expects a number from 0 as argument `bytes_size`, and -1 was given; usage: format_bytes(bytes_size)
        "#]],
    )
    .await;
}

#[tokio::test]
async fn random_values_come_from_the_seed() {
    check(
        &[
            r#"random_data ["floats", 2] {"min": -1, "max": 1}"#,
            r#"random_data ["words", 3]"#,
            r#"random_data ["booleans", 4]"#,
            r#"random_data [] {"min": 3, "max": 2}"#,
            r#"random_data [] {"min": 0.2, "max": 0.8}"#,
            r#"random_data [] {"max": 1e300}"#,
            r#"random_data [] {"count": 100001}"#,
        ],
        expect![[r#"
            [0.5192954708149098,-0.7135758096947908]
            ["birch","pebble","birch"]
            [false,true,false,false]
            GZ7001: random_data expects `min` to be at most `max`, and 3 and 2 were given; usage: random_data(data_type="numbers", count=10, min=0, max=100)
            GZ7001: random_data finds no whole number between `min` and `max`; usage: random_data(data_type="numbers", count=10, min=0, max=100)
            GZ7001: random_data takes whole numbers up to 2^53, and `max` is 1e300; usage: random_data(data_type="numbers", count=10, min=0, max=100)
            GZ7001: random_data expects a whole number from 0 to 100000 as argument `count`, and 100001 was given; usage: random_data(data_type="numbers", count=10, min=0, max=100)
        "#]],
    )
    .await;
    let other = CallContext { seed: CONTEXT.seed + 1, ..CONTEXT };
    let uuid = |context| call("generate_uuid", Vec::new(), Map::new(), context);
    assert_ne!(uuid(CONTEXT).await, uuid(other).await);
}

#[tokio::test]
async fn json_is_read_and_rewritten() {
    check(
        &[
            r#"validate_json ["{\"a\": }"]"#,
            r#"json_extract [{"a": "xxxxxxxxx"}, ["a", "a.b"]]"#,
            r#"json_extract [[10, 20], ["1", "2", "x", ""]]"#,
            r#"json_transform_keys [{"Ab": 1, "aB": 2}]"#,
            r#"json_transform_keys [[{"XMLHttpRequest": 1}], "camel_case"]"#,
        ],
        expect![[r#"
            {"column":7,"error":"expected value at line 1 column 7","line":1,"valid":false}
            {"a":"xxxxxxxxx","a.b":null}
            {"":null,"1":20,"2":null,"x":null}
            GZ7001: json_transform_keys makes the key `ab` of two different keys of one object by lowercase; usage: json_transform_keys(data, transformation="lowercase")
            [{"xmlHttpRequest":1}]
        "#]],
    )
    .await;
}

#[tokio::test]
async fn tables_are_read_and_filtered() {
    check(
        &[
            r#"csv_parse ["a;b\r\n1;2\r\n", ";"]"#,
            r#"csv_parse [""]"#,
            r#"csv_parse ["a,b\n1,2\n3\n"]"#,
            r#"csv_parse ["a,a\n1,2\n"]"#,
            r#"csv_parse ["a", ""]"#,
            r#"csv_stats [[{"a": 1}], "b"]"#,
            r#"csv_stats [[{"a": ""}, {"a": null}], "a"]"#,
        ],
        expect![[r#"
            {"columns":["a","b"],"count":1,"records":[{"a":"1","b":"2"}],"success":true}
            {"columns":[],"count":0,"records":[],"success":true}
            GZ7001: csv_parse cannot read `csv_string`: CSV error: record 2 (line: 3, byte: 8): found record with 1 fields, but the previous record has 2 fields; mend that row; usage: csv_parse(csv_string, delimiter=",")
            GZ7001: csv_parse found the column `a` twice in the first row; rename one; usage: csv_parse(csv_string, delimiter=",")
            GZ7001: csv_parse expects one character as `delimiter`, and an empty text was given; usage: csv_parse(csv_string, delimiter=",")
            GZ7001: csv_stats finds no column `b` in any record; there are a; usage: csv_stats(records, column)
            {"column":"a","numeric_values":0,"text_values":0,"total_values":0}
        "#]],
    )
    .await;
    let people = r#"[[{"n": "Ada", "a": "36", "d": "2024-05-01"}, {"n": "Bo", "a": 9, "d": "2024-11-30"},
                      {"n": "Cy", "a": "?", "d": "2025-01-01"}]]"#;
    let filters = [
        r#"{"a": ">9"}"#,
        r#"{"a": "<= 9"}"#,
        r#"{"a": 36}"#,
        r#"{"a": "!=36"}"#,
        r#"{"n": "~o"}"#,
        r#"{"d": ">=2024-11-01", "n": "Bo"}"#,
        r#"{"age": ">9"}"#,
    ];
    let calls = filters.map(|filters| format!(r#"csv_filter {people} {{"filters": {filters}}}"#));
    check(&calls.each_ref().map(String::as_str), expect![[r#"
        [{"a":"36","d":"2024-05-01","n":"Ada"}]
        [{"a":9,"d":"2024-11-30","n":"Bo"}]
        [{"a":"36","d":"2024-05-01","n":"Ada"}]
        [{"a":9,"d":"2024-11-30","n":"Bo"},{"a":"?","d":"2025-01-01","n":"Cy"}]
        [{"a":9,"d":"2024-11-30","n":"Bo"}]
        [{"a":9,"d":"2024-11-30","n":"Bo"}]
        GZ7001: csv_filter finds no column `age` in any record; there are a, d, n; usage: csv_filter(records, filters)
    "#]]).await;
}

#[tokio::test]
async fn types_are_checked() {
    check(
        &[
            r#"validate_types [[{"i": 1, "f": "2.5", "s": "x", "b": "TRUE", "d": "2024-02-29"},
                                {"i": 1.5, "f": "x", "s": 1, "b": "2", "d": "2023-02-29"},
                                {"i": null, "d": "2024-02-29T10:00:00Z"}],
                               {"i": "int", "f": "float", "s": "str", "b": "bool", "d": "date"}]"#,
            r#"validate_types [[], {"a": "number"}]"#,
        ],
        expect![[r#"
            {"error_count":5,"errors":[{"expected_type":"bool","field":"b","record_index":1,"value":"2"},{"expected_type":"date","field":"d","record_index":1,"value":"2023-02-29"},{"expected_type":"float","field":"f","record_index":1,"value":"x"},{"expected_type":"int","field":"i","record_index":1,"value":1.5},{"expected_type":"str","field":"s","record_index":1,"value":1}],"invalid_records":1,"success_rate":0.6666666666666666,"total_records":3,"valid_records":2}
            GZ7001: validate_types expects int, float, str, bool or date for column `a` in `schema`, and the text "number" was given; usage: validate_types(records, schema)
        "#]],
    )
    .await;
}

#[tokio::test]
async fn records_are_grouped() {
    check(
        &[
            r#"group_by [[{"a": 1}, {"b": 2}], "a"]"#,
            r#"aggregate [{"x": [{"n": 1}, {"n": "2"}, {}], "y": [{"n": null}]}, "n", "sum"]"#,
            r#"aggregate [{"x": [{"n": 1}, {"n": "2"}, {}], "y": [{"n": null}]}, "n", "count"]"#,
            r#"aggregate [{"x": [{"n": 1}, {"n": "2"}, {}], "y": [{"n": null}]}, "n", "avg"]"#,
            r#"aggregate [{"x": [{"n": 1}, {"n": "2"}, {}], "y": [{"n": null}]}, "n", "min"]"#,
            r#"aggregate [{"x": [{"n": 1}, {"n": "2"}, {}], "y": [{"n": null}]}, "n", "max"]"#,
            r#"aggregate [{"x": [{"n": "many"}]}, "n"]"#,
            r#"aggregate [{"x": 3}, "n"]"#,
            r#"pivot [[{"r": 1, "c": "a", "v": 2}, {"r": 2, "c": "b", "v": 4}], "r", "c", "v", "avg"]"#,
        ],
        expect![[r#"
            {"1":[{"a":1}],"null":[{"b":2}]}
            {"x":3.0,"y":null}
            {"x":3,"y":1}
            {"x":1.5,"y":null}
            {"x":1.0,"y":null}
            {"x":2.0,"y":null}
            GZ7001: aggregate finds the text "many" in field `n`, which is no number; usage: aggregate(grouped_data, field, operation="sum")
            GZ7001: aggregate expects a list of records for group `x` in `grouped_data`, and 3 was given; usage: aggregate(grouped_data, field, operation="sum")
            {"aggregation":"avg","column_field":"c","column_values":["a","b"],"index_field":"r","index_values":["1","2"],"pivot_table":{"1":{"a":2.0,"b":null},"2":{"a":null,"b":4.0}},"value_field":"v"}
        "#]],
    )
    .await;
}

#[tokio::test]
async fn waiting_has_limits() {
    check(
        &[
            r#"async_timer [3601]"#,
            r#"async_timer [-1]"#,
            r#"async_batch_process [[1], 0]"#,
            r#"async_batch_process [[]]"#,
        ],
        expect![[r#"
            GZ7001: async_timer expects a number from 0 to 3600 as argument `duration`, and 3601 was given; usage: async_timer(duration, message="Timer complete")
            GZ7001: async_timer expects a number from 0 to 3600 as argument `duration`, and -1 was given; usage: async_timer(duration, message="Timer complete")
            GZ7001: async_batch_process expects a whole number from 1 to 10000 as argument `batch_size`, and 0 was given; usage: async_batch_process(items, batch_size=10, delay=0.1)
            {"batch_size":10,"batches":[],"processing_delay":0.1,"summary":{"total_processed":0},"total_batches":0,"total_items":0}
        "#]],
    )
    .await;
}
