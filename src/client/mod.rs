//! The Rust SDK: Engine.IO and Socket.IO over websocket, REST, workflow builder, service node.
//!
//! [`Client`] submits and watches workflows, [`workflow::Workflow`] puts them together, and
//! [`node::ExternalServiceNode`] does their work. Below them lies [`wire`], which the load generator uses bare.

pub mod node;
mod rest;
mod tls;
pub mod wire;
pub mod workflow;

pub use rest::{
    AccessKey, BackupStream, Bulk, BulkDone, BulkItem, BulkRefusal, Client, ClientBuilder, ClientError,
    DeadLetterFilter, Delivery, EventStream, FailingWebhook, FailureByHand, FeedEvent, FeedFilter,
    FunctionInfo, GoneService, Health, NewKey, NewWebhook, Note, Page, PageRequest, Problem, Receipt,
    ResumeAt, Service, ServicePage, Shutdown, Stats, StatsHistory, SubmitOptions, Submitted, TaskFailure,
    TaskInfo, TextFormat, User, Validation, Webhook, WebhookTest, Whoami, Why, WhyReason, WorkflowFilter,
    WorkflowInfo, WorkflowResults, WorkflowStatus,
};
pub use tls::Tls;
