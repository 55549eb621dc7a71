//! Images: properties, statuses and events.

mod create_update;
mod describe_list;
mod emulated_image;
mod image_store;

pub(crate) use create_update::{create_image, delete_image, update_image};
pub(crate) use describe_list::{describe_image, list_images};
pub(crate) use image_store::ImageStore;
