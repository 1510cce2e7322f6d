//! The codec alone: tables of frames, and random input.

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{DecodeError, Packet, decode, encode};

fn encoded(write: impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn show(frame: &str) -> String {
    match decode(frame) {
        Ok(Packet::Open(open)) => format!("open {} {} {}", open.sid, open.ping_interval, open.ping_timeout),
        Ok(Packet::Event(event)) => {
            format!("event {} {:?} {} {:?}", event.namespace, event.id, event.name, event.args)
        }
        Ok(Packet::Ack(ack)) => format!("ack {} {} {:?}", ack.namespace, ack.id, ack.args),
        Ok(Packet::Connect { namespace, data }) => {
            format!("connect {namespace} {}", data.map_or("-", RawValue::get))
        }
        Ok(Packet::ConnectError { namespace, data }) => {
            format!("refused {namespace} {}", data.map_or("-", RawValue::get))
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn frames_of_real_servers() {
    let cases = [
        (
            r#"0{"sid":"a","upgrades":[],"pingTimeout":20000,"pingInterval":25000,"maxPayload":1000000}"#,
            "open a 25000 20000",
        ),
        ("2", "Ping"),
        ("1", "Close"),
        (r#"40/cluster,{"sid":"x"}"#, r#"connect /cluster {"sid":"x"}"#),
        ("40", "connect / -"),
        ("40/a?x=1,", "connect /a -"),
        ("41/cluster,", r#"Disconnect { namespace: "/cluster" }"#),
        (r#"44/cluster,{"message":"no"}"#, r#"refused /cluster {"message":"no"}"#),
        (r#"42["hi"]"#, "event / None hi "),
        (r#"42/cluster,12["hi", {"a":[1,"]"]} ]"#, r#"event /cluster Some(12) hi {"a":[1,"]"]}"#),
        (r#"42["a\"bé",1,2]"#, r#"event / None a"bé 1,2"#),
        ("43/cluster,0[]", "ack /cluster 0 "),
        (r#"437[{"ok":true,"seq":4}]"#, r#"ack / 7 {"ok":true,"seq":4}"#),
    ];
    for (frame, expected) in cases {
        assert_eq!(show(frame), expected, "{frame}");
    }
}

#[test]
fn bad_frames_say_what_is_wrong() {
    let cases = [
        ("", DecodeError::Empty),
        ("9", DecodeError::UnknownEngineType('9')),
        ("bAAAA", DecodeError::Binary),
        ("4", DecodeError::MissingSocketType),
        ("49", DecodeError::UnknownSocketType('9')),
        (r#"451-["x",{"_placeholder":true,"num":0}]"#, DecodeError::Binary),
        ("42{}", DecodeError::NotAnEvent),
        ("42[1]", DecodeError::NotAnEvent),
        (r#"42["x" 1]"#, DecodeError::NotAnEvent),
        ("43[1]", DecodeError::MissingAckId),
        ("431{}", DecodeError::NotAnArray),
        (r#"42/n,99999999999999999999["x"]"#, DecodeError::AckIdTooLarge),
    ];
    for (frame, expected) in cases {
        assert_eq!(decode(frame).unwrap_err(), expected, "{frame}");
    }
    assert!(matches!(decode("0{}"), Err(DecodeError::Json { what: "open", .. })));
}

#[test]
fn a_payload_that_cannot_be_written_leaves_the_buffer_alone() {
    struct Refuses;
    impl serde::Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    let mut out = b"kept".to_vec();
    assert!(encode::event(&mut out, "/cluster", None, "x", &Refuses).is_err());
    assert_eq!(out, b"kept");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_survived(frame in ".{0,80}") {
        let _packet_or_error = decode(&frame);
    }

    #[test]
    fn anything_like_a_packet_is_survived(
        frame in r#"4[0-6](/[a-z]{0,3},?)?[0-9]{0,21}[\[\]{}",:\\a-z0-9é ]{0,40}"#,
    ) {
        if let Ok(Packet::Event(event)) = decode(&frame) {
            let _arguments_or_error = event.args.all();
        }
    }

    #[test]
    fn events_come_back_as_they_went(name in ".{1,12}", id: Option<u64>, data in any_json()) {
        let frame = encoded(|out| encode::event(out, "/cluster", id, &name, &data));
        let Packet::Event(event) = decode(&frame).unwrap() else { panic!("{frame}") };
        prop_assert_eq!((event.namespace, event.id, &*event.name), ("/cluster", id, name.as_str()));
        prop_assert_eq!(event.args.first::<Value>().unwrap(), data.clone());
        prop_assert_eq!(event.args.all().unwrap().len(), 1);
    }

    #[test]
    fn acknowledgements_come_back_as_they_went(id: u64, data in any_json()) {
        let frame = encoded(|out| encode::ack(out, "/", id, &data));
        let Packet::Ack(ack) = decode(&frame).unwrap() else { panic!("{frame}") };
        prop_assert_eq!((ack.namespace, ack.id), ("/", id));
        prop_assert_eq!(ack.args.first::<Value>().unwrap(), data);
    }
}

#[test]
fn connect_carries_its_payload() {
    assert_eq!(encoded(|out| encode::connect::<Value>(out, "/cluster", None)), "40/cluster,");
    assert_eq!(encoded(|out| encode::connect(out, "/", Some(&json!({"a": 1})))), r#"40{"a":1}"#);
}
