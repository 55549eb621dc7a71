//! `automation maintain KIND --export`

use maintenance::export::{export_apps, export_images, export_workteams, format_yaml};
use sagemaker::{SageMakerClient, partner_apps, workteams::Workteams};

use super::run::MaintainRun;
use crate::{args::ManagedResource, error::CliError, output::CliOutput, verdict::Verdict};

/// Prints the existing resources of one type as a configuration.
pub(super) async fn export_resources(run: &MaintainRun<'_>, out: &mut CliOutput) -> Result<Verdict, CliError> {
    let (args, session) = (run.args, run.session().await?);
    let service = SageMakerClient::from_config(session.config());
    let document = match args.kind {
        ManagedResource::Workteams => {
            let topic = args.workteam_topic.clone().or_else(|| session.find_output("WorkteamTopicArn"));
            let mut teams = service.list_teams().await?;
            for team in teams.iter_mut().filter(|team| !team.is_foreign()) {
                team.tags = Ok(Workteams::list_tags(&service, &team.arn).await?);
            }
            export_workteams(&teams, topic.as_deref())
        }
        ManagedResource::PartnerApps => export_apps(&partner_apps::read_all_apps(&service).await?),
        ManagedResource::Images => export_images(&service.read_all_images().await?),
    };
    if args.output.json {
        out.print_json(&document)?;
    } else {
        out.print_line(format_yaml(&document))?;
    }
    Ok(Verdict::Good)
}
