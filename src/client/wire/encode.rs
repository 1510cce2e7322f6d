//! From a message to the text of a frame, appended to the caller's buffer.
//!
//! The buffer is a plain vector: JSON is written in many small pieces, and a vector takes those faster than
//! any buffer of bytes that can be split.

use serde::Serialize;

/// Appends an event: `42/ns,ID["name",data]`. On an error the buffer is as it was.
///
/// ```
/// let mut out = Vec::new();
/// gleitzeit::client::wire::encode::event(&mut out, "/cluster", Some(7), "node:status", &[1, 2])?;
/// assert_eq!(out, br#"42/cluster,7["node:status",[1,2]]"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn event<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    namespace: &str,
    ack_id: Option<u64>,
    name: &str,
    data: &T,
) -> Result<(), serde_json::Error> {
    reset_on_error(out, |out| {
        header(out, *b"42", namespace);
        if let Some(id) = ack_id {
            decimal(out, id);
        }
        out.push(b'[');
        serde_json::to_writer(&mut *out, name)?;
        out.push(b',');
        serde_json::to_writer(&mut *out, data)?;
        out.push(b']');
        Ok(())
    })
}

/// Appends the answer to an event that the server sent with `id`: `43/ns,ID[data]`.
pub fn ack<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    namespace: &str,
    id: u64,
    data: &T,
) -> Result<(), serde_json::Error> {
    reset_on_error(out, |out| {
        header(out, *b"43", namespace);
        decimal(out, id);
        out.push(b'[');
        serde_json::to_writer(&mut *out, data)?;
        out.push(b']');
        Ok(())
    })
}

/// Appends the request to join a namespace, with the payload its middleware may look at.
pub fn connect<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    namespace: &str,
    auth: Option<&T>,
) -> Result<(), serde_json::Error> {
    reset_on_error(out, |out| {
        header(out, *b"40", namespace);
        auth.map_or(Ok(()), |auth| serde_json::to_writer(&mut *out, auth))
    })
}

/// Appends the notice that this client leaves a namespace.
pub fn disconnect(out: &mut Vec<u8>, namespace: &str) {
    header(out, *b"41", namespace);
}

/// Appends the answer to a ping.
pub fn pong(out: &mut Vec<u8>) {
    out.push(b'3');
}

fn header(out: &mut Vec<u8>, kind: [u8; 2], namespace: &str) {
    out.extend_from_slice(&kind);
    if namespace != super::ROOT_NAMESPACE {
        out.extend_from_slice(namespace.as_bytes());
        out.push(b',');
    }
}

fn decimal(out: &mut Vec<u8>, number: u64) {
    serde_json::to_writer(&mut *out, &number).expect("a number in a growing buffer is always written");
}

fn reset_on_error(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error>,
) -> Result<(), serde_json::Error> {
    let start = out.len();
    let result = write(out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}
