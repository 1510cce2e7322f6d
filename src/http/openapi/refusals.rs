//! With which codes of the catalogue an operation may be refused, and how such an answer looks.

use std::collections::{BTreeMap, BTreeSet};

use utoipa::ToSchema;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::{ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, Response, ResponseBuilder, Type};

use crate::core::errors::{
    API_KEY_INVALID, AUTH_TOKEN_EXPIRED, AUTHENTICATION_REQUIRED, Code, DATA_CORRUPTION, INTERNAL_ERROR,
    INVALID_ARGUMENT, ORIGIN_NOT_ALLOWED, OVERLOADED, PAYLOAD_TOO_LARGE, RATE_LIMITED,
    RBAC_PERMISSION_DENIED, REQUEST_TIMEOUT, SHUTTING_DOWN, STORAGE_FAILED, TOO_MANY_WRONG_KEYS,
    UNKNOWN_FIELD, WORKFLOW_PARSE_ERROR,
};
use crate::core::rejection::Rejection;
use crate::http::routes::{Access, Route, SIGNS_OF_LIFE};
use crate::protocol::rest::Problem;

/// The codes of one operation.
pub(super) struct Refusals {
    codes: BTreeSet<Code>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { codes: OF_ENGINE.into() }
    }
}

const OF_KEYS: [Code; 6] = [
    AUTHENTICATION_REQUIRED,
    AUTH_TOKEN_EXPIRED,
    API_KEY_INVALID,
    TOO_MANY_WRONG_KEYS,
    RATE_LIMITED,
    ORIGIN_NOT_ALLOWED,
];
const OF_ENGINE: [Code; 5] = [INTERNAL_ERROR, OVERLOADED, SHUTTING_DOWN, STORAGE_FAILED, DATA_CORRUPTION];

impl Refusals {
    pub fn add<const N: usize>(&mut self, codes: [Code; N]) {
        self.codes.extend(codes);
    }

    pub fn of_parameters(&mut self) {
        self.add([INVALID_ARGUMENT]);
    }

    pub fn of_body(&mut self) {
        self.add([INVALID_ARGUMENT, PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT, UNKNOWN_FIELD, WORKFLOW_PARSE_ERROR]);
    }

    pub fn without_engine(&mut self) {
        self.codes.retain(|code| !OF_ENGINE.contains(code));
    }

    /// By status, with those that the route brings with it.
    pub fn at(mut self, route: Route) -> BTreeMap<u16, Vec<Code>> {
        match route.access {
            Access::Key => self.add(OF_KEYS),
            Access::Readonly | Access::User | Access::Operator | Access::Admin => {
                self.add(OF_KEYS);
                self.add([RBAC_PERMISSION_DENIED]);
            }
            Access::Open if SIGNS_OF_LIFE.contains(&route.path) => self.add([ORIGIN_NOT_ALLOWED]),
            Access::Open | Access::Page => self.add([ORIGIN_NOT_ALLOWED, RATE_LIMITED]),
            Access::Capability => self.add([RATE_LIMITED]),
        }
        if route.path.contains('{') {
            self.add([INVALID_ARGUMENT]);
        }
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in self.codes {
            by_status.entry(code.entry().http_status).or_default().push(code);
        }
        by_status
    }
}

/// The answer that has one of these codes, which share a status. It is named by them.
pub(super) fn response(codes: &[Code]) -> (String, Response) {
    let names: Vec<String> = codes.iter().map(ToString::to_string).collect();
    let words: Vec<String> = codes.iter().map(|code| format!("{code}: {}", code.entry().what)).collect();
    let examples = codes.iter().map(|code| {
        let problem = Problem::from(&Rejection::new(*code, "What, which, and where."));
        let value = serde_json::to_value(problem).expect("a problem is JSON");
        (code.to_string(), ExampleBuilder::new().summary(code.entry().what).value(Some(value)).build())
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(Problem::name())))
        .examples_from_iter(examples)
        .build();
    let mut response =
        ResponseBuilder::new().description(words.join("\n\n")).content("application/problem+json", content);
    let waited = [OVERLOADED, SHUTTING_DOWN, TOO_MANY_WRONG_KEYS, RATE_LIMITED];
    if codes.iter().any(|code| waited.contains(code)) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).examples([1]);
        let header = HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds to wait.")).build();
        response = response.header("Retry-After", header);
    }
    (names.join("_"), response.build())
}
