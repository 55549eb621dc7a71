//! The teams by topic and by ARN: asked of SageMaker now and then, and remembered in between.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use maintenance::workteam::StandingWorkteam;

use super::Workteams;
use crate::{Clock, call::CallError};

/// How long the list of teams is taken for true.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(5);

/// The teams of the account and Region.
#[derive(Debug)]
pub struct Directory<W> {
    /// Where they are asked for.
    pub workteams: W,
    clock: Clock,
    known: Mutex<Option<(Timestamp, Vec<StandingWorkteam>)>>,
}

impl<W: Workteams> Directory<W> {
    /// A directory that knows nothing yet.
    pub fn new(workteams: W, clock: Clock) -> Self {
        Self { workteams, clock, known: Mutex::default() }
    }

    /// The teams that use this topic.
    pub async fn by_topic(&self, topic_arn: &str) -> Result<Vec<StandingWorkteam>, CallError> {
        self.find(|team| team.topic.as_deref() == Some(topic_arn)).await
    }

    /// The team of this ARN.
    pub async fn by_arn(&self, arn: &str) -> Result<Option<StandingWorkteam>, CallError> {
        Ok(self.find(|team| team.arn == arn).await?.pop())
    }

    /// Forgets the teams: one of them is not what it was.
    pub fn forget(&self) {
        if let Ok(mut known) = self.known.lock() {
            *known = None;
        }
    }

    /// What is not among the remembered teams may be new: then they are asked for again.
    async fn find(&self, wanted: impl Fn(&StandingWorkteam) -> bool) -> Result<Vec<StandingWorkteam>, CallError> {
        let now = (self.clock)();
        let known = self.known.lock().ok().and_then(|known| known.clone());
        if let Some((_, teams)) = known.filter(|(at, _)| now.duration_since(*at) < REMEMBERED) {
            let found: Vec<_> = teams.into_iter().filter(&wanted).collect();
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let teams = self.workteams.teams().await?;
        if let Ok(mut known) = self.known.lock() {
            *known = Some((now, teams.clone()));
        }
        Ok(teams.into_iter().filter(wanted).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemoryWorkteams, standing_team};

    #[tokio::test]
    async fn teams_are_asked_for_once_in_a_while_and_for_what_is_unknown() {
        let workteams = MemoryWorkteams::default();
        workteams.teams.lock().extend([standing_team("a", Some("topic")), standing_team("b", Some("topic"))]);
        let directory = Directory::new(workteams.clone(), || Timestamp::UNIX_EPOCH);
        let names = |teams: Vec<StandingWorkteam>| teams.into_iter().map(|team| team.name).collect::<Vec<_>>();
        for _ in 0..3 {
            assert_eq!(names(directory.by_topic("topic").await.unwrap()), ["a", "b"]);
        }
        assert_eq!(*workteams.listed.lock(), 1);
        workteams.teams.lock().push(standing_team("c", Some("new")));
        assert_eq!(names(directory.by_topic("new").await.unwrap()), ["c"]);
        assert_eq!(*workteams.listed.lock(), 2);
        assert!(directory.by_topic("nobody's").await.unwrap().is_empty());
        directory.forget();
        let arn = standing_team("b", None).arn;
        assert_eq!(directory.by_arn(&arn).await.unwrap().unwrap().name, "b");
        assert_eq!(*workteams.listed.lock(), 4);
    }
}
