//! Kinds of spans and codes of statuses, by the ABI's numbers.

/// What a span's work is to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SpanKind {
    /// Work inside the plugin.
    #[default]
    Internal = 0,
    /// Serves a request.
    Server = 1,
    /// Makes a request.
    Client = 2,
    /// Sends a message.
    Producer = 3,
    /// Receives a message.
    Consumer = 4,
}

/// How a span's work went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum StatusCode {
    /// Nothing was said.
    #[default]
    Unset = 0,
    /// It was confirmed to be well.
    Ok = 1,
    /// It failed.
    Error = 2,
}
