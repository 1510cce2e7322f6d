//! The only types that outsiders see, in REST and over Socket.IO. They hold no logic.
