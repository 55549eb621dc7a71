//! `automation maintain partner-apps`

use std::collections::BTreeMap;

use automation::{
    ledger::{DynamoTable, Ledger},
    partner_apps::{self, SageMakerApps},
};
use jiff::Timestamp;
use maintenance::partner_app::{AppHistory, Observed, PartnerApp, PartnerAppAction, calendar, plan, view};

use super::{Kind, follow};
use crate::{Verdict, args::MaintainArgs, error::CliError, output::Output};

const KIND: Kind<PartnerAppAction> = Kind {
    name: "partner app",
    verb: |action| match action {
        PartnerAppAction::AddTags { .. } | PartnerAppAction::Update(_) => "to be updated",
        PartnerAppAction::Upgrade(_) => "to be upgraded",
    },
};

pub(super) async fn run(args: &MaintainArgs, declared: &[PartnerApp], out: &mut Output) -> Result<Verdict, CliError> {
    let aws = automation::aws::config().await;
    let apps = SageMakerApps::new(aws_sdk_sagemaker::Client::new(&aws));
    let ledger = args.table.as_ref().map(|table| {
        let table = DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), table.clone());
        Ledger::new(table, Timestamp::now)
    });
    let now = Timestamp::now();
    let observed = partner_apps::read(&apps, declared).await?.observed;
    let histories = histories(ledger.as_ref(), &observed, now).await?;
    let at = args.at.unwrap_or(now);
    let views = view(declared, &observed, &histories, at);
    if args.calendar {
        out.line(calendar(&views, at).trim_end())?;
        return Ok(Verdict::Good);
    }
    let plan = plan(&views, at);
    let Some(ledger) = &ledger else {
        if !(args.plan || args.at.is_some()) && plan.has_actions() {
            return Err(CliError::NoLedger);
        }
        return follow(args, &KIND, plan, async |_| Ok(()), out).await;
    };
    // The function follows what is asked here: it notes what it sees, and this notes what it asks.
    let act = async |action: PartnerAppAction| {
        let known = ledger.app_histories(&[action.arn()]).await?;
        partner_apps::ask(&apps, ledger, &action, &known, now).await.map(drop)
    };
    follow(args, &KIND, plan, act, out).await
}

/// What is known of the apps; without a ledger, what they tell themselves.
async fn histories(
    ledger: Option<&Ledger<DynamoTable>>,
    observed: &[Observed],
    now: Timestamp,
) -> Result<BTreeMap<String, AppHistory>, CliError> {
    let read: Vec<_> = observed
        .iter()
        .filter_map(|app| match app {
            Observed::Read(standing) => Some(standing),
            Observed::Unread { .. } => None,
        })
        .collect();
    let known = match ledger {
        Some(ledger) => ledger.app_histories(&read.iter().map(|app| app.arn.as_str()).collect::<Vec<_>>()).await?,
        None => BTreeMap::new(),
    };
    let seen = read.into_iter().map(|app| {
        let known = known.get(&app.arn).cloned().unwrap_or_default();
        (app.arn.clone(), known.observe(app, now).0)
    });
    Ok(seen.collect())
}
