//! Why a socket is closed, and how many are open.

use axum::extract::ws::CloseFrame;

use crate::http::graph::Via;

/// A close frame holds 125 bytes, two of which are its code.
///
/// # Source
/// RFC 6455, section 5.5.
const REASON_MAX_BYTES: usize = 123;

/// A reason to close a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: String,
}

impl Close {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(REASON_MAX_BYTES));
        Self { code, reason }
    }

    /// The process stops; another one, or this one soon, takes over.
    pub(super) fn going_away() -> Self {
        Self::new(1001, "Going away")
    }

    /// The peer has shown no sign of life.
    pub(super) fn silent() -> Self {
        Self::new(1001, "No sign of life")
    }

    /// A message is larger than allowed.
    pub(super) fn too_big(limit: usize) -> Self {
        Self::new(1009, format!("Message larger than {limit} bytes"))
    }

    /// Not now, but soon.
    pub(super) fn try_later(reason: &str) -> Self {
        Self::new(1013, reason)
    }

    /// A message is not of the protocol.
    pub(super) fn bad_message(reason: impl Into<String>) -> Self {
        Self::new(4400, reason)
    }

    /// An operation came before the socket was acknowledged.
    pub(super) fn unacknowledged() -> Self {
        Self::new(4401, "Unauthorized")
    }

    /// The token proves nobody, or no longer does.
    pub(super) fn forbidden(reason: &str) -> Self {
        Self::new(4403, format!("Forbidden: {reason}"))
    }

    /// The client does not speak the protocol.
    pub(super) fn protocol() -> Self {
        Self::new(4406, format!("Subprotocol not acceptable: {}", super::PROTOCOL))
    }

    /// No `connection_init` in time.
    pub(super) fn init_timeout() -> Self {
        Self::new(4408, "Connection initialisation timeout")
    }

    /// The id of an operation is in use.
    pub(super) fn duplicate(id: &str) -> Self {
        Self::new(4409, format!("Subscriber for {id} already exists"))
    }

    /// More than one `connection_init`.
    pub(super) fn second_init() -> Self {
        Self::new(4429, "Too many initialisation requests")
    }

    /// More sockets than the caller may hold.
    pub(super) fn too_many_sockets() -> Self {
        Self::new(4429, "Too many sockets")
    }

    pub(super) fn into_frame(self) -> CloseFrame {
        CloseFrame { code: self.code, reason: self.reason.into() }
    }
}

/// A socket or event stream, for as long as it is counted as open.
pub(in crate::http) struct Counted(Via);

impl Counted {
    pub(in crate::http) fn new(via: Via) -> Self {
        metrics::gauge!("gangway_sockets", "transport" => via.as_str()).increment(1);
        Self(via)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("gangway_sockets", "transport" => self.0.as_str()).decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_its_frame_and_stays_text() {
        let close = Close::duplicate(&"é".repeat(200));
        assert!(close.reason.len() <= REASON_MAX_BYTES && close.reason.starts_with("Subscriber for éé"));
    }
}
