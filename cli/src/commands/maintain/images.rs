//! `automation maintain images`

use automation::{
    images::{self, Images, SageMakerImages},
    ledger::{DynamoTable, Ledger},
};
use jiff::Timestamp;
use maintenance::image::{Image, ImageAction, plan};

use super::{Kind, follow};
use crate::{Verdict, args::MaintainArgs, error::CliError, output::Output};

const KIND: Kind<ImageAction> = Kind { name: "image", verb: |_| "to be updated" };

pub(super) async fn run(args: &MaintainArgs, declared: &[Image], out: &mut Output) -> Result<Verdict, CliError> {
    let aws = automation::aws::config().await;
    let service = SageMakerImages::new(aws_sdk_sagemaker::Client::new(&aws));
    let ledger = args.table.as_ref().map(|table| {
        let table = DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), table.clone());
        Ledger::new(table, Timestamp::now)
    });
    let observed = images::read(&service, declared).await.observed;
    let names: Vec<_> = declared.iter().map(|image| image.name.as_str()).collect();
    let known = match &ledger {
        Some(ledger) => ledger.image_histories(&names).await?,
        None => std::collections::BTreeMap::new(),
    };
    let histories: Vec<_> = names.iter().map(|name| known.get(*name).cloned().unwrap_or_default()).collect();
    let plan = plan(declared, &observed, &histories);
    let Some(ledger) = &ledger else {
        if !args.plan && plan.has_actions() {
            return Err(CliError::NoLedger);
        }
        return follow(args, &KIND, plan, async |_| Ok(()), out).await;
    };
    let act = async |action: ImageAction| match action {
        ImageAction::AddTags { arn, tags } => service.add_tags(&arn, &tags).await,
        ImageAction::Update(update) => {
            let before = known.get(&update.name).cloned().unwrap_or_default();
            ledger.ask_image(&update, &before, Timestamp::now(), Box::pin(service.update(&update))).await
        }
    };
    follow(args, &KIND, plan, act, out).await
}
