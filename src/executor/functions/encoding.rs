//! Digests, base64, and bytes for humans.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::Digest as _;

use super::signature::{DefaultValue, Kind, Parameter};
use super::text::MAX_TEXT_BYTES;
use super::{Bound, CallContext, Example, Function, Outcome, Run};

const TEXT: Kind = Kind::Text { max_bytes: MAX_TEXT_BYTES };
/// The steps of `format_bytes`, each 1024 times the one before.
const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "hash_text",
        summary: "The digest of the text's UTF-8 bytes in hexadecimal. md5 and sha1 are for compatibility \
                  only: they protect against nobody.",
        signature: &[
            Parameter::required("text", TEXT),
            Parameter::optional(
                "algorithm",
                Kind::Choice(&["sha256", "sha1", "md5"]),
                DefaultValue::Text("sha256"),
            ),
        ],
        example: Example {
            args: r#"["abc"]"#,
            result: r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#,
        },
        run: Run::Heavy(hash_text),
    },
    Function {
        name: "encode_base64",
        summary: "The text's UTF-8 bytes in base64 (standard alphabet, padded).",
        signature: &[Parameter::required("text", TEXT)],
        example: Example { args: r#"["Grüße"]"#, result: r#""R3LDvMOfZQ==""# },
        run: Run::Light(encode_base64),
    },
    Function {
        name: "decode_base64",
        summary: "The text that base64 (standard alphabet, padded) stands for; it must be UTF-8.",
        signature: &[Parameter::required("encoded_text", TEXT)],
        example: Example { args: r#"["R3LDvMOfZQ=="]"#, result: r#""Grüße""# },
        run: Run::Light(decode_base64),
    },
    Function {
        name: "format_bytes",
        summary: "A size for people to read, in steps of 1024: B, KB, MB, GB, TB, PB.",
        signature: &[Parameter::required("bytes_size", Kind::Number { min: 0.0, max: f64::MAX })],
        example: Example { args: "[1536]", result: r#""1.5 KB""# },
        run: Run::Light(format_bytes),
    },
];

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn hash_text(mut bound: Bound, _: CallContext) -> Outcome {
    let (text, algorithm) = (bound.text("text"), bound.text("algorithm"));
    let digest = match algorithm.as_str() {
        "sha1" => hex(&sha1::Sha1::digest(&text)),
        "md5" => hex(&md5::Md5::digest(&text)),
        _ => hex(&sha2::Sha256::digest(&text)),
    };
    Ok(json!(digest))
}

fn encode_base64(mut bound: Bound, _: CallContext) -> Outcome {
    Ok(json!(STANDARD.encode(bound.text("text"))))
}

fn decode_base64(mut bound: Bound, _: CallContext) -> Outcome {
    let encoded = bound.text("encoded_text");
    let bytes = STANDARD
        .decode(encoded.trim())
        .map_err(|error| bound.refuse(&format!("cannot read `encoded_text` as base64: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        bound.refuse(&format!("decoded `encoded_text` to bytes that are no UTF-8 text: {error}"))
    })?;
    Ok(json!(text))
}

fn format_bytes(mut bound: Bound, _: CallContext) -> Outcome {
    let mut size = bound.number("bytes_size");
    for unit in UNITS {
        if size < 1024.0 {
            return Ok(json!(format!("{size:.1} {unit}")));
        }
        size /= 1024.0;
    }
    Ok(json!(format!("{size:.1} PB")))
}
