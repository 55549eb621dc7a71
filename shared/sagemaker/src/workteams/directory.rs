//! Finds work teams by topic or ARN, with a cache of the teams in SageMaker.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use maintenance::workteam::ObservedWorkteam;
use worker::{CallError, Clock};

use super::Workteams;

/// How long the list of teams is cached.
const CACHE_DURATION: SignedDuration = SignedDuration::from_mins(5);

/// The work teams of the account and Region.
#[derive(Debug)]
pub struct WorkteamDirectory<W> {
    pub workteams: W,
    clock: Clock,
    cached: Mutex<Option<(Timestamp, Vec<ObservedWorkteam>)>>,
}

impl<W: Workteams> WorkteamDirectory<W> {
    pub fn new(workteams: W, clock: Clock) -> Self {
        Self { workteams, clock, cached: Mutex::default() }
    }

    /// The teams that use this topic.
    pub async fn find_teams_by_topic(&self, topic_arn: &str) -> Result<Vec<ObservedWorkteam>, CallError> {
        self.find_teams(|team| team.topic.as_deref() == Some(topic_arn)).await
    }

    /// The team with this ARN; `None` if there is none.
    pub async fn find_team_by_arn(&self, arn: &str) -> Result<Option<ObservedWorkteam>, CallError> {
        Ok(self.find_teams(|team| team.arn == arn).await?.pop())
    }

    /// Clears the cache, after a team turned out to have changed.
    pub fn clear_cache(&self) {
        if let Ok(mut cached) = self.cached.lock() {
            *cached = None;
        }
    }

    /// Finds teams in the cache. If none matches, the team may be new, so the teams are listed
    /// again.
    async fn find_teams(
        &self,
        matches: impl Fn(&ObservedWorkteam) -> bool,
    ) -> Result<Vec<ObservedWorkteam>, CallError> {
        let now = (self.clock)();
        let cached = self.cached.lock().ok().and_then(|cached| cached.clone());
        if let Some((_, teams)) = cached.filter(|(at, _)| now.duration_since(*at) < CACHE_DURATION) {
            let found: Vec<_> = teams.into_iter().filter(&matches).collect();
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let teams = self.workteams.list_teams().await?;
        if let Ok(mut cached) = self.cached.lock() {
            *cached = Some((now, teams.clone()));
        }
        Ok(teams.into_iter().filter(matches).collect())
    }
}
