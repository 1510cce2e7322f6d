//! The Socket.IO server shell.
