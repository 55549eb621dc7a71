//! The interface of messages that [`batch`](crate::batch) processes.

/// A message a queue can carry.
pub trait Message: Sized {
    type Error: std::error::Error + Send + Sync + 'static;

    fn parse(body: &str) -> Result<Self, Self::Error>;

    /// Groups the log lines that belong to one unit of work; `None` if the message names none.
    fn correlation_id(&self) -> Option<String>;
}
