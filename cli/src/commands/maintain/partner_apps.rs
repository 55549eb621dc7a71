//! `automation maintain partner-apps`

use std::collections::BTreeMap;

use jiff::Timestamp;
use ledger::{DynamoTable, Ledger, RequestAnswer};
use maintenance::{
    ResourcePlan,
    partner_app::{
        AppHistory, AppObservation, PartnerApp, PartnerAppAction, build_views, format_calendar, list_calendar,
        plan_apps,
    },
};
use sagemaker::{READ_LIMIT, SageMakerClient, partner_apps};

use super::{
    configuration::DesiredState, plan_output::ResourceTexts, reconcile::reconcile_resources, run::MaintainRun,
};
use crate::{error::CliError, output::CliOutput, verdict::Verdict};

const TEXTS: ResourceTexts<PartnerAppAction> = ResourceTexts {
    plural: "partner apps",
    describe_action: |action| match action {
        PartnerAppAction::AddTags { .. } | PartnerAppAction::Update(_) => "to be updated",
        PartnerAppAction::Upgrade(_) => "to be upgraded",
    },
    is_creation: |_| false,
    without_action: "waiting",
};

pub(super) async fn maintain_apps(
    run: &MaintainRun<'_>,
    desired: &DesiredState,
    out: &mut CliOutput,
) -> Result<Verdict, CliError> {
    let (args, declared) = (run.args, desired.declared.partner_apps.as_slice());
    if declared.is_empty() {
        return reconcile_resources(run, desired, &TEXTS, ResourcePlan { items: Vec::new() }, async |_| Ok(()), out)
            .await;
    }
    let session = run.session().await?;
    let apps = SageMakerClient::from_config(session.config());
    let table = session.find_ledger_table(args.table.as_deref());
    let ledger = table.as_deref().ok().map(|table| session.aws().ledger(table));
    let now = Timestamp::now();
    let observed = partner_apps::read_apps(&apps, declared, READ_LIMIT).await?.observed;
    let histories = load_histories(ledger.as_ref(), declared, &observed, now).await?;
    let at = args.at.unwrap_or(now);
    if args.calendar {
        let events = list_calendar(declared, &observed, &histories, at);
        if args.output.json {
            out.print_json(&events)?;
        } else {
            out.print_line(format_calendar(&events))?;
        }
        return Ok(Verdict::Good);
    }
    let views = build_views(declared, &observed, &histories, at);
    let plan = plan_apps(&views, at);
    let Some(ledger) = &ledger else {
        if !run.is_read_only() && plan.has_actions() {
            table?;
        }
        return reconcile_resources(run, desired, &TEXTS, plan, async |_| Ok(()), out).await;
    };
    // The request is recorded in the ledger, so that maintain-partner-apps follows its progress.
    let execute = async |action: PartnerAppAction| {
        let known = ledger.read_app_histories(&[action.arn()]).await?;
        // The confirmation may have taken minutes.
        match partner_apps::request_update(&apps, ledger, &action, &known, Timestamp::now()).await? {
            None | Some(RequestAnswer::Accepted(_)) => Ok(()),
            // It is shown on the terminal. The function makes its own attempts.
            Some(RequestAnswer::Refused { requested, error }) => {
                let read = known.get(action.arn()).cloned().unwrap_or_default();
                ledger.record_app_history(action.arn(), &requested, &read).await?;
                Err(error)
            }
        }
    };
    reconcile_resources(run, desired, &TEXTS, plan, execute, out).await
}

/// Loads the histories of the apps and adds the current observations. Without a ledger, the
/// observations are all there is.
async fn load_histories(
    ledger: Option<&Ledger<DynamoTable>>,
    declared: &[PartnerApp],
    observed: &[AppObservation],
    now: Timestamp,
) -> Result<BTreeMap<String, AppHistory>, CliError> {
    let described: Vec<_> = observed
        .iter()
        .filter_map(|app| match app {
            AppObservation::Described(app) => Some(app),
            AppObservation::Unreadable { .. } => None,
        })
        .collect();
    let recorded = match ledger {
        Some(ledger) => {
            ledger.read_app_histories(&described.iter().map(|app| app.arn.as_str()).collect::<Vec<_>>()).await?
        }
        None => BTreeMap::new(),
    };
    let histories = described.into_iter().map(|app| {
        let history = recorded.get(&app.arn).cloned().unwrap_or_default();
        let declared = declared.iter().find(|declared| declared.app.matches_app(&app.name, &app.arn));
        (app.arn.clone(), history.record_observation(declared, app, None, now).0)
    });
    Ok(histories.collect())
}
