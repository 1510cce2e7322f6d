//! The lists of functions and of error codes.

use serde_json::json;

use crate::harness::Server;

/// The functions that the earlier system had, and their parameters.
const KNOWN: &[(&str, &str)] = &[
    ("fibonacci", "n"),
    ("factorial", "n"),
    ("is_prime", "n"),
    ("prime_factors", "n"),
    ("gcd", "a b"),
    ("lcm", "a b"),
    ("analyze_numbers", "numbers"),
    ("histogram", "numbers bins"),
    ("text_stats", "text"),
    ("word_frequency", "text top_n"),
    ("text_similarity", "text1 text2"),
    ("hash_text", "text algorithm"),
    ("encode_base64", ""),
    ("decode_base64", ""),
    ("generate_uuid", ""),
    ("current_timestamp", ""),
    ("format_bytes", "bytes_size"),
    ("random_data", "data_type count min max"),
    ("async_batch_process", "items batch_size delay"),
    ("async_timer", "duration message"),
    ("count_words", "text"),
    ("extract_keywords", "text max_keywords"),
    ("validate_json", "json_string"),
    ("json_extract", "data field_paths"),
    ("json_transform_keys", "data transformation"),
    ("csv_parse", "csv_string delimiter"),
    ("csv_stats", "records column"),
    ("csv_filter", "records filters"),
    ("group_by", "records field"),
    ("aggregate", "grouped_data field operation"),
    ("pivot", "records index_field column_field value_field aggfunc"),
    ("validate_types", "records schema"),
];

#[test]
fn every_function_is_listed_with_its_signature_and_example() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let all = rest.read("/functions");
    let items = all["items"].as_array().unwrap();
    for (name, parameters) in KNOWN {
        let found = items.iter().find(|item| item["name"] == *name);
        let found = found.unwrap_or_else(|| panic!("{name} is not listed"));
        let names: Vec<&str> = found["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|known| known["name"].as_str().unwrap())
            .collect();
        if !parameters.is_empty() {
            assert_eq!(names.join(" "), *parameters, "{name}");
        }
        assert!(
            found["example"]["args"].is_array() && found["summary"].as_str().unwrap().len() > 10,
            "{found}"
        );
    }
    let histogram = rest.read("/functions/histogram");
    let bins = &histogram["parameters"][1];
    assert_eq!(
        (&bins["type"], &bins["required"], &bins["default"]),
        (&json!("integer"), &json!(false), &json!(10))
    );
    let found = rest.read("/functions?q=csv%20records");
    assert!(found["items"].as_array().unwrap().iter().any(|item| item["name"] == "csv_stats"), "{found}");
    let none = rest.get("/functions/histogramm").unwrap();
    assert_eq!((none.status, &none.body["code"]), (404, &json!("GZ2020")));
    assert!(none.body["detail"].as_str().unwrap().contains("did you mean `histogram`?"), "{}", none.body);
}

#[test]
fn every_code_is_listed_and_explained() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let all = rest.read("/errors");
    let codes: Vec<&str> =
        all["items"].as_array().unwrap().iter().map(|entry| entry["code"].as_str().unwrap()).collect();
    assert!(codes.len() > 30 && codes.is_sorted(), "{codes:?}");
    let one = rest.read("/errors/GZ3003");
    assert_eq!((&one["name"], &one["http_status"]), (&json!("CIRCULAR_DEPENDENCY"), &json!(422)));
    assert_eq!(rest.get("/errors/GZ9999").unwrap().status, 400);
}
