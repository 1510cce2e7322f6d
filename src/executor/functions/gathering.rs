//! Gathering the results of many tasks into one.

use serde_json::{Value, json};

use super::signature::{Kind, Parameter};
use super::{Bound, CallContext, Example, Function, Outcome, Run};

pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "collect_results",
    summary: "The results of many tasks, by name, with a count: {total, with_result, without_result: [names], \
              results}. A result that is null counts as none, because that is what a task that failed gives.",
    signature: &[Parameter::required("results", Kind::Object)],
    example: Example {
        args: r#"[{"a.txt": 3, "b.txt": null}]"#,
        result: r#"{"total": 2, "with_result": 1, "without_result": ["b.txt"],
                    "results": {"a.txt": 3, "b.txt": null}}"#,
    },
    run: Run::Light(collect_results),
}];

fn collect_results(mut arguments: Bound, _: CallContext) -> Outcome {
    let results = arguments.object("results");
    let without: Vec<&String> =
        results.iter().filter(|(_, result)| result.is_null()).map(|(name, _)| name).collect();
    let (total, with) = (results.len(), results.len() - without.len());
    let without = json!(without);
    Ok(json!({
        "total": total, "with_result": with, "without_result": without, "results": Value::Object(results),
    }))
}
