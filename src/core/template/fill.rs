//! Putting results in the place of templates.

use super::super::errors::PARAMETER_SUBSTITUTION_FAILED;
use super::super::json_text::{Part, compact, parts};
use super::super::rejection::Rejection;
use super::path::Opened;
use super::scan::{Meaning, Template, meaning, next_template};
use super::shortened;

/// What filled parameters may come to. It is the largest message that a worker's connection carries; a template
/// repeated a thousand times on an 8 MiB result would otherwise fill the memory.
pub const OUTPUT_BYTES_MAX: usize = 16 << 20;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved<'r> {
    /// The result as JSON text, or nothing where the task did not complete.
    pub result: Option<&'r str>,
}

/// Puts results in the place of all templates of `parameters`, which belong to the task named `task`.
pub fn fill<'r>(
    parameters: &str,
    task: &str,
    lookup: &dyn Fn(&str) -> Option<Resolved<'r>>,
) -> Result<String, Rejection> {
    let mut filling = Filling { task, lookup, opened: Opened::default(), spliced: 0, output: String::new() };
    for part in parts(parameters) {
        match part {
            Part::Other(other) => filling.push(other)?,
            Part::Text(text) => filling.text(text)?,
        }
    }
    Ok(filling.output)
}

struct Filling<'c, 'r> {
    task: &'c str,
    lookup: &'c dyn Fn(&str) -> Option<Resolved<'r>>,
    opened: Opened<'r>,
    /// Bytes of results read so far, whitespace included, so that results which shrink cost no more than others.
    spliced: usize,
    output: String,
}

