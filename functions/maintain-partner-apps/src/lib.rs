//! On schedule and on configuration changes: partner apps are brought to what is declared, inside their windows.

pub mod handler;
