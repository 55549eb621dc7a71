//! Work teams and labeling jobs in Amazon SageMaker.

use std::collections::BTreeMap;

use aws_sdk_sagemaker::types::{
    CognitoMemberDefinition, EnabledOrDisabled, HumanTaskConfig, IamPolicyConstraints, LabelCounters,
    LabelCountersForWorkteam, LabelingJobForWorkteamSummary, MemberDefinition, NotificationConfiguration,
    OidcMemberDefinition, S3Presign, SortOrder, WorkerAccessConfiguration, Workteam,
};
use maintenance::workteam::{
    LabelingJob, LabelingJobDescription, MemberGroup, ObservedWorkteam, WorkerAccess, WorkteamAction, WorkteamCall,
};
use worker::{CallError, CallErrorKind};

use super::{LabelingJobPage, Workteams};
use crate::{
    SageMakerClient,
    client::without_retries,
    convert::{convert_time, non_empty_text},
    tags,
};

/// Maximum number of items of one page (API reference).
const PAGE_SIZE: i32 = 100;

impl Workteams for SageMakerClient {
    async fn list_teams(&self) -> Result<Vec<ObservedWorkteam>, CallError> {
        let pages = self.client.list_workteams().max_results(PAGE_SIZE).into_paginator().items().send();
        let teams = pages.collect::<Result<Vec<_>, _>>().await;
        let teams = teams.map_err(|error| CallError::from_sdk("ListWorkteams", error))?;
        Ok(teams.iter().map(convert_workteam).collect())
    }

    async fn list_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        tags::list_tags(&self.client, arn).await
    }

    async fn apply_action(&self, action: WorkteamAction) -> Result<(), CallError> {
        match action {
            WorkteamAction::Create(call) => {
                let create = self
                    .client
                    .create_workteam()
                    .workteam_name(&call.name)
                    .set_description(call.description.clone())
                    .set_member_definitions(build_member_definitions(&call))
                    .set_notification_configuration(build_notification_configuration(&call))
                    .set_worker_access_configuration(build_worker_access(&call))
                    .set_tags(call.tags.as_ref().map(tags::build_tags));
                let sent = create.customize().config_override(without_retries()).send().await;
                sent.map(drop).map_err(|error| CallError::from_sdk("CreateWorkteam", error))
            }
            WorkteamAction::AddTags(call) => {
                let (arn, tags) = (call.arn.unwrap_or_default(), call.tags.unwrap_or_default());
                tags::add_tags(&self.client, &arn, &tags).await
            }
            WorkteamAction::Update(call) => {
                let update = self
                    .client
                    .update_workteam()
                    .workteam_name(&call.name)
                    .set_description(call.description.clone())
                    .set_member_definitions(build_member_definitions(&call))
                    .set_notification_configuration(build_notification_configuration(&call))
                    .set_worker_access_configuration(build_worker_access(&call));
                let sent = update.customize().config_override(without_retries()).send().await;
                sent.map(drop).map_err(|error| CallError::from_sdk("UpdateWorkteam", error))
            }
        }
    }

    async fn list_open_jobs(&self, team_arn: &str, page: Option<String>) -> Result<LabelingJobPage, CallError> {
        let list = self.client.list_labeling_jobs_for_workteam().workteam_arn(team_arn).max_results(PAGE_SIZE);
        let listed = list.sort_order(SortOrder::Descending).set_next_token(page).send().await;
        let listed = listed.map_err(|error| CallError::from_sdk("ListLabelingJobsForWorkteam", error))?;
        let jobs = listed.labeling_job_summary_list().iter().map(convert_job_summary);
        Ok(LabelingJobPage { jobs: jobs.filter(|job| job.pending > 0).collect(), next: listed.next_token })
    }

    async fn describe_labeling_job(&self, name: &str) -> Result<Option<LabelingJobDescription>, CallError> {
        let response = self.client.describe_labeling_job().labeling_job_name(name).send().await;
        let output = match response.map_err(|error| CallError::from_sdk("DescribeLabelingJob", error)) {
            Ok(output) => output,
            Err(error) if error.kind == CallErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (counters, task) = (output.label_counters(), output.human_task_config());
        let labeled = convert_count(counters.and_then(LabelCounters::total_labeled));
        let pending = convert_count(counters.and_then(LabelCounters::unlabeled));
        let failed = convert_count(counters.and_then(LabelCounters::failed_non_retryable_error));
        let workers = task.and_then(HumanTaskConfig::number_of_human_workers_per_data_object);
        let job = LabelingJob {
            name: output.labeling_job_name().unwrap_or(name).to_owned(),
            created_at: convert_time(output.creation_time()).unwrap_or_default(),
            labeled,
            pending,
            total: labeled + pending + failed,
            workers_per_object: workers.and_then(|workers| workers.try_into().ok()),
        };
        Ok(Some(LabelingJobDescription {
            job,
            team_arn: task.and_then(HumanTaskConfig::workteam_arn).unwrap_or_default().to_owned(),
            failure_reason: output.failure_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
        }))
    }
}

