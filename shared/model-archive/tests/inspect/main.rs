//! Results of `inspect_archive` for real models, for invalid archives, and for arbitrary bytes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails, in its helpers too")]

mod archives;
mod common;
mod frameworks;
mod hostile;
mod onnx;
mod recognition;
mod refusals;
mod table;
mod unsupported_formats;
mod variations;
