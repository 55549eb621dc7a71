//! SageMaker images.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_sagemaker::{operation::describe_image::DescribeImageOutput, types::ImageStatus as ImageState};
use maintenance::image::{Image, ImageObservation, ImageStatus, ImageUpdate, ObservedImage};
use worker::{CallError, CallErrorKind};

use crate::{
    SageMakerClient,
    client::without_retries,
    concurrent_reads::read_within,
    convert::{convert_time, non_empty_text},
    tags,
};

/// The image operations of SageMaker.
pub trait Images: Sync {
    /// Describes an image, without its tags; `None` if there is no image of this name.
    fn describe_image(&self, name: &str) -> impl Future<Output = Result<Option<ObservedImage>, CallError>> + Send;

    fn list_tags(&self, arn: &str) -> impl Future<Output = Result<BTreeMap<String, String>, CallError>> + Send;

    /// Adds tags to an image; a tag that exists gets the new value.
    fn add_tags(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    fn update_image(&self, update: &ImageUpdate) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// The observed state of the declared images.
#[derive(Debug, Clone)]
pub struct ImageReading {
    /// The images, in the order of the configuration.
    pub observed: Vec<ImageObservation>,
    /// Number of API calls that were made.
    pub calls: usize,
}

/// Reads the declared images. An image that cannot be read, or not within the time limit, does not
/// prevent the others from being read.
pub async fn read_images(images: &impl Images, declared: &[Image], time_limit: Duration) -> ImageReading {
    let reads = declared.iter().map(|image| read_image(images, image)).collect();
    let results = read_within(reads, time_limit).await;
    let observed: Vec<_> = results
        .into_iter()
        .map(|observed| {
            observed.unwrap_or_else(|error| ImageObservation::Unreadable {
                cause: error.to_string(),
                refused: error.kind.is_refusal(),
            })
        })
        .collect();
    let with_tags = observed
        .iter()
        .filter(|image| matches!(image, ImageObservation::Described(observed) if observed.tags.is_some()));
    let calls = observed.len() + with_tags.count();
    ImageReading { observed, calls }
}

async fn read_image(images: &impl Images, image: &Image) -> Result<ImageObservation, CallError> {
    let Some(mut observed) = images.describe_image(&image.name).await? else { return Ok(ImageObservation::Missing) };
    if !image.tags.is_empty() {
        observed.tags = Some(images.list_tags(&observed.arn).await?);
    }
    Ok(ImageObservation::Described(Box::new(observed)))
}

impl SageMakerClient {
    /// Reads every image of the account and Region, with its tags.
    pub async fn read_all_images(&self) -> Result<Vec<ObservedImage>, CallError> {
        let pages = self.client.list_images().into_paginator().items().send();
        let images = pages.collect::<Result<Vec<_>, _>>().await;
        let images = images.map_err(|error| CallError::from_sdk("ListImages", error))?;
        let mut observed = Vec::with_capacity(images.len());
        for name in images.iter().filter_map(|image| image.image_name()) {
            // It may have been deleted since it was listed.
            let Some(image) = self.describe_image(name).await? else { continue };
            let tags = Some(self.list_tags(&image.arn).await?);
            observed.push(ObservedImage { tags, ..image });
        }
        Ok(observed)
    }
}

impl Images for SageMakerClient {
    async fn describe_image(&self, name: &str) -> Result<Option<ObservedImage>, CallError> {
        let response = self.client.describe_image().image_name(name).send().await;
        match response.map_err(|error| CallError::from_sdk("DescribeImage", error)) {
            Ok(output) => Ok(Some(convert_image(name, &output))),
            Err(error) if error.kind == CallErrorKind::NotFound => Ok(None),
            // The Terraform provider handles this form of a missing image as well.
            Err(error) if error.kind == CallErrorKind::Invalid && error.message.contains("does not exist") => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        tags::list_tags(&self.client, arn).await
    }

    async fn add_tags(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
        tags::add_tags(&self.client, arn, tags).await
    }

    async fn update_image(&self, update: &ImageUpdate) -> Result<(), CallError> {
        let delete: Vec<_> = update.delete.iter().map(|&property| property.to_owned()).collect();
        let response = self
            .client
            .update_image()
            .image_name(&update.name)
            .set_display_name(update.display_name.clone())
            .set_description(update.description.clone())
            .set_role_arn(update.role_arn.clone())
            .set_delete_properties((!delete.is_empty()).then_some(delete))
            .customize()
            .config_override(without_retries())
            .send()
            .await;
        response.map(drop).map_err(|error| CallError::from_sdk("UpdateImage", error))
    }
}

fn convert_image(name: &str, output: &DescribeImageOutput) -> ObservedImage {
    let status = output.image_status().map(ImageState::as_str).unwrap_or_default();
    ObservedImage {
        name: name.to_owned(),
        arn: output.image_arn().unwrap_or_default().to_owned(),
        status: ImageStatus::from(status),
        status_text: status.to_owned(),
        failure_reason: non_empty_text(output.failure_reason()),
        display_name: non_empty_text(output.display_name()),
        description: non_empty_text(output.description()),
        role_arn: non_empty_text(output.role_arn()),
        created_at: convert_time(output.creation_time()),
        modified_at: convert_time(output.last_modified_time()),
        tags: None,
    }
}
