//! From a message to the text of a frame, written straight into the buffer that the frame is cut from.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

/// Appends an event: `42/ns,ID["name",data]`. On an error the buffer is as it was.
///
/// ```
/// let mut out = bytes::BytesMut::new();
/// gleitzeit::client::wire::encode::event(&mut out, "/cluster", Some(7), "node:status", &[1, 2])?;
/// assert_eq!(&out[..], br#"42/cluster,7["node:status",[1,2]]"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn event<T: Serialize + ?Sized>(
    out: &mut BytesMut,
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
        out.put_u8(b'[');
        serde_json::to_writer(out.writer(), name)?;
        out.put_u8(b',');
        serde_json::to_writer(out.writer(), data)?;
        out.put_u8(b']');
        Ok(())
    })
}

/// Appends the answer to an event that the server sent with `id`: `43/ns,ID[data]`.
pub fn ack<T: Serialize + ?Sized>(
    out: &mut BytesMut,
    namespace: &str,
    id: u64,
    data: &T,
) -> Result<(), serde_json::Error> {
    reset_on_error(out, |out| {
        header(out, *b"43", namespace);
        decimal(out, id);
        out.put_u8(b'[');
        serde_json::to_writer(out.writer(), data)?;
        out.put_u8(b']');
        Ok(())
    })
}

/// Appends the request to join a namespace, with the payload its middleware may look at.
pub fn connect<T: Serialize + ?Sized>(
    out: &mut BytesMut,
    namespace: &str,
    auth: Option<&T>,
) -> Result<(), serde_json::Error> {
    reset_on_error(out, |out| {
        header(out, *b"40", namespace);
        auth.map_or(Ok(()), |auth| serde_json::to_writer(out.writer(), auth))
    })
}

/// Appends the notice that this client leaves a namespace.
pub fn disconnect(out: &mut BytesMut, namespace: &str) {
    header(out, *b"41", namespace);
}

/// Appends the answer to a ping.
pub fn pong(out: &mut BytesMut) {
    out.put_u8(b'3');
}

fn header(out: &mut BytesMut, kind: [u8; 2], namespace: &str) {
    out.put_slice(&kind);
    if namespace != super::ROOT_NAMESPACE {
        out.put_slice(namespace.as_bytes());
        out.put_u8(b',');
    }
}

fn decimal(out: &mut BytesMut, number: u64) {
    serde_json::to_writer(out.writer(), &number).expect("a number in a growing buffer is always written");
}

fn reset_on_error(
    out: &mut BytesMut,
    write: impl FnOnce(&mut BytesMut) -> Result<(), serde_json::Error>,
) -> Result<(), serde_json::Error> {
    let start = out.len();
    let result = write(out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}
