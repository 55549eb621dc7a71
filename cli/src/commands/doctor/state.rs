//! Checks the state of the stack: subscriptions, configuration, queues, waiting requests,
//! SageMaker.

use automation::config::LoadError;
use aws_sdk_sqs::types::QueueAttributeName;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use worker::{CallError, CallErrorKind};

use super::{
    examination::Examination,
    finding::{Defect, Finding, examine_each},
};
use crate::{
    aws::{
        session::describe_version,
        signed_call::{ServiceName, UnsignedRequest, call_operation},
        xml::XmlElement,
    },
    dead_letter_queues::{QUEUE_NAMES, output_name},
    output::format_count,
};

const SNS: ServiceName = ServiceName { host: "sns", signing: "sns", setting: "SNS" };
const SNS_VERSION: &str = "2010-03-31";
const SAGEMAKER: ServiceName = ServiceName { host: "api.sagemaker", signing: "sagemaker", setting: "SAGEMAKER" };

/// The operations of SageMaker that a function needs first, one per kind of resource.
const SAGEMAKER_OPERATIONS: [(&str, &str); 5] = [
    ("ListCompilationJobs", "SageMaker.ListCompilationJobs"),
    ("ListModelPackageGroups", "SageMaker.ListModelPackageGroups"),
    ("ListWorkteams", "SageMaker.ListWorkteams"),
    ("ListPartnerApps", "SageMaker.ListPartnerApps"),
    ("ListImages", "SageMaker.ListImages"),
];

/// How long requests may wait for a quota before it is a problem, as in `compilation.waiting`.
const MAX_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// Checks that someone gets the notifications, and that no subscription waits to be confirmed.
pub(super) async fn check_subscriptions(examination: &Examination<'_>) -> Vec<Finding> {
    let topics = examination.find_resources("AWS::SNS::Topic");
    let notifications = examination.stack.outputs.get("NotificationsTopicArn");
    examine_each("subscriptions", "every subscription is confirmed", topics, async |topic| {
        let arn = topic.physical_id.as_str();
        let subscriptions = list_subscriptions(examination, arn).await?;
        let pending = subscriptions.iter().find(|(state, _)| state == "PendingConfirmation");
        if let Some((_, endpoint)) = pending {
            return Ok(Some(Defect {
                problem: format!("{endpoint} has not confirmed the subscription to {}", topic.logical_id),
                fix: format!(
                    "open the link in the e-mail of AWS to {endpoint}; it is valid for two days, then subscribe again"
                ),
            }));
        }
        let is_unheard = subscriptions.is_empty() && notifications.is_some_and(|notifications| notifications == arn);
        Ok(is_unheard.then(|| Defect {
            problem: "nothing is subscribed to the Notifications topic".to_owned(),
            fix: "set the template parameter NotificationEmail, or subscribe to the topic".to_owned(),
        }))
    })
    .await
}

/// Lists the subscriptions of a topic: their ARNs, or `PendingConfirmation`, and their endpoints.
async fn list_subscriptions(examination: &Examination<'_>, topic: &str) -> Result<Vec<(String, String)>, CallError> {
    const OPERATION: &str = "ListSubscriptionsByTopic";
    let (mut subscriptions, mut token) = (Vec::new(), None::<String>);
    loop {
        let mut parameters = vec![("TopicArn", topic)];
        parameters.extend(token.as_deref().map(|token| ("NextToken", token)));
        let request = UnsignedRequest::query(OPERATION, SNS_VERSION, &parameters);
        let answer = call_operation(examination.session.config(), SNS, OPERATION, request).await?;
        let root = XmlElement::parse(&answer)
            .map_err(|error| CallError::new(OPERATION, CallErrorKind::Invalid, error.to_string()))?;
        let listed = root.select(&["ListSubscriptionsByTopicResult", "Subscriptions", "member"]);
        subscriptions.extend(listed.into_iter().filter_map(|subscription| {
            Some((subscription.find_text(&["SubscriptionArn"])?, subscription.find_text(&["Endpoint"])?))
        }));
        token = root.find_text(&["ListSubscriptionsByTopicResult", "NextToken"]);
        if token.is_none() {
            return Ok(subscriptions);
        }
    }
}

