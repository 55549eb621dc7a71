//! On a schedule, compilation jobs whose state was not relayed yet are sent on to be.

pub mod handler;
