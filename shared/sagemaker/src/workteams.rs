//! SageMaker work teams and their labeling jobs.

mod client;
mod directory;

use std::collections::BTreeMap;

use maintenance::workteam::{LabelingJob, LabelingJobDescription, ObservedWorkteam, Workteam, WorkteamAction};
use worker::CallError;

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
/// Tags that SageMaker refuses to return do not prevent the other teams from being read.
pub async fn read_teams(workteams: &impl Workteams, declared: &[Workteam]) -> Result<Vec<ObservedWorkteam>, CallError> {
    let mut observed = workteams.list_teams().await?;
    for team in &mut observed {
        let is_tagged = |declared: &Workteam| declared.name == team.name && !declared.tags.is_empty();
        if team.is_foreign() || !declared.iter().any(is_tagged) {
            continue;
        }
        team.tags = match workteams.list_tags(&team.arn).await {
            Ok(tags) => Ok(tags),
            Err(error) if error.kind.is_refusal() => Err(error.to_string()),
            Err(error) => return Err(error),
        };
    }
    Ok(observed)
}
