//! Forwards messages to work teams together with their open labeling jobs, progress and worker
//! portal.
//!
//! A message is always forwarded. Teams and labeling jobs are queried for a few seconds; what
//! cannot be queried is omitted, with a note that gives the reason.

use std::{collections::BTreeMap, fmt::Display, time::Duration};

use automation::{ConfigSource, config::LoadError, event::Event, objects::Objects};
use jiff::tz::TimeZone;
use ledger::{BurstRow, Ledger, LedgerTable};
use maintenance::workteam::{LabelingJob, LabelingJobState, ObservedWorkteam, TeamMessage};
use notifications::{Channel, Notification, TeamMessages, TeamReport, notifier::Notifier};
use sagemaker::workteams::{WorkteamDirectory, Workteams};
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};
use worker::{CallError, CallErrorKind, Clock, Failure, backoff::Backoff};

/// Time limit for the queries that add teams and labeling jobs to a message.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages of labeling jobs per team that are read for a notification: SageMaker accepts about 2 list
/// calls a second from an account.
const MAX_JOB_PAGES: usize = 4;

/// Longest message, in bytes, that is combined with others into one notification.
const MAX_COMBINED: usize = 2 * 1024;

/// Forwards messages to work teams and status changes of labeling jobs.
#[derive(Debug)]
pub struct TeamRelay<O, W, T, N> {
    /// The configuration, which has the time zones of the teams.
    pub config: ConfigSource<O>,
    /// SageMaker's work teams, cached for some minutes.
    pub directory: WorkteamDirectory<W>,
    pub ledger: Ledger<T>,
    pub notifier: Notifier<T, N>,
    /// For how long messages of one topic are collected into one notification. If it is zero, each
    /// message is published at once.
    pub burst_window: Duration,
    /// Time limit for queries to SageMaker: [`QUERY_TIMEOUT`].
    pub query_timeout: Duration,
    pub clock: Clock,
}

/// Time zones by the name of the team.
type TimeZones = BTreeMap<String, TimeZone>;

