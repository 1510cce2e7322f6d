//! The answer to a request that changes something.

use super::Exit;
use super::output::{Output, table};
use crate::client::Receipt;

/// Prints it; the request has been carried out.
pub(super) fn print(output: &Output, receipt: &Receipt) -> anyhow::Result<Exit> {
    output.one(receipt, &receipt.id, || {
        let Receipt { id, status, seq, .. } = receipt;
        table(&["ID", "STATUS", "SEQ"], [vec![id.clone(), status.clone(), seq.to_string()]])
    })?;
    Ok(Exit::Ok)
}
