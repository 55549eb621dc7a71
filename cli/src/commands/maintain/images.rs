//! `automation maintain images`

use jiff::Timestamp;
use ledger::{DynamoTable, Ledger};
use maintenance::image::{Image, ImageAction, plan_images};
use sagemaker::images::{self, Images, SageMakerImages};

use super::{plan_output::ResourceTexts, reconcile::reconcile_resources};
use crate::{args::MaintainArgs, error::CliError, output::CliOutput, verdict::Verdict};

const TEXTS: ResourceTexts<ImageAction> =
    ResourceTexts { noun: "image", describe_action: |_| "to be updated", without_action: "waiting" };

pub(super) async fn maintain_images(
    args: &MaintainArgs,
    declared: &[Image],
    out: &mut CliOutput,
) -> Result<Verdict, CliError> {
    let aws = automation::aws::load_config().await;
    let service = SageMakerImages::from_config(&aws);
    let ledger = args.table.as_ref().map(|table| {
        let table = DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), table.clone());
        Ledger::new(table, Timestamp::now)
    });
    let observed = images::read_images(&service, declared).await.observed;
    let names: Vec<_> = declared.iter().map(|image| image.name.as_str()).collect();
    let known = match &ledger {
        Some(ledger) => ledger.image_histories(&names).await?,
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
