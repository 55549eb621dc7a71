//! `automation maintain images`

use automation::Aws;
use jiff::Timestamp;
use maintenance::image::{Image, ImageAction, plan_images};
use sagemaker::{
    SageMakerClient,
    images::{self, Images},
};

use super::{plan_output::ResourceTexts, reconcile::reconcile_resources};
use crate::{args::MaintainArgs, error::CliError, output::CliOutput, verdict::Verdict};

const TEXTS: ResourceTexts<ImageAction> =
    ResourceTexts { noun: "image", describe_action: |_| "to be updated", without_action: "waiting" };

pub(super) async fn maintain_images(
    args: &MaintainArgs,
    declared: &[Image],
    out: &mut CliOutput,
) -> Result<Verdict, CliError> {
    let aws = Aws::load().await;
    let service = SageMakerClient::from_config(aws.config());
    let ledger = args.table.as_deref().map(|table| aws.ledger(table));
    let observed = images::read_images(&service, declared).await.observed;
    let names: Vec<_> = declared.iter().map(|image| image.name.as_str()).collect();
    let known = match &ledger {
        Some(ledger) => ledger.read_image_histories(&names).await?,
        None => std::collections::BTreeMap::new(),
    };
    let histories: Vec<_> = names.iter().map(|name| known.get(*name).cloned().unwrap_or_default()).collect();
    let plan = plan_images(declared, &observed, &histories);
    let Some(ledger) = &ledger else {
        if !args.plan && plan.has_actions() {
            return Err(CliError::NoLedger);
        }
        return reconcile_resources(args, &TEXTS, plan, async |_| Ok(()), out).await;
    };
    let execute = async |action: ImageAction| match action {
        ImageAction::AddTags { arn, tags } => service.add_tags(&arn, &tags).await,
        ImageAction::Update(update) => {
            let before = known.get(&update.name).cloned().unwrap_or_default();
            ledger
                .request_image_update(&update, &before, Timestamp::now(), Box::pin(service.update_image(&update)))
                .await
        }
    };
    reconcile_resources(args, &TEXTS, plan, execute, out).await
}
