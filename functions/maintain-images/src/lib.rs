//! Keeps SageMaker images in the desired state that `automation.yaml` declares.

pub mod handler;
