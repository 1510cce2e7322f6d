//! The description of the interface, in `OpenAPI` 3.1. What operations mean is written here, beside the handlers; the
//! routes come from the router's own list, the schemas from the types of the protocol, the errors from the catalogue.
//!
//! The server does not make it: it answers with `docs/openapi.json`, which a test writes and compares.

pub(super) mod access;
pub(super) mod bulk;
mod conditions;
mod document;
mod examples;
mod refusals;
pub(super) mod registry;
pub(super) mod server;
pub(super) mod services;
pub(super) mod tasks;
pub(super) mod webhooks;
pub(super) mod workflows;

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, HttpMethod, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Paths, ServerBuilder,
};
use utoipa::{PartialSchema, ToSchema};

pub(super) use document::Document;

use super::routes::{self, Verb};
use crate::protocol::rest::Problem;
use document::{Known, Tag};

/// The name of the one security scheme.
const BEARER: &str = "token";
const TOKEN: &str = "Where the server has keys or a token; see `gleitzeit auth`.";

const DESCRIPTION: &str = "\
Whatever was answered with 2xx is on the disk. Bodies are JSON unless it says otherwise; times are RFC 3339 in UTC with \
milliseconds; a `seq` is the position of the log at which an answer is true.

Errors are problems as in RFC 9457 with a stable `code` such as `GZ3002`; `GET /api/v1/errors` lists all of them, with what to \
do about each.

Lists answer `items` and `next_cursor`. Pass the latter as `cursor` to read on; it is null at the end. A page may be short, \
even empty, and still have a cursor.

Each answer has an `x-request-id`: that of the request, where it brings one of at most 128 letters, digits and `-_.:/=+@~`, or a \
new one. Problems and the log of the server name it, too.

Where the server has keys or a token, requests carry `Authorization: Bearer KEY`, which must reach far enough.";

/// All of it.
#[must_use]
pub fn description() -> OpenApi {
    let (mut paths, mut known) = (Paths::new(), Known::default());
    known.schemas.insert(Problem::name().into_owned(), Problem::schema());
    for (route, document) in routes::documents() {
        let operation = document.at(route, &mut known);
        paths.add_path_operation(route.path, vec![method(route.verb)], operation);
    }
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(TOKEN)).build();
    let components = ComponentsBuilder::new()
        .schemas_from_iter(known.schemas)
        .responses_from_iter(known.responses)
        .security_scheme(BEARER, SecurityScheme::Http(token));
    let info = InfoBuilder::new()
        .title("Gleitzeit")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()));
    let tags =
        Tag::ALL.map(|tag| TagBuilder::new().name(tag.name()).description(Some(tag.description())).build());
    OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([ServerBuilder::new()
            .url("/")
            .description(Some("The server that this comes from."))
            .build()]))
        .paths(paths)
        .components(Some(components.build()))
        .tags(Some(tags))
        .build()
}

const fn method(verb: Verb) -> HttpMethod {
    match verb {
        Verb::Get => HttpMethod::Get,
        Verb::Post => HttpMethod::Post,
        Verb::Patch => HttpMethod::Patch,
        Verb::Delete => HttpMethod::Delete,
    }
}
