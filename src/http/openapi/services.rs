//! Workers.

use super::document::{Document, Tag};
use super::{conditions, examples};
use crate::core::errors::{DISK_SPACE_FULL, SERVICE_NOT_FOUND};
use crate::protocol::rest::{Done, ServiceView, ServicesView};

const ID: &str = "The `node_id`.";

pub fn list() -> Document {
    Document::new(Tag::Services, "list_services", "List services")
        .describe("External services, executor nodes and the workers inside the server.")
        .queries(conditions::page(1_000, 1_000))
        .answers::<ServicesView>(200, "A page of them.", examples::services())
}

pub fn detail() -> Document {
    Document::new(Tag::Services, "get_service", "Read a service")
        .path("id", "The `node_id`, or a name that only one service has.", "ml-1")
        .answers::<ServiceView>(200, "The service.", examples::service())
        .refuses([SERVICE_NOT_FOUND])
}

pub fn drain() -> Document {
    verb("drain_service", "Give a service no new work", "draining").describe("What it holds goes on.")
}

pub fn resume() -> Document {
    verb("resume_service", "Give a service work again", "taking_work")
}

fn verb(id: &'static str, summary: &'static str, status: &str) -> Document {
    Document::new(Tag::Services, id, summary)
        .path("id", ID, "ml-1")
        .answers::<Done>(200, "It is done.", examples::done("ml-1", status))
        .refuses([DISK_SPACE_FULL, SERVICE_NOT_FOUND])
}
