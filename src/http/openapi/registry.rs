//! What exists: functions and errors.

use serde_json::json;

use super::document::{Document, Tag, text_object};
use crate::core::errors::{CatalogueEntry, FUNCTION_NOT_FOUND};
use crate::http::errors::Catalogue;
use crate::protocol::rest::FunctionView;

pub fn functions() -> Document {
    Document::new(Tag::Registry, "list_functions", "List the functions inside the server")
        .query("q", text_object(), "Words that the name, the parameters or the summary must all hold.")
        .lists::<FunctionView>("All that fit.", &function_example())
        .without_engine()
}

pub fn function() -> Document {
    Document::new(Tag::Registry, "get_function", "Read a function")
        .path("name", "Its name.", "count_words")
        .answers::<FunctionView>(200, "The function.", function_example())
        .refuses([FUNCTION_NOT_FOUND])
        .without_engine()
}

pub fn errors() -> Document {
    Document::new(Tag::Registry, "list_errors", "List the codes of errors")
        .answers::<Catalogue>(200, "The whole catalogue.", json!({"items": [error_example()]}))
        .without_engine()
}

pub fn error() -> Document {
    Document::new(Tag::Registry, "get_error", "Read what a code means")
        .path("code", "As `GZ3003` or `3003`.", "GZ3003")
        .answers::<CatalogueEntry>(200, "The entry of the catalogue.", error_example())
        .without_engine()
}

fn function_example() -> serde_json::Value {
    json!({
        "name": "count_words", "summary": "The number of words in a text.", "usage": "count_words(text)",
        "parameters": [
            {"name": "text", "type": "text", "required": true, "default": null, "limits": "text of at most 1 MiB"},
        ],
        "example": {"args": ["to be or not to be"], "result": 6},
    })
}

fn error_example() -> serde_json::Value {
    serde_json::to_value(crate::core::errors::CIRCULAR_DEPENDENCY.entry()).expect("an entry is JSON")
}
