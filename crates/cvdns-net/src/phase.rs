//! The phases of a server.

/// What the tasks of TCP and of the portable mode are to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Serve.
    Serving,
    /// Answer what was received, and end.
    Stopping,
    /// The same, while another process serves the same sockets: connections that wait to be
    /// accepted are its own, and those that were accepted have more time.
    HandingOver,
}
