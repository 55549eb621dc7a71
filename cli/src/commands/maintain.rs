//! `automation maintain`: plans one type of resource, and applies the plan.

mod configuration;
mod export;
mod images;
mod partner_apps;
mod plan_output;
mod reconcile;
mod run;
mod workteams;

use configuration::load_desired_state;
use run::MaintainRun;

use crate::{
    args::{MaintainArgs, ManagedResource},
    confirmation::require_confirmation,
    error::CliError,
    output::CliOutput,
    verdict::Verdict,
};

pub(crate) fn maintain_resources(args: &MaintainArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    check_options(args)?;
    let run = MaintainRun::new(args);
    if !run.is_read_only() {
        require_confirmation(args.yes, "--plan")?;
    }
    let verdict = tokio::runtime::Runtime::new().map_err(CliError::Runtime)?.block_on(async {
        if args.export {
            return export::export_resources(&run, out).await;
        }
        let Some(desired) = load_desired_state(&run, out).await? else { return Ok(Verdict::Bad) };
        match args.kind {
            ManagedResource::Workteams => workteams::maintain_workteams(&run, &desired, out).await,
            ManagedResource::PartnerApps => partner_apps::maintain_apps(&run, &desired, out).await,
            ManagedResource::Images => images::maintain_images(&run, &desired, out).await,
        }
    })?;
    Ok(match verdict {
        Verdict::Changes if !args.detailed_exitcode => Verdict::Good,
        verdict => verdict,
    })
}

/// Refuses options that would change nothing about this type of resource.
fn check_options(args: &MaintainArgs) -> Result<(), CliError> {
    let (is_apps, is_teams) = (args.kind == ManagedResource::PartnerApps, args.kind == ManagedResource::Workteams);
    let options = [
        ("--calendar", args.calendar, is_apps, "`maintain partner-apps`"),
        ("--at", args.at.is_some(), is_apps, "`maintain partner-apps`"),
        ("--table", args.table.is_some(), !is_teams, "`maintain partner-apps` and `maintain images`"),
        ("--workteam-topic", args.workteam_topic.is_some(), is_teams, "`maintain workteams`"),
    ];
    match options.into_iter().find(|(_, is_given, applies, _)| *is_given && !applies) {
        Some((option, _, _, applies_to)) => Err(CliError::NotApplicable { option, applies_to }),
        None => Ok(()),
    }
}
