//! What a model is told besides the states of the jobs it asked for; each once, whoever comes to it first.

use jiff::Timestamp;
use neo::ModelId;

use crate::{
    batch::Failure,
    job::JobStatus,
    ledger::{JobRow, Ledger, ModelRow, ModelState, Table},
    notification::Notification,
    topic::Topic,
};

/// Tells each model of a job that ended: the artifact to those that share it, and a summary to those whose last one it was.
pub async fn job_ended<T: Table>(
    ledger: &Ledger<T>,
    topic: &impl Topic,
    job: &JobRow,
    now: Timestamp,
) -> Result<(), Failure> {
    for id in &job.models {
        // Whoever writes the row afterwards tells of what has ended before.
        let Some(model) = ledger.model(id).await? else { continue };
        if model.state != ModelState::Superseded {
            reused(ledger, topic, id, &model, job, now).await?;
        }
        summarise(ledger, topic, id, &model, now).await?;
    }
    Ok(())
}

/// Tells a model of what it shares with earlier ones and has ended already: nothing else will.
pub async fn ended_before<T: Table>(
    ledger: &Ledger<T>,
    topic: &impl Topic,
    id: &ModelId,
    model: &ModelRow,
    jobs: &[JobRow],
    now: Timestamp,
) -> Result<(), Failure> {
    for job in jobs {
        reused(ledger, topic, id, model, job, now).await?;
    }
    if jobs.iter().any(|job| job.status.is_terminal()) {
        summarise(ledger, topic, id, model, now).await?;
    }
    Ok(())
}

/// Tells of the artifact of a job that the model shares.
async fn reused<T: Table>(
    ledger: &Ledger<T>,
    topic: &impl Topic,
    id: &ModelId,
    model: &ModelRow,
    job: &JobRow,
    now: Timestamp,
) -> Result<(), Failure> {
    if job.status == JobStatus::Completed
        && !job.was_asked_for_by(id)
        && let Some(notification) = Notification::reused(id, model, job, now)
    {
        ledger.once(&notification.id, topic.publish(&notification)).await?;
    }
    Ok(())
}

/// Tells of a whole model when the last of its jobs has ended.
async fn summarise<T: Table>(
    ledger: &Ledger<T>,
    topic: &impl Topic,
    id: &ModelId,
    model: &ModelRow,
    now: Timestamp,
) -> Result<(), Failure> {
    let jobs = ledger.jobs(&model.jobs).await?;
    if jobs.len() == model.jobs.len() && jobs.iter().all(|job| job.status.is_terminal()) {
        let summary = Notification::summary(&model.upload, id, model.rule.as_deref(), &jobs, now);
        ledger.once(&summary.id, topic.publish(&summary)).await?;
    }
    Ok(())
}
