//! The result of a command that did not fail.

pub(crate) enum Verdict {
    /// No problems were found.
    Good,
    /// The archive cannot be compiled, the configuration is not valid, a job failed, or a message
    /// could not be redriven.
    Bad,
    /// A resource differs from the configuration.
    Changes,
}
