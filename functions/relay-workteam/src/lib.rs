//! What SageMaker tells a work team becomes a notification that says what waits and where to begin.

pub mod handler;
