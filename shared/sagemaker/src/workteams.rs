//! SageMaker work teams and their labeling jobs.

mod client;
mod directory;

use maintenance::workteam::{LabelingJob, LabelingJobDescription, ObservedWorkteam, WorkteamAction};
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
    /// All private teams of the account and Region.
    fn list_teams(&self) -> impl Future<Output = Result<Vec<ObservedWorkteam>, CallError>> + Send;

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
