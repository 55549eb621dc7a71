//! `automation maintain workteams`

use automation::Aws;
use maintenance::workteam::{Workteam, WorkteamAction, plan_workteams};
use sagemaker::{SageMakerClient, workteams::Workteams};

use super::{plan_output::ResourceTexts, reconcile::reconcile_resources};
use crate::{args::MaintainArgs, error::CliError, output::CliOutput, verdict::Verdict};

const TEXTS: ResourceTexts<WorkteamAction> = ResourceTexts {
    noun: "work team",
    describe_action: |action| match action {
        WorkteamAction::Create(_) => "to be created",
        WorkteamAction::Update(_) => "to be updated",
    },
    // Because of `mode: notify`.
    without_action: "skipped",
};

pub(super) async fn maintain_workteams(
    args: &MaintainArgs,
    declared: &[Workteam],
    out: &mut CliOutput,
) -> Result<Verdict, CliError> {
    let aws = Aws::load().await;
    let sagemaker = SageMakerClient::from_config(aws.config());
    let observed = sagemaker.list_teams().await?;
    let plan = plan_workteams(declared, &observed, args.workteam_topic.as_deref());
    reconcile_resources(args, &TEXTS, plan, |action| sagemaker.apply_action(action), out).await
}
