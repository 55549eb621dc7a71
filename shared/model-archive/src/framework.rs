//! A reader for the files of each framework.

pub(crate) mod darknet;
pub(crate) mod format_facts;
pub(crate) mod keras;
pub(crate) mod mxnet;
pub(crate) mod onnx;
pub(crate) mod pytorch;
pub(crate) mod sklearn;
pub(crate) mod tensorflow;
pub(crate) mod tflite;
pub(crate) mod xgboost;
