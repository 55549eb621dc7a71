//! `automation maintain workteams`

use maintenance::{
    ResourcePlan,
    workteam::{WorkteamAction, plan_workteams},
};
use sagemaker::{
    READ_LIMIT, SageMakerClient,
    workteams::{Workteams, read_teams},
};

use super::{
    configuration::DesiredState, plan_output::ResourceTexts, reconcile::reconcile_resources, run::MaintainRun,
};
use crate::{error::CliError, output::CliOutput, verdict::Verdict};

const TEXTS: ResourceTexts<WorkteamAction> = ResourceTexts {
    plural: "work teams",
    describe_action: |action| match action {
        WorkteamAction::Create(_) => "to be created",
        WorkteamAction::Update(_) | WorkteamAction::AddTags(_) => "to be updated",
    },
    // Because of `mode: notify`.
    is_creation: |action| matches!(action, WorkteamAction::Create(_)),
    without_action: "skipped",
};

pub(super) async fn maintain_workteams(
    run: &MaintainRun<'_>,
    desired: &DesiredState,
    out: &mut CliOutput,
) -> Result<Verdict, CliError> {
    let declared = &desired.declared.workteams;
    if declared.is_empty() {
        return reconcile_resources(run, desired, &TEXTS, ResourcePlan { items: Vec::new() }, async |_| Ok(()), out)
            .await;
    }
    let session = run.session().await?;
    let sagemaker = SageMakerClient::from_config(session.config());
    let observed = read_teams(&sagemaker, declared, READ_LIMIT).await?;
    let topic = run.args.workteam_topic.clone().or_else(|| session.find_output("WorkteamTopicArn"));
    let plan = plan_workteams(declared, &observed, topic.as_deref());
    reconcile_resources(run, desired, &TEXTS, plan, |action| sagemaker.apply_action(action), out).await
}
