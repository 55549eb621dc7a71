//! `automation maintain workteams`

use automation::{compilation_jobs::SageMaker, workteams::Workteams};
use maintenance::workteam::{Workteam, WorkteamAction, plan_workteams};

use super::{Kind, follow};
use crate::{Verdict, args::MaintainArgs, error::CliError, output::Output};

const KIND: Kind<WorkteamAction> = Kind {
    name: "work team",
    verb: |action| match action {
        WorkteamAction::Create(_) => "to be created",
        WorkteamAction::Update(_) => "to be updated",
    },
};

pub(super) async fn run(args: &MaintainArgs, declared: &[Workteam], out: &mut Output) -> Result<Verdict, CliError> {
    let aws = automation::aws::config().await;
    let sagemaker = SageMaker::new(aws_sdk_sagemaker::Client::new(&aws));
    let standing = sagemaker.teams().await?;
    let plan = plan_workteams(declared, &standing, args.workteam_topic.as_deref());
    follow(args, &KIND, plan, |action| sagemaker.act(action), out).await
}
