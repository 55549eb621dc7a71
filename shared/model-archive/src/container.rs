//! Archives as bytes: gzip, tar and the members in it. Nothing here knows a model format.

pub(crate) mod gzip;
pub(crate) mod member;
pub(crate) mod path;
mod pax;
mod source;
pub(crate) mod tar;
