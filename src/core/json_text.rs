//! Looking at JSON as text, without building values of it. All of it is total: text that is not JSON gives a
//! meaningless answer, never a panic.

use std::borrow::Cow;

/// `json` without the whitespace between its tokens. Compact text is handed back as it is.
pub fn compact(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut kept = String::new();
    let mut run_start = 0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at),
            b' ' | b'\t' | b'\n' | b'\r' => {
                kept.push_str(json.get(run_start..at).unwrap_or_default());
                at += 1;
                run_start = at;
            }
            _ => at += 1,
        }
    }
    if run_start == 0 {
        return Cow::Borrowed(json);
    }
    kept.push_str(json.get(run_start..).unwrap_or_default());
    Cow::Owned(kept)
}

/// Whether arrays and objects lie inside each other more than `limit` times.
pub fn is_deeper_than(json: &[u8], limit: usize) -> bool {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                at = string_end(json, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
        at += 1;
    }
    false
}

/// A stretch of JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'j> {
    /// Punctuation, keys, numbers and literals.
    Other(&'j str),
    /// What stands between the quotes of a string that is a value, escapes included.
    Text(&'j str),
}

/// Cuts JSON text into its string values and the rest. Put together, with quotes around each `Text`, the parts
/// are the text again.
pub fn parts(json: &str) -> Parts<'_> {
    Parts { json, start: 0, at: 0, pending: None }
}

/// See [`parts`].
#[derive(Debug)]
pub struct Parts<'j> {
    json: &'j str,
    /// Where the part that is being read began.
    start: usize,
    at: usize,
    pending: Option<&'j str>,
}

impl<'j> Iterator for Parts<'j> {
    type Item = Part<'j>;

    fn next(&mut self) -> Option<Part<'j>> {
        if let Some(text) = self.pending.take() {
            return Some(Part::Text(text));
        }
        let bytes = self.json.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if *byte != b'"' {
                self.at += 1;
                continue;
            }
            let quote = self.at;
            self.at = string_end(bytes, quote);
            let closed = self.at > quote + 1 && bytes.get(self.at - 1) == Some(&b'"');
            if !closed || is_key(bytes, self.at) {
                continue;
            }
            let before = self.json.get(self.start..quote).unwrap_or_default();
            let text = self.json.get(quote + 1..self.at - 1).unwrap_or_default();
            self.start = self.at;
            if before.is_empty() {
                return Some(Part::Text(text));
            }
            self.pending = Some(text);
            return Some(Part::Other(before));
        }
        let rest = self.json.get(self.start..).unwrap_or_default();
        self.start = self.json.len();
        (!rest.is_empty()).then_some(Part::Other(rest))
    }
}

/// The place after the string that opens at `quote`.
fn string_end(bytes: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn is_key(bytes: &[u8], after: usize) -> bool {
    let next = bytes.get(after..).unwrap_or_default().iter().find(|byte| !byte.is_ascii_whitespace());
    next == Some(&b':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whitespace_goes_only_between_tokens() {
        assert_eq!(compact(" { \"a b\" : [ 1,\n\"\\\" x\" ] } "), r#"{"a b":[1,"\" x"]}"#);
        assert!(matches!(compact(r#"{"a b":1}"#), Cow::Borrowed(_)));
    }

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert!(is_deeper_than(b"[[1]]", 1));
        assert!(!is_deeper_than(b"[[1]]", 2));
        assert!(!is_deeper_than(br#"["[[\"[["]"#, 1));
        assert!(!is_deeper_than(b"[],[],[]", 1));
    }

    #[test]
    fn keys_are_no_texts() {
        let found: Vec<_> = parts(r#"{"k" : "v","l":["",{"m":"\"x"}]}"#).collect();
        let texts: Vec<_> = found.iter().filter(|part| matches!(part, Part::Text(_))).collect();
        assert_eq!(texts, [&Part::Text("v"), &Part::Text(""), &Part::Text("\\\"x")]);
    }

    proptest! {
        #[test]
        fn parts_make_the_whole(json in r#"([\[\]{}:, a"\\]|é){0,40}"#) {
            let whole: String = parts(&json)
                .map(|part| match part {
                    Part::Other(other) => other.to_owned(),
                    Part::Text(text) => format!("\"{text}\""),
                })
                .collect();
            prop_assert_eq!(whole, json.clone());
            let _ = (compact(&json), is_deeper_than(json.as_bytes(), 3));
        }
    }
}
