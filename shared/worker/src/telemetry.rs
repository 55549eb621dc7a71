//! Structured logs: JSON on Lambda, readable text in a terminal.

use std::env;

use tracing_subscriber::EnvFilter;

/// Starts logging. Lambda sets `AWS_LAMBDA_LOG_FORMAT` and `AWS_LAMBDA_LOG_LEVEL` from the
/// function's `LoggingConfig`; developers set `RUST_LOG`, which takes precedence.
pub fn start_logging() {
    let level = env::var("AWS_LAMBDA_LOG_LEVEL").unwrap_or_else(|_| "info".to_owned());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    if env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json")) {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).init();
    } else {
        // CloudWatch adds the time and shows no colours.
        builder.with_ansi(false).without_time().init();
    }
}
