//! `automation doctor`: checks a deployed stack, with read-only calls.

mod examination;
mod finding;
mod state;
mod triggers;

use examination::Examination;
use finding::{Finding, FindingKind};
use serde_json::json;

use crate::{
    args::DoctorArgs,
    aws::session::AwsSession,
    error::CliError,
    output::{CliOutput, ERROR, GOOD, WARNING, format_count},
    verdict::Verdict,
};

pub(crate) fn diagnose_stack(args: &DoctorArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    if args.stack.stack.is_none() {
        return Err(CliError::NoStack);
    }
    tokio::runtime::Runtime::new().map_err(CliError::Runtime)?.block_on(async {
        let session = AwsSession::open_stack(&args.stack).await?;
        let stack = session.stack().ok_or(CliError::NoStack)?;
        let resources = stack.list_resources(session.config()).await?;
        let place = session.describe_place(None).await?;
        let findings = examine_stack(&Examination { session: &session, stack, resources }).await;
        let failed = findings.iter().filter(|finding| finding.kind != FindingKind::Passed).count();
        if args.output.json {
            out.print_json(&json!({ "place": place, "findings": findings, "problems": failed }))?;
        } else {
            print_findings(&place, &findings, failed, out)?;
        }
        Ok(if failed == 0 { Verdict::Good } else { Verdict::Bad })
    })
}

/// Makes every check, in the order of an upload's way through the stack.
async fn examine_stack(examination: &Examination<'_>) -> Vec<Finding> {
    let findings = [
        triggers::check_bucket_events(examination).await,
        triggers::check_rules(examination).await,
        triggers::check_event_source_mappings(examination).await,
        triggers::check_schedules(examination).await,
        state::check_configuration(examination).await,
        state::check_sagemaker(examination).await,
        state::check_parked_requests(examination).await,
        state::check_dead_letter_queues(examination).await,
        state::check_subscriptions(examination).await,
        triggers::check_event_bus(examination).await,
    ];
    findings.concat()
}

fn print_findings(place: &str, findings: &[Finding], failed: usize, out: &mut CliOutput) -> Result<(), CliError> {
    out.print_line(place)?;
    out.print_line("")?;
    for Finding { check, kind, message, fix } in findings {
        let (style, label) = match kind {
            FindingKind::Passed => (GOOD, "passed "),
            FindingKind::Problem => (ERROR, "problem"),
            FindingKind::Unknown => (WARNING, "unknown"),
        };
        out.print_line(format_args!("{style}{label}{style:#}  {check}: {message}"))?;
        if let Some(fix) = fix {
            out.print_line(format_args!("         Fix: {fix}"))?;
        }
    }
    out.print_line("")?;
    match failed {
        0 => out.print_line(format_args!("{GOOD}No problems found.{GOOD:#}")),
        count => out.print_line(format_args!("{} found.", format_count(count, "problem"))),
    }
}
