//! What SageMaker tells a work team becomes a notification that says what waits and where to begin.
//!
//! What SageMaker said is relayed whatever else is found out: teams and jobs are asked for within a few seconds, or left out with a note.

use std::{fmt::Display, time::Duration};

use automation::{
    Clock,
    batch::Failure,
    call::Kind,
    event::Event,
    labeling::{LabelingJobState, TeamMessage},
    ledger::{BurstRow, Ledger, Table},
    notification::{Notification, TeamNews, TeamReport},
    queue::Wait,
    topic::Topic,
    workteams::{Directory, Workteams},
};
use tokio::time::{Instant, timeout_at};
use tracing::info;

/// How long SageMaker is asked for what is worth knowing beside the message.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Longest message, in bytes, that is told together with others: a longer one is told by itself.
const MAX_FOLDED: usize = 2 * 1024;

/// Tells of work.
#[derive(Debug)]
pub struct Relay<W, T, N> {
    /// SageMaker's work teams, remembered for a while.
    pub directory: Directory<W>,
    /// The ledger.
    pub ledger: Ledger<T>,
    /// The Notifications topic.
    pub topic: N,
    /// How long messages of one topic are gathered before they are told as one; zero: each is told at once.
    pub burst: Duration,
    /// How long SageMaker is asked: [`PATIENCE`].
    pub patience: Duration,
    /// The time.
    pub clock: Clock,
}

