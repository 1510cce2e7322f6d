//! What clients send and what they are sent, as text.

mod inbound;
mod outbound;
