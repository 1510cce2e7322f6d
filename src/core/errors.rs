//! The catalogue of errors: one entry for every code the program can raise, and none that it cannot.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A stable error code, written `GZnnnn`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Code(pub u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GZ{:04}", self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Code {
    /// The code written as `GZnnnn` or `nnnn`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("GZ").or_else(|| text.strip_prefix("gz")).unwrap_or(text);
        let code = Self(digits.parse().ok()?);
        lookup(code).map(|entry| entry.code)
    }

    /// The catalogue's entry.
    ///
    /// # Panics
    /// When the code is not in the catalogue; a test raises every code of the program.
    pub fn entry(self) -> &'static CatalogueEntry {
        lookup(self).expect("every code that is raised is in the catalogue")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Category {
    Transient,
    Permanent,
    Validation,
    Auth,
    Resource,
    Network,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    Error,
    Critical,
}

/// What one code means, and what to do about it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct CatalogueEntry {
    #[cfg_attr(feature = "server", schema(value_type = String))]
    #[serde(serialize_with = "as_text")]
    pub code: Code,
    pub name: &'static str,
    pub what: &'static str,
    pub fix: &'static str,
    pub category: Category,
    pub severity: Severity,
    /// Whether a task that failed with this code is tried again by itself.
    pub retryable: bool,
    pub retry_after_ms: Option<u64>,
    /// Status of a REST answer with this code.
    pub http_status: u16,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's serialize_with hands over a reference")]
fn as_text<S: serde::Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(code)
}

macro_rules! catalogue {
    ($($number:literal $name:ident $category:ident $severity:ident $retryable:literal $status:literal
       $what:literal $fix:literal)*) => {
        $(pub const $name: Code = Code($number);)*

        /// Every code, in ascending order.
        pub const CATALOGUE: &[CatalogueEntry] = &[$(CatalogueEntry {
            code: $name,
            name: stringify!($name),
            what: $what,
            fix: $fix,
            category: Category::$category,
            severity: Severity::$severity,
            retryable: $retryable,
            retry_after_ms: None,
            http_status: $status,
        }),*];
    };
}