impl<W: Workteams, T: Table, N: Topic> Relay<W, T, N> {
    /// Handles one event of the Workteam queue.
    pub async fn handle(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::TeamMessage(message) => self.message(message).await,
            Event::LabelingJobState(state) => self.labeling_job(state).await,
            _ => Err(Failure::terminal("this is neither a message to a work team's topic nor a labeling job's state")),
        }
    }

    async fn message(&self, message: TeamMessage) -> Result<(), Failure> {
        if self.ledger.was_done(&mark(&message.id)).await? {
            return Ok(());
        }
        info!(id = message.id, topic = message.topic_arn, message = message.message, "SageMaker said");
        if self.burst.is_zero() || message.message.len() > MAX_FOLDED {
            return self.tell(&message.id.clone(), &message.topic_arn.clone(), vec![message]).await;
        }
        let burst = self.ledger.join_burst(&message, self.burst).await?;
        let now = (self.clock)();
        if !burst.is_due(now) {
            let left = burst.closes_at.duration_since(now).unsigned_abs();
            return Err(Failure::Later {
                cause: "it is told together with what comes in the next moments".into(),
                // The clocks of two machines differ: it must not come back too early.
                wait: Wait::Exact(left + Duration::from_secs(1)),
            });
        }
        self.tell_burst(&message.topic_arn).await?;
        if self.ledger.was_done(&mark(&message.id)).await? {
            return Ok(());
        }
        Err(Failure::busy("others of its topic are told first"))
    }

    /// Tells a burst, and marks each of its messages as told before the next one can begin. Whoever does this again, after a process
    /// died anywhere in between, ends with the same.
    async fn tell_burst(&self, topic_arn: &str) -> Result<(), Failure> {
        let burst = self.ledger.freeze_burst(topic_arn).await?;
        if !burst.frozen {
            return Ok(());
        }
        let told = self.publish_burst(topic_arn, &burst).await;
        if let Err(Failure::Terminal(_)) = told {
            // Its messages come again, and may be told in another burst: this one must not be in the topic's way.
            self.ledger.clear_burst(topic_arn, &burst).await?;
        }
        told?;
        for message in &burst.messages {
            self.ledger.once(&mark(&message.id), async { Ok(()) }).await?;
        }
        self.ledger.clear_burst(topic_arn, &burst).await?;
        Ok(())
    }

    /// Publishes those messages of a burst that were not told otherwise meanwhile, such as by one who saw them before they joined it.
    async fn publish_burst(&self, topic_arn: &str, burst: &BurstRow) -> Result<(), Failure> {
        let id = burst.id();
        if self.ledger.was_done(&mark(&id)).await? {
            return Ok(());
        }
        let mut untold = Vec::with_capacity(burst.messages.len());
        for message in &burst.messages {
            if !self.ledger.was_done(&mark(&message.id)).await? {
                untold.push(message.clone());
            }
        }
        if untold.is_empty() {
            return Ok(());
        }
        self.tell(&id, topic_arn, untold).await
    }

    async fn tell(&self, id: &str, topic_arn: &str, messages: Vec<TeamMessage>) -> Result<(), Failure> {
        let (workteams, notes) = self.enrich(topic_arn).await;
        let news = TeamNews { topic_arn: topic_arn.to_owned(), messages, workteams, notes };
        let notification = Notification::team_news(id, news, (self.clock)());
        self.ledger.once(&notification.id, self.topic.publish(&notification)).await?;
        Ok(())
    }

    /// The teams that use a topic and their open jobs, and what could not be found out.
    async fn enrich(&self, topic_arn: &str) -> (Vec<TeamReport>, Vec<String>) {
        let deadline = Instant::now() + self.patience;
        let mut notes = Vec::new();
        let teams = match timeout_at(deadline, self.directory.by_topic(topic_arn)).await {
            Ok(Ok(teams)) => teams,
            Ok(Err(error)) => return (Vec::new(), vec![unknown("the team", &error)]),
            Err(_) => return (Vec::new(), vec![unknown("the team", &"SageMaker did not answer in time")]),
        };
        if teams.is_empty() {
            notes.push("no work team uses this topic now".to_owned());
        }
        let mut reports = Vec::with_capacity(teams.len());
        for team in &teams {
            let jobs = match timeout_at(deadline, self.directory.workteams.open_jobs(&team.arn)).await {
                Ok(Ok(jobs)) => Some(jobs),
                Ok(Err(error)) if error.kind == Kind::NotFound => {
                    self.directory.forget();
                    notes.push(format!("the work team {} was deleted meanwhile", team.name));
                    None
                }
                Ok(Err(error)) => {
                    notes.push(unknown(&format!("the labeling jobs of {}", team.name), &error));
                    None
                }
                Err(_) => {
                    let error = "SageMaker did not answer in time";
                    notes.push(unknown(&format!("the labeling jobs of {}", team.name), &error));
                    None
                }
            };
            reports.push(TeamReport::new(team, jobs.as_deref()));
        }
        (reports, notes)
    }

    /// SageMaker may tell a state several times: each is told on once.
    async fn labeling_job(&self, state: LabelingJobState) -> Result<(), Failure> {
        let deadline = Instant::now() + self.patience;
        let mut notes = Vec::new();
        let described = timeout_at(deadline, self.directory.workteams.labeling_job(state.name())).await;
        let described = match described {
            Ok(Ok(described)) => {
                if described.is_none() {
                    notes.push("SageMaker has no labeling job of this name now".to_owned());
                }
                described
            }
            Ok(Err(error)) => {
                notes.push(unknown("the labeling job", &error));
                None
            }
            Err(_) => {
                notes.push(unknown("the labeling job", &"SageMaker did not answer in time"));
                None
            }
        };
        let mut team = None;
        if let Some(described) = described.as_ref().filter(|described| !described.team_arn.is_empty()) {
            team = match timeout_at(deadline, self.directory.by_arn(&described.team_arn)).await {
                Ok(Ok(team)) => {
                    if team.is_none() {
                        notes.push(format!("the work team {} is not among those of this account", described.team_arn));
                    }
                    team
                }
                Ok(Err(error)) => {
                    notes.push(unknown("the team", &error));
                    None
                }
                Err(_) => {
                    notes.push(unknown("the team", &"SageMaker did not answer in time"));
                    None
                }
            };
        }
        let notification = Notification::labeling_job(&state, described, team.as_ref(), notes, (self.clock)());
        self.ledger.once(&notification.id, self.topic.publish(&notification)).await?;
        Ok(())
    }
}

/// What is noted of a message that was told; also the id of the notification that tells it.
fn mark(id: &str) -> String {
    format!("workteam-{id}")
}

fn unknown(what: &str, why: &dyn Display) -> String {
    format!("{what} could not be asked for: {why}")
}

#[cfg(test)]
mod tests;