/// Checks that the latest configuration is active.
pub(super) async fn check_configuration(examination: &Examination<'_>) -> Vec<Finding> {
    const CHECK: &str = "configuration";
    let problem = |problem: String, fix: String| vec![Finding::problem(CHECK, Defect { problem, fix })];
    let Some(source) = examination.session.find_config_source(None) else {
        let fix = "deploy a release of this stack again";
        return problem("the stack has no output ConfigBucketName".to_owned(), fix.to_owned());
    };
    let bucket = source.bucket();
    let fix = || format!("automation validate automation.yaml && aws s3 cp automation.yaml s3://{bucket}/");
    match source.load_active().await {
        Ok(config) => match &config.rejected {
            None => vec![Finding::passed(CHECK, format!("{} is active", describe_version(config.version())))],
            Some(rejected) => {
                let active = describe_version(config.version());
                problem(format!("the latest configuration is invalid, {active} is active: {}", rejected.error), fix())
            }
        },
        Err(LoadError::Call(error)) => vec![Finding::unknown(CHECK, &error)],
        Err(error) => problem(error.to_string(), fix()),
    }
}

/// Checks that the dead-letter queues are empty.
pub(super) async fn check_dead_letter_queues(examination: &Examination<'_>) -> Vec<Finding> {
    let client = aws_sdk_sqs::Client::new(examination.session.config());
    let stack = examination.stack;
    let queues = QUEUE_NAMES.iter().filter_map(|name| Some((*name, stack.outputs.get(&output_name(name))?)));
    let wanted = QueueAttributeName::ApproximateNumberOfMessages;
    examine_each("dead-letter-queues", "every dead-letter queue is empty", queues, async |(name, url)| {
        let answer = client.get_queue_attributes().queue_url(url).attribute_names(wanted.clone()).send().await;
        let answer = answer.map_err(|error| CallError::from_sdk("GetQueueAttributes", error))?;
        let count = answer.attributes().and_then(|all| all.get(&wanted)?.parse::<usize>().ok()).unwrap_or_default();
        Ok((count > 0).then(|| Defect {
            problem: format!("the dead-letter queue {name} has {}", format_count(count, "message")),
            fix: format!("automation redrive {name} --dry-run --stack {}", stack.name),
        }))
    })
    .await
}

/// Checks that no request has been waiting for a quota for long.
pub(super) async fn check_parked_requests(examination: &Examination<'_>) -> Vec<Finding> {
    let tables = examination.stack.outputs.get("LedgerTableName");
    examine_each("parked-requests", "no request has waited for a quota for more than an hour", tables, async |table| {
        let parked = examination.session.aws().ledger(table).summarize_parked().await?;
        let is_old = |oldest: Timestamp| Timestamp::now().duration_since(oldest) > MAX_WAIT;
        Ok(parked.oldest.filter(|oldest| is_old(*oldest)).map(|oldest| Defect {
            problem: format!(
                "{} waiting for a SageMaker quota, the oldest since {}",
                format_count(parked.count, "compilation request"),
                oldest.strftime("%F %H:%M UTC")
            ),
            fix: "request a higher quota for concurrent compilation jobs in Service Quotas".to_owned(),
        }))
    })
    .await
}

/// Checks which operations of SageMaker answer, with the credentials of this command.
pub(super) async fn check_sagemaker(examination: &Examination<'_>) -> Vec<Finding> {
    let names: Vec<_> = SAGEMAKER_OPERATIONS.iter().map(|(operation, _)| *operation).collect();
    let passed = format!("SageMaker answers {}", names.join(", "));
    examine_each("sagemaker", passed, SAGEMAKER_OPERATIONS, async |(operation, target)| {
        examination.call_json(SAGEMAKER, operation, target, &json!({ "MaxResults": 1 })).await.map(|_| None)
    })
    .await
}
