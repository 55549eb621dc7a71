//! Work teams of SageMaker and the labeling jobs they work on.

mod directory;
mod sagemaker;

use maintenance::workteam::{StandingWorkteam, WorkteamAction};

use crate::{
    call::CallError,
    labeling::{LabelingJob, LabelingJobDescription},
};

pub use directory::Directory;

/// SageMaker's work teams.
pub trait Workteams: Sync {
    /// Every private team of the account and Region.
    fn teams(&self) -> impl Future<Output = Result<Vec<StandingWorkteam>, CallError>> + Send;

    /// Makes one call of a plan.
    fn act(&self, action: WorkteamAction) -> impl Future<Output = Result<(), CallError>> + Send;

    /// The labeling jobs of a team that have objects for people, newest first; `NotFound` if there is no such team.
    fn open_jobs(&self, team_arn: &str) -> impl Future<Output = Result<Vec<LabelingJob>, CallError>> + Send;

    /// A labeling job, or none if there is none of this name.
    fn labeling_job(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<LabelingJobDescription>, CallError>> + Send;
}
