//! SageMaker work teams and their labeling jobs.

mod client;
mod directory;

use std::{collections::BTreeMap, time::Duration};

use maintenance::workteam::{
    LabelingJob, LabelingJobDescription, ObservedWorkteam, UnreadTags, Workteam, WorkteamAction,
};
use worker::CallError;

use crate::concurrent_reads::read_within;

pub use directory::WorkteamDirectory;

/// A page of labeling jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelingJobPage {
    pub jobs: Vec<LabelingJob>,
    /// Token of the next page; `None` on the last page.
    pub next: Option<String>,
}

/// The work team and labeling job operations of SageMaker.
pub trait Workteams: Sync {
    /// All private teams of the account and Region, without their tags.
    fn list_teams(&self) -> impl Future<Output = Result<Vec<ObservedWorkteam>, CallError>> + Send;

    fn list_tags(&self, arn: &str) -> impl Future<Output = Result<BTreeMap<String, String>, CallError>> + Send;

    /// Executes one action of a plan.
    fn apply_action(&self, action: WorkteamAction) -> impl Future<Output = Result<(), CallError>> + Send;

    /// A page of the labeling jobs of a team, newest first, with those jobs of the page that have
    /// objects left to label. `None` for the first page.
    ///
    /// # Errors
    /// Of kind `NotFound` if there is no such team.
    fn list_open_jobs(
        &self,
        team_arn: &str,
        page: Option<String>,
    ) -> impl Future<Output = Result<LabelingJobPage, CallError>> + Send;

    /// Describes a labeling job; `None` if there is no job of this name.
    fn describe_labeling_job(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<LabelingJobDescription>, CallError>> + Send;
}

/// All private teams of the account and Region, with the tags of those for which tags are declared.
/// Tags that cannot be read, or not within the time limit, do not prevent the other teams from
/// being read.
///
/// # Errors
/// If the teams cannot be listed.
pub async fn read_teams(
    workteams: &impl Workteams,
    declared: &[Workteam],
    time_limit: Duration,
) -> Result<Vec<ObservedWorkteam>, CallError> {
    let mut observed = workteams.list_teams().await?;
    let has_tags = |team: &ObservedWorkteam| {
        let is_tagged = |declared: &Workteam| declared.name == team.name && !declared.tags.is_empty();
        !team.is_foreign() && declared.iter().any(is_tagged)
    };
    let mut tagged: Vec<_> = observed.iter_mut().filter(|team| has_tags(team)).collect();
    let arns: Vec<_> = tagged.iter().map(|team| team.arn.clone()).collect();
    let results = read_within(arns.iter().map(|arn| workteams.list_tags(arn)).collect(), time_limit).await;
    for (team, result) in tagged.iter_mut().zip(results) {
        team.tags = result.map_err(|error| UnreadTags { cause: error.to_string(), refused: error.kind.is_refusal() });
    }
    Ok(observed)
}
