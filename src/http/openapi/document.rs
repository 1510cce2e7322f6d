//! What one operation does, in words and schemas.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{
    ArrayBuilder, Content, ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Required, Response,
    ResponseBuilder, Schema, SecurityRequirement, Type,
};

use super::BEARER;
use super::refusals::Refusals;
use crate::core::errors::Code;
use crate::http::routes::{Access, Route};

const JSON: &str = "application/json";

/// The chapters of the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tag {
    Workflows,
    Tasks,
    Many,
    Webhooks,
    Services,
    Registry,
    Access,
    Server,
}

impl Tag {
    pub const ALL: [Self; 8] = [
        Self::Workflows,
        Self::Tasks,
        Self::Many,
        Self::Webhooks,
        Self::Services,
        Self::Registry,
        Self::Access,
        Self::Server,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Workflows => "Workflows",
            Self::Tasks => "Tasks",
            Self::Many => "Many at once",
            Self::Webhooks => "Webhooks",
            Self::Services => "Services",
            Self::Registry => "What exists",
            Self::Access => "Users and keys",
            Self::Server => "The server",
        }
    }

    pub const fn description(self) -> &'static str {
        match self {
            Self::Workflows => "Submit them, look at them, act on them.",
            Self::Tasks => "Single tasks: what they wait for, and what a person decides about them.",
            Self::Many => "Verbs on everything that a filter finds, and the tasks that have failed for good.",
            Self::Webhooks => "Who is told when workflows and tasks end, and how that went.",
            Self::Services => {
                "Whoever runs tasks: external services, executor nodes and the workers of the server."
            }
            Self::Registry => "The functions inside the server, and the catalogue of errors.",
            Self::Access => "Who may do what, and who asks.",
            Self::Server => "What happens, figures, signs of life, and the end.",
        }
    }
}

