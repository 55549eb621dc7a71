//! Conversions of values that the SDK returns.

use aws_sdk_sagemaker::primitives::DateTime;
use jiff::Timestamp;

/// The text, unless it is missing or empty: the SDK fills missing required members with `""`.
pub(crate) fn non_empty_text(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The time, unless it is missing or out of range.
pub(crate) fn convert_time(time: Option<&DateTime>) -> Option<Timestamp> {
    Timestamp::from_millisecond(time?.to_millis().ok()?).ok()
}
