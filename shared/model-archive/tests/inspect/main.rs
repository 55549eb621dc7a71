//! What `inspect` answers: to real models, to archives that are not as they should be, and to any bytes at all.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails, in its helpers too")]

mod archives;
mod common;
mod frameworks;
mod hostile;
mod onnx;
mod refusals;
mod table;