/// One operation, before it is known at which route.
pub struct Document {
    tag: Tag,
    id: &'static str,
    summary: &'static str,
    description: Option<&'static str>,
    parameters: Vec<Parameter>,
    body: Option<RequestBodyBuilder>,
    answers: Vec<(u16, ResponseBuilder)>,
    refusals: Refusals,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Document {
    /// `id` names the operation in clients that are made from the description.
    pub fn new(tag: Tag, id: &'static str, summary: &'static str) -> Self {
        Self {
            tag,
            id,
            summary,
            description: None,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            refusals: Refusals::default(),
            schemas: Vec::new(),
        }
    }

    pub fn describe(mut self, text: &'static str) -> Self {
        self.description = Some(text);
        self
    }

    /// A part of the path.
    pub fn path(mut self, name: &str, text: &str, example: &str) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(text))
            .schema(Some(text_object()))
            .example(Some(Value::from(example)));
        self.parameters.push(parameter.build());
        self
    }

    pub fn query(mut self, name: &str, schema: impl Into<RefOr<Schema>>, text: &str) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(text))
            .schema(Some(schema));
        self.parameters.push(parameter.build());
        self.refusals.of_parameters();
        self
    }

    pub fn queries(self, conditions: impl IntoIterator<Item = (&'static str, Schema, &'static str)>) -> Self {
        conditions.into_iter().fold(self, |document, (name, schema, text)| document.query(name, schema, text))
    }

    pub fn header(mut self, name: &str, text: &str, example: &str) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(text))
            .schema(Some(text_object()))
            .example(Some(Value::from(example)));
        self.parameters.push(parameter.build());
        self
    }

    /// A JSON body, with examples by name. One that may be left out says nothing.
    pub fn takes<T: ToSchema>(mut self, required: Required, examples: &[(&str, &str, Value)]) -> Self {
        let content = ContentBuilder::new().schema(Some(self.reference::<T>()));
        let examples = examples.iter().map(|(name, summary, value)| {
            (*name, ExampleBuilder::new().summary(*summary).value(Some(value.clone())).build())
        });
        let content = content.examples_from_iter(examples).build();
        self.body = Some(RequestBodyBuilder::new().required(Some(required)).content(JSON, content));
        self.refusals.of_body();
        self
    }

    /// The body in another form, as text.
    pub fn takes_text(mut self, content_type: &str, example: &str) -> Self {
        let body =
            self.body.take().unwrap_or_else(|| RequestBodyBuilder::new().required(Some(Required::True)));
        self.body = Some(body.content(content_type, text_content(example)));
        self.refusals.of_body();
        self
    }

    pub fn answers<T: ToSchema>(self, status: u16, text: &str, example: Value) -> Self {
        let mut document = self;
        let schema = document.reference::<T>();
        let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
        document.answer(status, text, JSON, content)
    }

    /// A page of a list, with an example of one item.
    pub fn lists<T: ToSchema>(mut self, text: &str, example: &Value) -> Self {
        let name = format!("{}Page", T::name());
        let items = ArrayBuilder::new().items(self.reference::<T>());
        let cursor = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some("Pass it as `cursor` to read on; null at the end."));
        let page = ObjectBuilder::new()
            .property("items", items)
            .property("next_cursor", cursor)
            .required("items")
            .required("next_cursor");
        self.schemas.push((name.clone(), page.into()));
        let example = serde_json::json!({"items": [example], "next_cursor": null});
        let content =
            ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).example(Some(example)).build();
        self.answer(200, text, JSON, content)
    }

    pub fn answers_text(self, status: u16, text: &str, content_type: &str, example: &str) -> Self {
        self.answer(status, text, content_type, text_content(example))
    }

    /// Lines or events, each of which is a JSON value of this kind.
    pub fn answers_stream<T: ToSchema>(mut self, text: &str, content_type: &str, example: &str) -> Self {
        self.reference::<T>();
        self.answers_text(200, text, content_type, example)
    }

    /// A header of the answer with this status.
    pub fn answer_header(mut self, status: u16, name: &str, text: &str) -> Self {
        let header = HeaderBuilder::new().description(Some(text)).schema(Some(text_object())).build();
        let (_, answer) =
            self.answers.iter_mut().find(|(known, _)| *known == status).expect("it was described");
        *answer = std::mem::take(answer).header(name, header);
        self
    }

    /// Codes with which this operation may be refused, beside those of every operation.
    pub fn refuses<const N: usize>(mut self, codes: [Code; N]) -> Self {
        self.refusals.add(codes);
        self
    }

    /// It is answered without the engine, so nothing of the engine's can be wrong with it.
    pub fn without_engine(mut self) -> Self {
        self.refusals.without_engine();
        self
    }

    fn answer(mut self, status: u16, text: &str, content_type: &str, content: Content) -> Self {
        if let Some((_, answer)) = self.answers.iter_mut().find(|(known, _)| *known == status) {
            *answer = std::mem::take(answer).content(content_type, content);
        } else {
            let answer = ResponseBuilder::new().description(text).content(content_type, content);
            self.answers.push((status, answer));
        }
        self
    }

    fn reference<T: ToSchema>(&mut self) -> RefOr<Schema> {
        self.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
        Ref::from_schema_name(T::name()).into()
    }

    /// The operation at a route, the schemas that it refers to, and the answers of refusals.
    pub(super) fn at(self, route: Route, known: &mut Known) -> Operation {
        known.schemas.extend(self.schemas);
        let mut operation = OperationBuilder::new()
            .tag(self.tag.name())
            .operation_id(Some(self.id))
            .summary(Some(self.summary))
            .description(self.description)
            .parameters((!self.parameters.is_empty()).then_some(self.parameters))
            .request_body(self.body.map(RequestBodyBuilder::build));
        operation = match route.access {
            Access::Key | Access::Readonly | Access::User | Access::Operator | Access::Admin => {
                operation.security(SecurityRequirement::new(BEARER, Vec::<String>::new()))
            }
            Access::Open | Access::Page | Access::Capability => {
                operation.security(SecurityRequirement::default())
            }
        };
        for (status, answer) in self.answers {
            operation = operation.response(status.to_string(), answer.build());
        }
        for (status, codes) in self.refusals.at(route) {
            let (name, response) = super::refusals::response(&codes);
            known.responses.insert(name.clone(), response);
            operation = operation.response(status.to_string(), Ref::from_response_name(name));
        }
        operation.build()
    }
}

/// What operations refer to, by name.
#[derive(Default)]
pub(super) struct Known {
    pub schemas: BTreeMap<String, RefOr<Schema>>,
    pub responses: BTreeMap<String, Response>,
}

pub(super) fn text_object() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn text_content(example: &str) -> Content {
    ContentBuilder::new().schema(Some(text_object())).example(Some(Value::from(example))).build()
}