catalogue! {
    1001 INTERNAL_ERROR Permanent Critical false 500
        "The program met a condition that its authors excluded."
        "Keep the log output and report it; the state on disk is safe."
    1020 SERVER_UNREACHABLE Network Error true 503
        "No Gleitzeit server answers at the address."
        "Start one with `gleitzeit serve`, or name its address with --url or GLEITZEIT_URL."
    1021 SERVER_UNTRUSTED Network Error false 502
        "The server shows a certificate that is not trusted here."
        "If it is the server you mean, name its certificate or that of its authority with --ca, GLEITZEIT_CA or `ca` under [client]."
    1030 OVERLOADED Resource Warning true 503
        "Too many requests are waiting for the engine."
        "Wait for the time in Retry-After, then send the same request again."
    1031 SHUTTING_DOWN Transient Info true 503
        "The server is stopping and takes no new requests."
        "Send the request again when the server is back; nothing of it was stored."
    1032 OUTCOME_UNKNOWN Transient Warning false 503
        "The server ended while the request was being stored, so that it cannot say whether it counts."
        "Look when the server is back, or send it again: with the same id or `Idempotency-Key` it counts once."
    2001 TASK_EXECUTION_FAILED Transient Error true 500
        "The worker reported that the task failed."
        "Read the message of the attempt; mend the input or the service, then retry the task."
    2002 TASK_TIMEOUT Transient Error true 504
        "The task ran longer than its `timeout_seconds`."
        "Raise `timeout_seconds`, or make the task smaller; the worker was told to stop."
    2003 TASK_QUEUE_TIMEOUT Resource Error false 504
        "No worker was free within the task's queue timeout."
        "Ask `gleitzeit why` what it waited for; connect more workers or raise `queue_timeout_seconds`."
    2004 TASK_RETRY_EXHAUSTED Permanent Error false 500
        "The task lost its worker too often in a row."
        "Look at the history in the message: a task that brings down each of its workers needs mending."
    2005 TASK_NOT_FOUND Validation Error false 404
        "There is no task with this id."
        "List the tasks of a workflow with `gleitzeit status <workflow>`."
    2006 TASK_CANCELLED Permanent Info false 409
        "The task was cancelled."
        "Retry the task or its workflow if it should run after all."
    2007 TASK_ALREADY_ENDED Validation Warning false 409
        "The task has ended; a report or a request for it changes nothing any more."
        "Drop the report or the request. What failed, was cancelled or was skipped can be run again with retry."
    2008 STALE_ATTEMPT Validation Warning false 409
        "The report belongs to an earlier attempt; another one has taken its place."
        "Drop the report: the task is or was run by a later attempt."
    2009 TASK_NOT_HELD Validation Warning false 409
        "The task is not assigned to the worker that reports it."
        "Report only tasks that were assigned on this connection."
    2010 OLLAMA_CONNECTION_FAILED Network Error true 503
        "No endpoint of language models could be reached."
        "Start Ollama, or correct `[models]` in the configuration; the message says what each endpoint said."
    2011 OLLAMA_MODEL_NOT_FOUND Permanent Error false 404
        "No endpoint has the model that the task names."
        "Name one of the models in the message, fetch it (`ollama pull`), or give the task `pull: true`."
    2012 NO_WORKER_FOR_TASK Permanent Error false 409
        "Every worker that could take the task has declared that it has no handler for it."
        "Register a handler for the task's type, or correct the type in the workflow."
    2013 SERVICE_NOT_FOUND Validation Error false 404
        "No service with this id or name is known."
        "See `gleitzeit services` for those that are."
    2014 PARAMETERS_CHANGED Transient Warning true 409
        "Somebody else changed the parameters of the task at the same time."
        "Look at the task again, then send the request again."
    2015 TASK_ACCEPT_TIMEOUT Transient Warning true 504
        "The worker did not accept the task in time, so the task went elsewhere."
        "Look at the worker: it is connected but takes nothing. Raise `accept_timeout_seconds` if it needs longer."
    2016 MODEL_RATE_LIMITED Transient Warning true 429
        "Every endpoint that has the model asked for a pause."
        "The task is tried again after the pause; add endpoints, or lower their `concurrency`."
    2017 MODEL_RESPONSE_FAILED Network Error true 502
        "No endpoint gave a whole answer: they failed, broke off, or sent what cannot be read."
        "Read what each endpoint said in the message; look at the log of the model's server."
    2018 MODEL_REQUEST_REFUSED Validation Error false 400
        "The model's server refused the question itself."
        "Correct what it names in the message, for instance the length of the prompt."
    2020 FUNCTION_NOT_FOUND Permanent Error false 404
        "The built-in worker has no function with this name."
        "See `gleitzeit functions` for the names, or register a worker that has the function."
    2030 IMAGE_INVALID Validation Error false 422
        "The image of a vision task cannot be decoded."
        "Give a PNG, JPEG, GIF, BMP, TIFF or WebP image of at most 20 MiB and 40 million pixels."
    2031 IMAGE_FILE_NOT_FOUND Permanent Error false 404
        "The image of a vision task is not in the folder of the file tasks."
        "Correct `image_path`, which is relative to that folder, or put the file there."
    2040 HTTP_REQUEST_FAILED Network Error true 502
        "A request to another system got no response, or not the one that was expected."
        "Read the message of the attempt; check the URL and the system behind it, then retry the task."
    2060 DELIVERY_REFUSED Network Error true 502
        "The receiver of a webhook task answered that it does not take it."
        "Look at its answer in the message; mend `service_url` or the receiver, then retry the task."
    2061 DELIVERY_IMPOSSIBLE Permanent Error false 422
        "A webhook task cannot be sent: its `service_url` is missing, malformed or leads to a denied address."
        "Correct `service_url`; private and loopback addresses must be allowed in the configuration."
    2062 CALLBACK_UNKNOWN Validation Warning false 404
        "No attempt waits for this callback: its token is not one of this server's, or its attempt has ended."
        "Drop the callback; the task goes on, or has ended, without it."
    2063 CALLBACK_CONFLICT Validation Warning false 409
        "The attempt has ended with another outcome, which counts."
        "Drop the callback; read the outcome that counts from the task."
    2070 WEBHOOK_NOT_FOUND Validation Error false 404
        "There is no webhook with this id."
        "List the webhooks with `gleitzeit webhooks list`."
    2071 WEBHOOK_DELIVERY_NOT_FOUND Validation Error false 404
        "The webhook has no delivery with this number: no such end is in the log, or its terms do not ask for it."
        "List its deliveries; the number of one is the seq of its event."
    2072 TOO_MANY_WEBHOOKS Resource Error false 409
        "The server has as many webhooks as it takes."
        "Delete one that nobody needs, or raise `count` under `[webhooks.subscriptions]`."
    3001 WORKFLOW_VALIDATION_FAILED Validation Error false 422
        "The workflow is not valid."
        "Mend what the message names; nothing was stored."
    3002 WORKFLOW_NOT_FOUND Validation Error false 404
        "There is no workflow with this id."
        "List the workflows with `gleitzeit list`."
    3003 CIRCULAR_DEPENDENCY Validation Error false 422
        "Tasks depend on each other in a circle, so none of them could ever start."
        "Remove one of the dependencies that the message names."
    3004 WORKFLOW_TIMEOUT Permanent Error false 504
        "The workflow ran longer than its `timeout_seconds`."
        "Raise the limit or look for the slow task in `gleitzeit status`."
    3005 WORKFLOW_ALREADY_ENDED Validation Warning false 409
        "The workflow has ended; the request changes nothing."
        "Nothing is left to do; what failed, was cancelled or was skipped can be run again with retry."
    3006 WORKFLOW_CONFLICT Validation Error false 409
        "The id or idempotency key was used before, for another workflow."
        "Use a new id or key, or send exactly the same body again."
    3007 WORKFLOW_PARSE_ERROR Validation Error false 400
        "The body is not the JSON or YAML it claims to be."
        "Mend the place that the message names."
    3008 WORKFLOW_CANCELLED Permanent Info false 409
        "The workflow was cancelled before the task could end."
        "Retry the workflow if it should go on."
    3009 NOTHING_TO_RETRY Validation Warning false 409
        "Nothing of it can run again: it has a result, or has not ended yet."
        "Submit it again to run all of it; retry runs what has failed, was cancelled or was skipped, once it has ended."
    3010 DEPENDENCY_NOT_SATISFIED Permanent Warning false 409
        "A task that this one depends on did not succeed, so it was skipped."
        "Retry the failed dependency; this task then runs as well."
    3011 WORKFLOW_IMPORTED Permanent Info false 409
        "The workflow ran on another server and was imported to be looked at; it never runs here."
        "Submit its definition again (`GET /api/v1/workflows/{id}/definition`) to run it here as a new workflow."
    3012 NO_FILES_ROOT Validation Error false 422
        "The batch is about a folder of the server, and this server has no files root."
        "Set `root` under [files] in its configuration, or use `gleitzeit run --batch-folder` for a folder of yours."
    3013 PARAMETER_SUBSTITUTION_FAILED Permanent Error false 422
        "A template in the parameters could not be filled."
        "Correct the reference; the message names what was available."
    4001 AUTHENTICATION_REQUIRED Auth Error false 401
        "The request carries no key, and this server asks for one."
        "Send `Authorization: Bearer <key>`, or `authenticate {token}` on a socket; `gleitzeit auth login` keeps one."
    4002 AUTH_TOKEN_EXPIRED Auth Error false 401
        "The key has expired."
        "Have an admin make a new one: `gleitzeit auth key create`."
    4010 API_KEY_INVALID Auth Error false 401
        "The key is not one of this server's, or it was revoked."
        "Check the key for what was lost in copying, or have an admin make a new one: `gleitzeit auth key create`."
    4011 ACCESS_SUBJECT_NOT_FOUND Validation Error false 404
        "There is no such user or key."
        "List them with `gleitzeit auth user list` and `gleitzeit auth key list`."
    4012 ACCESS_CONFLICT Validation Error false 409
        "Users and keys stand in the way of the request."
        "Read the message: it names what stands in the way and how to get past it."
    4013 LAST_ADMIN Validation Error false 409
        "Nobody would be left with a key that may change users and keys."
        "Make another admin key first, `gleitzeit auth key create USER --name NAME --role admin`; where none counts any more, stop the server and run `gleitzeit auth init`."
    4021 RBAC_PERMISSION_DENIED Auth Error false 403
        "The role or the scope of the key does not reach that far."
        "Use a key that may do it; `gleitzeit auth status` shows what this one may."
    4022 TOO_MANY_WRONG_KEYS Auth Warning true 429
        "Too many wrong keys came from this address."
        "Correct the key, wait for the time in Retry-After, then send the request again."
    4023 RATE_LIMITED Resource Warning true 429
        "More came from one address, or with one key, than the server takes in a second."
        "Wait for the time in Retry-After, then send it again; `[rates]` in the server's configuration says how much it takes."
    4030 ORIGIN_NOT_ALLOWED Auth Error false 403
        "A browser asks in the name of a page, or by a name of the server, that is not known here."
        "Open the server's own address, or add the page to `allowed_origins` of its configuration."
    5001 FILE_NOT_FOUND Permanent Error false 404
        "There is no file at the path of a file task."
        "Correct the path; it is relative to `root` under `[files]` in the server's configuration."
    5002 FILE_ACCESS_DENIED Permanent Error false 403
        "The path of a file task leads out of the folder of the file tasks, or its rights do not allow the operation."
        "Use a path inside the folder, or change the rights of the file on the server."
    5003 STORAGE_FAILED Resource Critical false 500
        "The event log could not be read or written."
        "Check the disk; `gleitzeit store verify` tells what is whole."
    5004 DISK_SPACE_FULL Resource Error true 507
        "The disk is full: new work is refused, reports of running work are still taken."
        "Free some space; the server goes on by itself, without a restart."
    5006 FILE_OPERATION_FAILED Resource Error true 500
        "The operating system refused an operation of a file task."
        "Read its reason in the message of the attempt, such as a full disk, then retry the task."
    5010 DATA_CORRUPTION Permanent Critical false 500
        "Data on the disk does not match its checksum."
        "Stop the server and run `gleitzeit store verify`; see `gleitzeit store repair`."
    5011 EVENTS_RELEASED Permanent Info false 410
        "These events were released by retention."
        "Read on from the first kept position, which the message names."
    5012 DATA_DIR_IN_USE Resource Error false 409
        "Another process uses the data directory."
        "Stop the other process, or choose another --data-dir."
    5013 FORMAT_TOO_NEW Permanent Critical false 500
        "The data directory was written by a newer version."
        "Use that version or a later one."
    5014 BACKUP_NOT_WHOLE Permanent Error false 422
        "A backup was cut off or has changed, or its restore was interrupted."
        "Use another backup; nothing of this one was taken. A directory with half a restore can be removed."
    5015 DATA_DIR_NOT_EMPTY Validation Error false 409
        "A backup is only restored into an empty directory."
        "Name a new directory with --data-dir, and keep the old one until the new one has proved itself."
    5016 MOMENT_NOT_IN_BACKUP Validation Error false 422
        "The backup cannot be restored to this moment."
        "Name a moment that the message calls possible, or use a backup that was taken earlier or later."
    6001 ADDRESS_DENIED Network Error false 403
        "The host of a request is on this machine or in a private network, and the configuration does not allow it."
        "Have its network or name added to `allow` under `[http]` in the server's configuration."
    6002 NETWORK_TIMEOUT Network Error true 504
        "Another system did not answer a request in time."
        "Check that system, or give the request a longer `timeout`."
    6003 REQUEST_TIMEOUT Network Warning true 408
        "The request began and did not come to its end."
        "Send it again; a connection that is slow may be slow, but must not stand still."
    7001 INVALID_ARGUMENT Validation Error false 400
        "A value has the wrong type, is out of range, or is not one of the known ones."
        "Correct the field that the message names."
    7002 PAYLOAD_TOO_LARGE Validation Error false 413
        "A body, result or message is larger than the limit."
        "Send less, or store the data elsewhere and pass a reference."
    7003 UNKNOWN_FIELD Validation Error false 422
        "The body has a key that means nothing here."
        "Correct the key; the message names the nearest known one."
    7004 METHOD_OR_PATH_UNKNOWN Validation Error false 404
        "There is nothing at this path, or no event of this name."
        "Compare the path, or the event, with the documentation."
    7005 UNSUPPORTED_MEDIA_TYPE Validation Error false 415
        "The content type is neither JSON nor YAML."
        "Send `Content-Type: application/json` or `application/yaml`."
    7006 REQUIRED_FIELD_MISSING Validation Error false 422
        "A required field is missing."
        "Add the field that the message names."
    7007 METHOD_NOT_ALLOWED Validation Error false 405
        "There is something at this path, but not with this method."
        "Use one of the methods that the header `Allow` of the answer names."
    7010 YAML_PARSE_ERROR Validation Error false 400
        "The body is not valid YAML."
        "Mend the line and column that the message names."
    7020 NOT_REGISTERED Validation Error false 409
        "The socket has not registered a node."
        "Send `node:register` first; a newer connection of the same node takes over."
    9512 NODE_HEARTBEAT_TIMEOUT Network Warning true 503
        "The worker was not heard of for longer than its limit."
        "Check the worker and its network; its tasks were given to others."
}

/// The entry of a code, if there is one.
pub fn lookup(code: Code) -> Option<&'static CatalogueEntry> {
    let place = CATALOGUE.binary_search_by_key(&code, |entry| entry.code).ok()?;
    CATALOGUE.get(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_are_found() {
        assert!(CATALOGUE.windows(2).all(|pair| pair[0].code < pair[1].code));
        for entry in CATALOGUE {
            assert_eq!(Code::parse(&entry.code.to_string()), Some(entry.code));
            assert!(entry.what.ends_with('.') && entry.fix.ends_with('.'), "{}", entry.name);
        }
        assert_eq!(Code::parse("GZ0000"), None);
    }
}
