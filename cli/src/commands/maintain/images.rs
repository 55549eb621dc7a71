//! `automation maintain images`

use jiff::Timestamp;
use ledger::{RequestAnswer, UpdatedKind};
use maintenance::{
    ResourcePlan, UpdateHistory,
    image::{Image, ImageAction, ImageObservation, plan_images},
};
use sagemaker::{
    READ_LIMIT, SageMakerClient,
    images::{self, Images},
};

use super::{
    configuration::DesiredState, plan_output::ResourceTexts, reconcile::reconcile_resources, run::MaintainRun,
};
use crate::{error::CliError, output::CliOutput, verdict::Verdict};

const TEXTS: ResourceTexts<ImageAction> = ResourceTexts {
    plural: "images",
    describe_action: |_| "to be updated",
    is_creation: |_| false,
    without_action: "waiting",
};

pub(super) async fn maintain_images(
    run: &MaintainRun<'_>,
    desired: &DesiredState,
    out: &mut CliOutput,
) -> Result<Verdict, CliError> {
    let declared = &desired.declared.images;
    if declared.is_empty() {
        return reconcile_resources(run, desired, &TEXTS, ResourcePlan { items: Vec::new() }, async |_| Ok(()), out)
            .await;
    }
    let session = run.session().await?;
    let service = SageMakerClient::from_config(session.config());
    let table = session.find_ledger_table(run.args.table.as_deref());
    let ledger = table.as_deref().ok().map(|table| session.aws().ledger(table));
    let observed = images::read_images(&service, declared, READ_LIMIT).await.observed;
    let names: Vec<_> = declared.iter().map(|image| image.name.as_str()).collect();
    let known = match &ledger {
        Some(ledger) => ledger.read_update_histories(UpdatedKind::Image, &names).await?,
        None => std::collections::BTreeMap::new(),
    };
    let histories: Vec<_> = names.iter().map(|name| known.get(*name).cloned().unwrap_or_default()).collect();
    let now = Timestamp::now();
    let observe = |(image, (observed, history)): (&Image, (&ImageObservation, UpdateHistory))| match observed {
        ImageObservation::Described(observed) => image.record_observation(&history, observed, None, now).0,
        ImageObservation::Missing | ImageObservation::Unreadable { .. } => history,
    };
    let histories: Vec<_> = declared.iter().zip(observed.iter().zip(histories)).map(observe).collect();
    let plan = plan_images(declared, &observed, &histories, now);
    let Some(ledger) = &ledger else {
        if !run.is_read_only() && plan.has_actions() {
            table?;
        }
        return reconcile_resources(run, desired, &TEXTS, plan, async |_| Ok(()), out).await;
    };
    let execute = async |action: ImageAction| match action {
        ImageAction::AddTags { arn, tags } => service.add_tags(&arn, &tags).await,
        ImageAction::Update(update) => {
            let (read, now) = (known.get(&update.name).cloned().unwrap_or_default(), Timestamp::now());
            let requested = read.with_request(&update.digest, &update.changes, update.modified_at, now);
            let call = Box::pin(service.update_image(&update));
            match ledger.request_resource_update(UpdatedKind::Image, &update.name, &read, requested, call).await? {
                RequestAnswer::Accepted(_) => Ok(()),
                // It is shown on the terminal. The function makes its own attempts.
                RequestAnswer::Refused { requested, error } => {
                    ledger.record_update_history(UpdatedKind::Image, &update.name, &requested, &read).await?;
                    Err(error)
                }
            }
        }
    };
    reconcile_resources(run, desired, &TEXTS, plan, execute, out).await
}
