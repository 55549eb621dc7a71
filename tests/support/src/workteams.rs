//! Work teams and labeling jobs in memory.

use std::collections::{BTreeMap, BTreeSet};

use maintenance::workteam::{LabelingJob, LabelingJobDescription, ObservedWorkteam, WorkteamAction, WorkteamCall};
use sagemaker::workteams::{LabelingJobPage, Workteams};
use worker::{CallError, CallErrorKind};

use crate::Shared;

/// A private work team without members.
pub fn observed_team(name: &str, topic: Option<&str>) -> ObservedWorkteam {
    ObservedWorkteam {
        name: name.to_owned(),
        arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/{name}"),
        description: format!("The people of {name}"),
        members: BTreeSet::new(),
        topic: topic.map(str::to_owned),
        worker_access: None,
        tags: Ok(BTreeMap::new()),
        portal: Some("abcdefghij.labeling.eu-west-1.sagemaker.aws".to_owned()),
        created_at: None,
    }
}

/// SageMaker's work teams.
#[derive(Debug, Clone, Default)]
pub struct MemoryWorkteams {
    /// The teams, oldest first.
    pub teams: Shared<Vec<ObservedWorkteam>>,
    /// Tags by the ARN of their team.
    pub tags: Shared<BTreeMap<String, BTreeMap<String, String>>>,
    /// Labeling jobs by the ARN of their team, newest first.
    pub jobs: Shared<BTreeMap<String, Vec<LabelingJob>>>,
    /// Labeling jobs per page, open or not; 0 for all of them.
    pub page_size: Shared<usize>,
    /// How many pages of labeling jobs were listed.
    pub listed_pages: Shared<usize>,
    /// How many pages of labeling jobs are answered; further ones get no response.
    pub answered_pages: Shared<Option<usize>>,
    /// Labeling jobs by name.
    pub described: Shared<BTreeMap<String, LabelingJobDescription>>,
    /// How many times the teams were listed.
    pub listed: Shared<usize>,
    /// The actions that were applied, oldest first.
    pub calls: Shared<Vec<WorkteamAction>>,
    /// The errors of the next read operations, the last one first.
    pub failures: Shared<Vec<CallErrorKind>>,
    /// The errors of the next actions for a team, by its name, or its ARN if the action adds tags;
    /// the last one first.
    pub refused: Shared<Vec<(String, CallErrorKind)>>,
    /// How many of the next actions get no response and have no effect.
    pub lost: Shared<usize>,
    /// The teams whose description SageMaker keeps, although it accepts another one.
    pub normalises: Shared<BTreeSet<String>>,
    /// Whether `ListWorkteams` never responds.
    pub hangs: Shared<bool>,
    /// The ARNs of the teams for which `ListTags` never responds.
    pub hanging_tags: Shared<BTreeSet<String>>,
}

impl MemoryWorkteams {
    fn fail_if_scripted(&self, operation: &'static str) -> Result<(), CallError> {
        let failure = self.failures.lock().pop();
        failure.map_or(Ok(()), |kind| Err(CallError::new(operation, kind, "SageMaker rejects the call")))
    }
}

impl Workteams for MemoryWorkteams {
    async fn list_teams(&self) -> Result<Vec<ObservedWorkteam>, CallError> {
        *self.listed.lock() += 1;
        if *self.hangs.lock() {
            return std::future::pending().await;
        }
        self.fail_if_scripted("ListWorkteams")?;
        Ok(self.teams.lock().clone())
    }

    async fn list_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        if self.hanging_tags.lock().contains(arn) {
            return std::future::pending().await;
        }
        self.fail_if_scripted("ListTags")?;
        Ok(self.tags.lock().get(arn).cloned().unwrap_or_default())
    }

    async fn apply_action(&self, action: WorkteamAction) -> Result<(), CallError> {
        self.calls.lock().push(action.clone());
        let (resource, call) = match action {
            WorkteamAction::Create(call) | WorkteamAction::Update(call) => (call.name.clone(), call),
            WorkteamAction::AddTags(call) => (call.arn.clone().unwrap_or_default(), call),
        };
        let rejection = self.refused.lock().pop_if(|(name, _)| *name == resource);
        if let Some((name, kind)) = rejection {
            return Err(CallError::new("CreateWorkteam", kind, format!("SageMaker rejects {name}")));
        }
        let mut lost = self.lost.lock();
        if *lost > 0 {
            *lost -= 1;
            return Err(CallError::new("UpdateWorkteam", CallErrorKind::Unanswered, "SageMaker did not respond"));
        }
        let mut teams = self.teams.lock();
        let WorkteamCall { name, description, members, topic, worker_access, tags, .. } = call;
        if !teams.iter().any(|team| team.name == name) {
            teams.push(observed_team(&name, None));
        }
        for team in teams.iter_mut().filter(|team| team.name == name) {
            let description = description.clone().filter(|_| !self.normalises.lock().contains(&name));
            team.description = description.unwrap_or_else(|| team.description.clone());
            team.members = members.clone().unwrap_or_else(|| team.members.clone());
            team.topic = topic.clone().or_else(|| team.topic.clone());
            team.worker_access = worker_access.or(team.worker_access);
            self.tags.lock().entry(team.arn.clone()).or_default().extend(tags.clone().unwrap_or_default());
        }
        Ok(())
    }

    async fn list_open_jobs(&self, team_arn: &str, page: Option<String>) -> Result<LabelingJobPage, CallError> {
        let number = *self.listed_pages.lock();
        *self.listed_pages.lock() += 1;
        let answered = *self.answered_pages.lock();
        if answered.is_some_and(|answered| number >= answered) {
            return std::future::pending().await;
        }
        self.fail_if_scripted("ListLabelingJobsForWorkteam")?;
        if !self.teams.lock().iter().any(|team| team.arn == team_arn) {
            return Err(CallError::new(
                "ListLabelingJobsForWorkteam",
                CallErrorKind::NotFound,
                "there is no such team",
            ));
        }
        let jobs = self.jobs.lock().get(team_arn).cloned().unwrap_or_default();
        let start: usize = page.and_then(|page| page.parse().ok()).unwrap_or(0);
        let size = match *self.page_size.lock() {
            0 => jobs.len(),
            size => size,
        };
        let next = (start + size < jobs.len()).then(|| (start + size).to_string());
        let listed = jobs.into_iter().skip(start).take(size).filter(|job| job.pending > 0);
        Ok(LabelingJobPage { jobs: listed.collect(), next })
    }

    async fn describe_labeling_job(&self, name: &str) -> Result<Option<LabelingJobDescription>, CallError> {
        self.fail_if_scripted("DescribeLabelingJob")?;
        Ok(self.described.lock().get(name).cloned())
    }
}
