//! Images of SageMaker.

use std::collections::BTreeMap;

use aws_sdk_sagemaker::{Client, operation::describe_image::DescribeImageOutput, types::ImageStatus as ImageState};
use maintenance::image::{Image, ImageStanding, ImageStatus, ImageUpdate, ObservedImage};

use crate::{
    call::{CallError, Kind},
    tags,
};

/// SageMaker's images.
pub trait Images: Sync {
    /// An image without its tags; none if there is none of this name.
    fn describe(&self, name: &str) -> impl Future<Output = Result<Option<ImageStanding>, CallError>> + Send;

    /// An image's tags.
    fn tags(&self, arn: &str) -> impl Future<Output = Result<BTreeMap<String, String>, CallError>> + Send;

    /// Adds tags to an image.
    fn add_tags(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Asks for properties.
    fn update(&self, update: &ImageUpdate) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// The declared images, in their order.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Each as it stands.
    pub observed: Vec<ObservedImage>,
    /// How many calls it took.
    pub calls: usize,
}

/// Reads the declared images. One that cannot be read does not keep the others from it.
pub async fn read(images: &impl Images, declared: &[Image]) -> Reading {
    let mut reading = Reading { observed: Vec::with_capacity(declared.len()), calls: 0 };
    for image in declared {
        let observed = one(images, image, &mut reading.calls).await;
        reading.observed.push(observed.unwrap_or_else(|error| ObservedImage::Unread { cause: error.to_string() }));
    }
    reading
}

async fn one(images: &impl Images, image: &Image, calls: &mut usize) -> Result<ObservedImage, CallError> {
    *calls += 1;
    let Some(mut standing) = images.describe(&image.name).await? else { return Ok(ObservedImage::Missing) };
    if !image.tags.is_empty() {
        *calls += 1;
        standing.tags = Some(images.tags(&standing.arn).await?);
    }
    Ok(ObservedImage::Read(Box::new(standing)))
}

/// The service.
#[derive(Debug, Clone)]
pub struct SageMakerImages {
    client: Client,
}

impl SageMakerImages {
    /// Uses this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Images for SageMakerImages {
    async fn describe(&self, name: &str) -> Result<Option<ImageStanding>, CallError> {
        let answer = self.client.describe_image().image_name(name).send().await;
        match answer.map_err(|error| CallError::new("DescribeImage", error)) {
            Ok(output) => Ok(Some(standing(name, &output))),
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            // The Terraform provider has met a missing image in this form as well.
            Err(error) if error.kind == Kind::Invalid && error.message.contains("does not exist") => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        tags::list(&self.client, arn).await
    }

    async fn add_tags(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
        tags::add(&self.client, arn, tags).await
    }

    async fn update(&self, update: &ImageUpdate) -> Result<(), CallError> {
        let delete: Vec<_> = update.delete.iter().map(|&property| property.to_owned()).collect();
        let answer = self
            .client
            .update_image()
            .image_name(&update.name)
            .set_display_name(update.display_name.clone())
            .set_description(update.description.clone())
            .set_role_arn(update.role_arn.clone())
            .set_delete_properties((!delete.is_empty()).then_some(delete))
            .send()
            .await;
        answer.map(drop).map_err(|error| CallError::new("UpdateImage", error))
    }
}

fn standing(name: &str, output: &DescribeImageOutput) -> ImageStanding {
    let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let status = output.image_status().map(ImageState::as_str).unwrap_or_default();
    ImageStanding {
        name: name.to_owned(),
        arn: output.image_arn().unwrap_or_default().to_owned(),
        status: ImageStatus::parse(status),
        status_text: status.to_owned(),
        failure_reason: given(output.failure_reason()),
        display_name: given(output.display_name()),
        description: given(output.description()),
        role_arn: given(output.role_arn()),
        tags: None,
    }
}
