//! AWS as a command uses it: credentials, Region, stack, and errors that say what to do.

pub(crate) mod call_report;
pub(crate) mod package_archives;
pub(crate) mod session;
pub(crate) mod signed_call;
pub(crate) mod stack;
pub(crate) mod xml;