impl<'r> Filling<'_, 'r> {
    fn text(&mut self, text: &str) -> Result<(), Rejection> {
        if let Some(only) = next_template(text)
            && only.before.is_empty()
            && only.after.is_empty()
            && let Some(json) = self.value_of(&only)?
        {
            return self.push(&compact(json));
        }
        self.push("\"")?;
        let mut rest = text;
        while let Some(template) = next_template(rest) {
            self.push(template.before)?;
            match self.value_of(&template)? {
                Some(json) => self.push_inside_text(json)?,
                None => self.push(template.whole)?,
            }
            rest = template.after;
        }
        self.push(rest)?;
        self.push("\"")
    }

    /// The JSON text a template stands for; nothing where it is not a template.
    fn value_of(&mut self, template: &Template<'_>) -> Result<Option<&'r str>, Rejection> {
        let inner = template.inner();
        let found = meaning(&inner, self.lookup).map_err(|bad| bad.rejection(self.task, []))?;
        let Meaning::Reference { found, name, path } = found else { return Ok(None) };
        // The workflow tolerates that the task did not complete: whatever is asked of it is null.
        let Some(result) = found.result else { return Ok(Some("null")) };
        let json = self.opened.follow(result.trim(), path).map_err(|why| {
            self.failed(&inner, &format!("the result of `{}` was read, and {why}", shortened(name)))
        })?;
        self.spliced += json.len();
        if self.spliced > OUTPUT_BYTES_MAX {
            return Err(self.too_large());
        }
        Ok(Some(json))
    }

    /// A string goes in as it is, quotes removed: what is escaped there must be escaped here. Anything else
    /// becomes the text of its compact JSON.
    fn push_inside_text(&mut self, json: &str) -> Result<(), Rejection> {
        if let Some(text) = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) {
            return self.push(text);
        }
        let json = compact(json);
        let mut rest: &str = &json;
        while let Some(place) = rest.find(['"', '\\']) {
            let (plain, special) = rest.split_at(place);
            self.push(plain)?;
            self.push("\\")?;
            let (special, after) = special.split_at(1);
            self.push(special)?;
            rest = after;
        }
        self.push(rest)
    }

    fn push(&mut self, text: &str) -> Result<(), Rejection> {
        if self.output.len() + text.len() > OUTPUT_BYTES_MAX {
            return Err(self.too_large());
        }
        self.output.push_str(text);
        Ok(())
    }

    fn too_large(&self) -> Rejection {
        Rejection::new(
            PARAMETER_SUBSTITUTION_FAILED,
            format!(
                "the parameters of task `{}` come to more than {} MiB when their templates are filled; pass a \
                 reference to the data instead",
                self.task,
                OUTPUT_BYTES_MAX >> 20
            ),
        )
    }

    fn failed(&self, inner: &str, why: &str) -> Rejection {
        let inner = shortened(inner);
        Rejection::new(
            PARAMETER_SUBSTITUTION_FAILED,
            format!(
                "the template `{inner}` in the parameters of task `{}` cannot be filled: {why}",
                self.task
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const RESULTS: [(&str, Option<&str>); 8] = [
        ("Text", Some(r#""say \"hi\"\n{{Number.result}}""#)),
        ("Number", Some("12345678901234567890123")),
        ("Object", Some(r#" {"rows": [ {"id": 7}, null ], "a b":"é", "": 1, "big": 1e400} "#)),
        ("Null", Some("null")),
        ("Failed", None),
        ("v1.2", Some("true")),
        ("Object.result", Some("[]")),
        ("Empty", Some("{}")),
    ];

    fn filled(parameters: &str) -> Result<String, Rejection> {
        let results = BTreeMap::from(RESULTS);
        fill(parameters, "Report", &|name| results.get(name).map(|result| Resolved { result: *result }))
    }

    fn check(parameters: &str, expected: &Expect) {
        expected.assert_eq(&filled(parameters).unwrap_or_else(|rejection| rejection.to_string()));
    }

    #[test]
    fn a_whole_string_keeps_the_type() {
        check(r#"{"a":"{{Number.result}}"}"#, &expect![[r#"{"a":12345678901234567890123}"#]]);
        check(r#"{"a":"${Object.result.rows}"}"#, &expect![[r#"{"a":[{"id":7},null]}"#]]);
        check(r#"{"a":"{{ Null.result }}"}"#, &expect![[r#"{"a":null}"#]]);
        check(r#"["{{Object.result.rows.0.id}}","{{Object.result.a b}}"]"#, &expect![[r#"[7,"é"]"#]]);
        check(r#"["{{Object.result.big}}","{{Object.result.}}"]"#, &expect!["[1e400,1]"]);
        check(r#""{{v1.2.result}}""#, &expect!["true"]);
        check(r#"["{{Object.result.result}}","{{Object.result.rows.1}}"]"#, &expect!["[[],null]"]);
    }

    #[test]
    fn a_task_that_did_not_complete_gives_null() {
        check(r#"["{{Failed.result}}","{{Failed.result.rows.0}}"]"#, &expect!["[null,null]"]);
        check(r#"["<{{Failed.result.rows}}>"]"#, &expect![[r#"["<null>"]"#]]);
    }

    #[test]
    fn inside_a_text_everything_becomes_text() {
        check(r#"{"a":"<{{Number.result}}>"}"#, &expect![[r#"{"a":"<12345678901234567890123>"}"#]]);
        check(
            r#"{"a":"{{Object.result.rows}} {{Object.result.a b}}"}"#,
            &expect![[r#"{"a":"[{\"id\":7},null] é"}"#]],
        );
        check(r#"["{\"x\": {{Null.result}}}"]"#, &expect![[r#"["{\"x\": null}"]"#]]);
    }

    #[test]
    fn results_are_never_read_as_templates() {
        check(r#"["{{Text.result}}"]"#, &expect![[r#"["say \"hi\"\n{{Number.result}}"]"#]]);
        check(r#"["> {{Text.result}}"]"#, &expect![[r#"["> say \"hi\"\n{{Number.result}}"]"#]]);
        // A result that completes a template's braces does not make one.
        check(
            r#"["{{{Text.result.}}"]"#,
            &expect![
                "GZ3013: the template `Text.result.` in the parameters of task `Report` cannot be filled: the result of `Text` was read, and there is no `` in it: it is neither an object nor an array"
            ],
        );
    }

    #[test]
    fn keys_and_lookalikes_stay() {
        let same = r#"{"{{Number.result}}":"{{name}} ${HOME}", "b" : [1, true]}"#;
        assert_eq!(filled(same).unwrap(), same);
    }

    #[test]
    fn failures_say_what_was_there() {
        check(
            r#"["{{Object.result.rows.9}}"]"#,
            &expect![
                "GZ3013: the template `Object.result.rows.9` in the parameters of task `Report` cannot be filled: the result of `Object` was read, and there is no `9` in it: it is an array of 2, counted from 0"
            ],
        );
        check(
            r#"["{{Object.result.row}}"]"#,
            &expect![
                "GZ3013: the template `Object.result.row` in the parameters of task `Report` cannot be filled: the result of `Object` was read, and there is no `row` in it: it has ``, `a b`, `big`, `rows`"
            ],
        );
        check(
            r#"["{{Empty.result.x}}"]"#,
            &expect![
                "GZ3013: the template `Empty.result.x` in the parameters of task `Report` cannot be filled: the result of `Empty` was read, and there is no `x` in it: it is an empty object"
            ],
        );
        check(
            r#"["{{Nobody.result}}"]"#,
            &expect![
                "GZ3013: the template `Nobody.result` in the parameters of task `Report` cannot be filled: this workflow has no task `Nobody`"
            ],
        );
    }

    #[test]
    fn output_is_bounded() {
        let large = format!("\"{}\"", "x".repeat(1 << 20));
        let blank = format!("[{}]", " ".repeat(1 << 20));
        let many = |name: &str| format!("[{}0]", format!("\"{{{{{name}.result}}}}\",").repeat(20));
        for result in [&large, &blank] {
            let rejection = fill(&many("A"), "B", &|_| Some(Resolved { result: Some(result) })).unwrap_err();
            assert!(rejection.message.contains("16 MiB"), "{rejection}");
        }
    }

    #[test]
    fn work_grows_with_the_input_only() {
        // Each of these is quadratic for a scanner that looks ahead or a lookup that tries every prefix: a
        // megabyte would then take minutes.
        let long = |unit: &str| format!("[\"{}\"]", unit.repeat((1 << 20) / unit.len()));
        for unit in ["{{", "${", "{{x}", "{", "$", "}}", "{{a.b", "\\u0041{{"] {
            assert_eq!(filled(&long(unit)).unwrap(), long(unit));
        }
        assert!(filled(&format!("[\"{{{{{}}}}}\"]", ".result".repeat(100_000))).is_err());
        // Ten thousand paths into one large result cut it once.
        let rows = format!("[{}0]", "0,".repeat(1 << 20));
        let paths = format!("[{}0]", "\"{{A.result.77}}\",".repeat(10_000));
        let output = fill(&paths, "B", &|_| Some(Resolved { result: Some(&rows) })).unwrap();
        assert_eq!(output.len(), 20_003);
    }

    fn piece() -> impl Strategy<Value = (&'static str, Value)> {
        prop::sample::select(vec![
            ("{{v1.2.result}}", json!(true)),
            ("${Null.result}", json!(null)),
            ("{{Object.result.a b}}", json!("é")),
            ("{{Text.result}}", json!("say \"hi\"\n{{Number.result}}")),
            ("{{Object.result.rows}}", json!([{"id": 7}, null])),
            ("plain \"\\ é", json!("plain \"\\ é")),
            ("{{no}}", json!("{{no}}")),
            ("}", json!("}")),
        ])
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in r#"([{}$"\\:,\[\]. é]|result|Object|u0041|Text){0,60}"#) {
            let _ = filled(&text);
        }

        #[test]
        fn filling_equals_replacing_in_values(lists in prop::collection::vec(prop::collection::vec(piece(), 1..4), 1..4)) {
            let mut given = Vec::new();
            let mut expected = Vec::new();
            for list in &lists {
                given.push(Value::String(list.iter().map(|(text, _)| *text).collect()));
                expected.push(match list.as_slice() {
                    [(_, value)] => value.clone(),
                    several => Value::String(several.iter().map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect()),
                });
            }
            let output = filled(&json!({"{{Text.result}}": given}).to_string()).unwrap();
            prop_assert_eq!(output, json!({"{{Text.result}}": expected}).to_string());
        }
    }
}
