//! Reads from the ledger what `automation status` shows.

use aws_sdk_s3::{Client as S3, types::ObjectVersion};
use ledger::{JobRow, Ledger, LedgerTable, ModelRow};
use neo::{JobName, ModelId};
use worker::CallError;

use super::view::{StatusView, UnplannedVersion};
use crate::{args::StatusArgs, error::CliError};

/// Maximum number of versions of one key.
const MAX_VERSIONS: usize = 10;

/// Maximum number of models among which a model package version is searched: the ledger has no
/// index of packages.
const MAX_MODELS: usize = 500;

/// Maximum number of running jobs.
const MAX_RUNNING: usize = 200;

/// Maximum number of finished jobs among which jobs not started by this stack are searched.
const MAX_FINISHED: usize = 200;

/// What to show.
#[derive(Debug)]
pub(super) enum StatusQuery {
    Upload(String),
    Package(String),
    Job(String),
    Running,
    /// The jobs that were running at first.
    Jobs(Vec<JobName>),
    Recent(usize),
}

impl StatusQuery {
    pub fn from_args(args: &StatusArgs) -> Self {
        match args.what.as_deref() {
            Some(uri) if uri.starts_with("s3://") => Self::Upload(uri.to_owned()),
            Some(arn) if arn.starts_with("arn:") => Self::Package(arn.to_owned()),
            Some(name) => Self::Job(name.to_owned()),
            None if args.running => Self::Running,
            None => Self::Recent(args.recent.unwrap_or(MAX_VERSIONS)),
        }
    }
}

pub(super) async fn read_status<T: LedgerTable>(
    query: &StatusQuery,
    ledger: &Ledger<T>,
    s3: &S3,
) -> Result<StatusView, CliError> {
    let mut view = read_view(query, ledger, s3).await?;
    add_next_attempts(&mut view, ledger).await?;
    Ok(view)
}

async fn read_view<T: LedgerTable>(query: &StatusQuery, ledger: &Ledger<T>, s3: &S3) -> Result<StatusView, CliError> {
    match query {
        StatusQuery::Upload(uri) => read_upload(uri, ledger, s3).await,
        StatusQuery::Package(arn) => read_package(arn, ledger).await,
        StatusQuery::Job(name) => match ledger.find_job(&JobName::from(name.clone())).await? {
            Some(job) => Ok(StatusView { jobs: vec![job], ..StatusView::default() }),
            None => Err(CliError::UnknownJob(name.clone())),
        },
        StatusQuery::Running => {
            let (jobs, parked) =
                (ledger.list_unfinished_jobs(MAX_RUNNING).await?, Some(ledger.summarize_parked().await?));
            Ok(StatusView { jobs, parked, ..StatusView::default() })
        }
        StatusQuery::Jobs(names) => Ok(StatusView { jobs: ledger.find_jobs(names).await?, ..StatusView::default() }),
        StatusQuery::Recent(count) => {
            let models = ledger.list_recent_models(*count).await?;
            let finished = ledger.list_ended_jobs(MAX_FINISHED).await?.into_iter();
            let foreign_jobs = finished.filter(|job| job.models.is_empty()).take(*count).collect();
            let parked = Some(ledger.summarize_parked().await?);
            Ok(StatusView { models: add_jobs(models, ledger).await?, foreign_jobs, parked, ..StatusView::default() })
        }
    }
}

/// Reads the versions of an upload, newest first.
async fn read_upload<T: LedgerTable>(uri: &str, ledger: &Ledger<T>, s3: &S3) -> Result<StatusView, CliError> {
    let location = uri.strip_prefix("s3://").and_then(|location| location.split_once('/'));
    let Some((bucket, key)) = location.filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty()) else {
        return Err(CliError::NoObjectKey(uri.to_owned()));
    };
    let (mut models, mut unplanned) = (Vec::new(), None);
    let listed = s3.list_object_versions().bucket(bucket).prefix(key).send().await;
    let listed =
        listed.map_err(|error| CliError::of_bucket(bucket, None, CallError::from_sdk("ListObjectVersions", error)))?;
    let versions = listed.versions().iter().filter(|version| version.key() == Some(key));
    // S3 lists the newest version first.
    for (index, version) in versions.filter_map(ledger_version).take(MAX_VERSIONS).enumerate() {
        match ledger.find_last_plans(&[ModelId::new(bucket, key, version)]).await?.pop() {
            Some(model) => models.push(model),
            None if index == 0 => {
                unplanned = Some(UnplannedVersion { uri: uri.to_owned(), version: version.to_owned() });
            }
            None => {}
        }
    }
    if models.is_empty() {
        return Err(CliError::UnknownModel(uri.to_owned()));
    }
    Ok(StatusView { models: add_jobs(models, ledger).await?, unplanned, ..StatusView::default() })
}

/// Adds the attempts that follow the failed jobs of the view and are not in it.
async fn add_next_attempts<T: LedgerTable>(view: &mut StatusView, ledger: &Ledger<T>) -> Result<(), CallError> {
    loop {
        let names = view.missing_attempts();
        let found = if names.is_empty() { Vec::new() } else { ledger.find_jobs(&names).await? };
        if found.is_empty() {
            return Ok(());
        }
        view.next_attempts.extend(found);
    }
}

/// The version by which the ledger identifies an upload: its version ID, or its entity tag in a
/// bucket without versioning, where S3 lists the version ID `null`.
fn ledger_version(listed: &ObjectVersion) -> Option<&str> {
    let etag = listed.e_tag().map(|etag| etag.trim_matches('"'));
    listed.version_id().filter(|version| *version != "null").or(etag)
}

/// Reads the plans for a model package version, newest first.
async fn read_package<T: LedgerTable>(arn: &str, ledger: &Ledger<T>) -> Result<StatusView, CliError> {
    let mut models = ledger.list_recent_models(MAX_MODELS).await?;
    models.retain(|model| model.source.to_uri() == arn);
    if models.is_empty() {
        return Err(CliError::UnknownModel(arn.to_owned()));
    }
    Ok(StatusView { models: add_jobs(models, ledger).await?, ..StatusView::default() })
}

async fn add_jobs<T: LedgerTable>(
    models: Vec<ModelRow>,
    ledger: &Ledger<T>,
) -> Result<Vec<(ModelRow, Vec<JobRow>)>, CallError> {
    let mut with_jobs = Vec::with_capacity(models.len());
    for model in models {
        let mut jobs = ledger.find_jobs(&model.jobs).await?;
        jobs.sort_by_cached_key(|job| (job.target.clone(), job.options().to_string()));
        with_jobs.push((model, jobs));
    }
    Ok(with_jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_versioning_the_entity_tag_is_the_version() {
        let listed = |version| ObjectVersion::builder().version_id(version).e_tag("\"c1\"").build();
        assert_eq!(ledger_version(&listed("null")), Some("c1"));
        assert_eq!(ledger_version(&listed("3HL4")), Some("3HL4"));
    }
}
