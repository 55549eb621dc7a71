//! `automation maintain`: plans one type of resource, and applies the plan.

mod configuration;
mod images;
mod partner_apps;
mod plan_output;
mod reconcile;
mod workteams;

use crate::{
    args::{MaintainArgs, ManagedResource},
    error::CliError,
    output::CliOutput,
    verdict::Verdict,
};

pub(crate) fn maintain_resources(args: &MaintainArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    tokio::runtime::Runtime::new().map_err(CliError::Runtime)?.block_on(async {
        let Some(declared) = configuration::load_declared(args, out).await? else { return Ok(Verdict::Bad) };
        match args.kind {
            ManagedResource::Workteams => workteams::maintain_workteams(args, &declared.workteams, out).await,
            ManagedResource::PartnerApps => partner_apps::maintain_apps(args, &declared.partner_apps, out).await,
            ManagedResource::Images => images::maintain_images(args, &declared.images, out).await,
        }
    })
}