fn convert_count(counter: Option<i32>) -> u64 {
    counter.and_then(|counter| counter.try_into().ok()).unwrap_or(0)
}

fn convert_job_summary(summary: &LabelingJobForWorkteamSummary) -> LabelingJob {
    let counters = summary.label_counters();
    LabelingJob {
        // A job of another account has a reference code instead of a name.
        name: summary.labeling_job_name().or(summary.job_reference_code()).unwrap_or_default().to_owned(),
        created_at: convert_time(summary.creation_time()).unwrap_or_default(),
        labeled: convert_count(counters.and_then(LabelCountersForWorkteam::human_labeled)),
        pending: convert_count(counters.and_then(LabelCountersForWorkteam::pending_human)),
        total: convert_count(counters.and_then(LabelCountersForWorkteam::total)),
        workers_per_object: summary.number_of_human_workers_per_data_object().and_then(|count| count.try_into().ok()),
    }
}

fn convert_workteam(team: &Workteam) -> ObservedWorkteam {
    let topic = team.notification_configuration().and_then(NotificationConfiguration::notification_topic_arn);
    let presign = team.worker_access_configuration().and_then(WorkerAccessConfiguration::s3_presign);
    let enabled = |choice: &EnabledOrDisabled| *choice == EnabledOrDisabled::Enabled;
    let worker_access = presign.and_then(S3Presign::iam_policy_constraints).and_then(|constraints| {
        let source_ip = constraints.source_ip().map(|choice| WorkerAccess::SourceIp(enabled(choice)));
        source_ip.or_else(|| constraints.vpc_source_ip().map(|choice| WorkerAccess::VpcSourceIp(enabled(choice))))
    });
    ObservedWorkteam {
        name: team.workteam_name().unwrap_or_default().to_owned(),
        arn: team.workteam_arn().unwrap_or_default().to_owned(),
        description: team.description().unwrap_or_default().to_owned(),
        members: team.member_definitions().iter().flat_map(convert_members).collect(),
        topic: non_empty_text(topic),
        worker_access,
        tags: Ok(BTreeMap::new()),
        portal: non_empty_text(team.sub_domain()),
        created_at: convert_time(team.create_date()),
    }
}

fn convert_members(definition: &MemberDefinition) -> Vec<MemberGroup> {
    if let Some(cognito) = definition.cognito_member_definition() {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        return vec![MemberGroup::Cognito {
            user_pool: text(cognito.user_pool()),
            user_group: text(cognito.user_group()),
            client_id: text(cognito.client_id()),
        }];
    }
    let groups = definition.oidc_member_definition().map(OidcMemberDefinition::groups).unwrap_or_default();
    groups.iter().map(|group| MemberGroup::Oidc { group: group.clone() }).collect()
}

/// One definition per Amazon Cognito group; one definition for all OIDC groups.
fn build_member_definitions(call: &WorkteamCall) -> Option<Vec<MemberDefinition>> {
    let mut definitions = Vec::new();
    let mut groups = Vec::new();
    for member in call.members.as_ref()? {
        match member {
            MemberGroup::Oidc { group } => groups.push(group.clone()),
            MemberGroup::Cognito { user_pool, user_group, client_id } => {
                let cognito = CognitoMemberDefinition::builder()
                    .user_pool(user_pool)
                    .user_group(user_group)
                    .client_id(client_id)
                    .build();
                definitions.push(MemberDefinition::builder().cognito_member_definition(cognito).build());
            }
        }
    }
    if !groups.is_empty() {
        let oidc = OidcMemberDefinition::builder().set_groups(Some(groups)).build();
        definitions.push(MemberDefinition::builder().oidc_member_definition(oidc).build());
    }
    Some(definitions)
}

fn build_notification_configuration(call: &WorkteamCall) -> Option<NotificationConfiguration> {
    let topic = call.topic.as_ref()?;
    Some(NotificationConfiguration::builder().notification_topic_arn(topic).build())
}

fn build_worker_access(call: &WorkteamCall) -> Option<WorkerAccessConfiguration> {
    let choice = |enabled| if enabled { EnabledOrDisabled::Enabled } else { EnabledOrDisabled::Disabled };
    let constraints = match call.worker_access? {
        WorkerAccess::SourceIp(enabled) => IamPolicyConstraints::builder().source_ip(choice(enabled)),
        WorkerAccess::VpcSourceIp(enabled) => IamPolicyConstraints::builder().vpc_source_ip(choice(enabled)),
    };
    let presign = S3Presign::builder().iam_policy_constraints(constraints.build()).build();
    Some(WorkerAccessConfiguration::builder().s3_presign(presign).build())
}