impl<O: Objects, W: Workteams, T: LedgerTable, N: Channel> TeamRelay<O, W, T, N> {
    /// Handles one event of the Workteam queue.
    pub async fn handle_event(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::TeamMessage(message) => self.relay_message(message).await,
            Event::LabelingJobState(state) => self.relay_labeling_job(state).await,
            _ => Err(Failure::terminal("neither a message to a work team's topic nor a labeling job event")),
        }
    }

    async fn relay_message(&self, message: TeamMessage) -> Result<(), Failure> {
        if self.notifier.was_published(&published_id(&message.id)).await? {
            return Ok(());
        }
        let (id, topic, text) = (&message.id, &message.topic_arn, &message.message);
        info!(id, topic, text, "Message to a work team received");
        if self.burst_window.is_zero() || message.message.len() > MAX_COMBINED {
            return self.publish_messages(&message.id.clone(), &message.topic_arn.clone(), vec![message]).await;
        }
        let burst = self.ledger.join_burst(&message, self.burst_window).await?;
        let now = (self.clock)();
        if !burst.is_due(now) {
            let left = burst.closes_at.duration_since(now).unsigned_abs();
            return Err(Failure::Deferred {
                cause: "collecting further messages of the same topic".into(),
                // The clocks of two machines differ: the message must not be redelivered too early.
                backoff: Backoff::Fixed(left + Duration::from_secs(1)),
            });
        }
        self.publish_burst(&message.topic_arn).await?;
        if self.notifier.was_published(&published_id(&message.id)).await? {
            return Ok(());
        }
        Err(Failure::busy("earlier messages of the same topic are published first"))
    }

    /// Publishes a burst and marks each of its messages as published before the next burst can
    /// begin. This is idempotent: if the function crashes anywhere in between, a repetition ends
    /// with the same result.
    async fn publish_burst(&self, topic_arn: &str) -> Result<(), Failure> {
        let burst = self.ledger.freeze_burst(topic_arn).await?;
        if !burst.frozen {
            return Ok(());
        }
        let published = self.publish_unpublished(topic_arn, &burst).await;
        if let Err(Failure::Terminal(_)) = published {
            // Its messages are redelivered and may join another burst: this one must not block the
            // topic.
            self.ledger.clear_burst(topic_arn, &burst).await?;
        }
        published?;
        for message in &burst.messages {
            self.notifier.record_published(&published_id(&message.id)).await?;
        }
        self.ledger.clear_burst(topic_arn, &burst).await?;
        Ok(())
    }

    /// Publishes the messages of a burst that were not published on their own meanwhile, by an
    /// invocation that received them before they joined it.
    async fn publish_unpublished(&self, topic_arn: &str, burst: &BurstRow) -> Result<(), Failure> {
        let id = burst.burst_id();
        if self.notifier.was_published(&published_id(&id)).await? {
            return Ok(());
        }
        let mut unpublished = Vec::with_capacity(burst.messages.len());
        for message in &burst.messages {
            if !self.notifier.was_published(&published_id(&message.id)).await? {
                unpublished.push(message.clone());
            }
        }
        if unpublished.is_empty() {
            return Ok(());
        }
        self.publish_messages(&id, topic_arn, unpublished).await
    }

    async fn publish_messages(&self, id: &str, topic_arn: &str, messages: Vec<TeamMessage>) -> Result<(), Failure> {
        let (workteams, notes) = self.query_teams(topic_arn).await;
        let news = TeamMessages { topic_arn: topic_arn.to_owned(), messages, workteams, notes };
        self.notifier.publish_once(&Notification::team_messages(id, news, (self.clock)())).await
    }

    /// The teams that use a topic with their open labeling jobs, and notes on what could not be
    /// queried.
    async fn query_teams(&self, topic_arn: &str) -> (Vec<TeamReport>, Vec<String>) {
        let deadline = Instant::now() + self.query_timeout;
        let mut notes = Vec::new();
        let query = self.directory.find_teams_by_topic(topic_arn);
        let Some(teams) = query_or_note(deadline, "the team", query, &mut notes).await else {
            return (Vec::new(), notes);
        };
        if teams.is_empty() {
            notes.push("no work team uses this topic now".to_owned());
        }
        let mut reports = Vec::with_capacity(teams.len());
        for team in &teams {
            let jobs = self.query_open_jobs(deadline, team, &mut notes).await;
            reports.push(TeamReport::new(team, jobs.as_deref()));
        }
        // Last, because a message needs its jobs more than its time zone.
        let zones = self.load_time_zones(deadline).await;
        let reports = reports.into_iter().zip(&teams).map(|(report, team)| report.in_time_zone(zones.get(&team.name)));
        (reports.collect(), notes)
    }

    /// The declared time zones. If the configuration cannot be loaded in time, times are in UTC.
    async fn load_time_zones(&self, deadline: Instant) -> TimeZones {
        let config = match timeout_at(deadline, self.config.load_active()).await {
            Ok(Ok(config)) => config,
            Ok(Err(LoadError::Missing { .. })) => return TimeZones::new(),
            Ok(Err(error)) => {
                warn!(%error, "Time zones of work teams not loaded: times are in UTC");
                return TimeZones::new();
            }
            Err(_) => {
                warn!("Time zones of work teams not loaded in time: times are in UTC");
                return TimeZones::new();
            }
        };
        let teams = config.document.declared.workteams.iter();
        teams.filter_map(|team| Some((team.name.clone(), team.time_zone.clone()?))).collect()
    }

    /// The open jobs among the newest labeling jobs of a team; `None` if not even the newest page
    /// could be queried. The pages that were read are used even if the next one could not be.
    async fn query_open_jobs(
        &self,
        deadline: Instant,
        team: &ObservedWorkteam,
        notes: &mut Vec<String>,
    ) -> Option<Vec<LabelingJob>> {
        let mut open: Option<Vec<LabelingJob>> = None;
        let mut page = None;
        for _ in 0..MAX_JOB_PAGES {
            let query = async {
                match self.directory.workteams.list_open_jobs(&team.arn, page.clone()).await {
                    Err(error) if error.kind == CallErrorKind::NotFound => Ok(None),
                    jobs => jobs.map(Some),
                }
            };
            let age = if open.is_none() { "the" } else { "older" };
            let subject = format!("{age} labeling jobs of {}", team.name);
            let Some(listed) = query_or_note(deadline, &subject, query, notes).await else { return open };
            let Some(listed) = listed else {
                self.directory.clear_cache();
                notes.push(format!("the work team {} was deleted meanwhile", team.name));
                return open;
            };
            open.get_or_insert_default().extend(listed.jobs);
            page = listed.next;
            if page.is_none() {
                return open;
            }
        }
        notes.push(format!("{} has many labeling jobs: only the newest ones were queried", team.name));
        open
    }

    /// SageMaker may publish a status several times: each is forwarded once.
    async fn relay_labeling_job(&self, state: LabelingJobState) -> Result<(), Failure> {
        let deadline = Instant::now() + self.query_timeout;
        let mut notes = Vec::new();
        let query = self.directory.workteams.describe_labeling_job(state.job_name());
        let description = query_or_note(deadline, "the labeling job", query, &mut notes).await;
        if let Some(None) = description {
            notes.push("SageMaker has no labeling job of this name now".to_owned());
        }
        let description = description.flatten();
        let team_arn = description.as_ref().map(|job| job.team_arn.as_str()).filter(|arn| !arn.is_empty());
        let team = match team_arn {
            Some(arn) => self.query_team(deadline, arn, &mut notes).await,
            None => None,
        };
        let team = match team {
            Some(team) => {
                let zones = self.load_time_zones(deadline).await;
                // The other jobs of the team are not read.
                Some(TeamReport::new(&team, None).in_time_zone(zones.get(&team.name)))
            }
            None => None,
        };
        let notification = Notification::labeling_job(&state, description, team, notes, (self.clock)());
        self.notifier.publish_once(&notification).await
    }

    async fn query_team(&self, deadline: Instant, arn: &str, notes: &mut Vec<String>) -> Option<ObservedWorkteam> {
        let team = query_or_note(deadline, "the team", self.directory.find_team_by_arn(arn), notes).await;
        if let Some(None) = team {
            notes.push(format!("the work team {arn} is not a team of this account"));
        }
        team.flatten()
    }
}

/// The result of a query; `None` and a note if it failed or did not finish in time.
async fn query_or_note<R>(
    deadline: Instant,
    subject: &str,
    query: impl Future<Output = Result<R, CallError>>,
    notes: &mut Vec<String>,
) -> Option<R> {
    let cause: &dyn Display = match timeout_at(deadline, query).await {
        Ok(Ok(result)) => return Some(result),
        Ok(Err(error)) => &error.to_string(),
        Err(_) => &"SageMaker did not respond in time",
    };
    notes.push(format!("{subject} could not be queried: {cause}"));
    None
}

/// The id under which the ledger records that a message was published; also the id of its
/// notification.
fn published_id(id: &str) -> String {
    format!("workteam-{id}")
}

#[cfg(test)]
mod tests;
