//! Work teams are brought to what `automation.yaml` declares.

use automation::{
    Clock,
    batch::Failure,
    call::{CallError, Kind},
    config::ConfigSource,
    event::Event,
    ledger::{Ledger, Table},
    notification::Notification,
    objects::Objects,
    reconcile::{self, Outcome, Reconciled},
    topic::Topic,
    workteams::Workteams,
};
use lambda_runtime::Error;
use maintenance::workteam::{WorkteamAction, plan_workteams};
use serde_json::Value;
use tracing::{error, info};

/// Keeps work teams as declared.
#[derive(Debug)]
pub struct Maintainer<O, W, T, N> {
    /// The configuration.
    pub config: ConfigSource<O>,
    /// SageMaker's work teams.
    pub workteams: W,
    /// The ledger.
    pub ledger: Ledger<T>,
    /// The Notifications topic.
    pub topic: N,
    /// The topic that `notifications: stack` means.
    pub stack_topic: String,
    /// The time.
    pub clock: Clock,
}

impl<O: Objects, W: Workteams, T: Table, N: Topic> Maintainer<O, W, T, N> {
    /// Answers the schedule: how many teams had each outcome.
    pub async fn scheduled(&self) -> Result<Value, Error> {
        Ok(reconcile::summary(&self.maintain().await?))
    }

    /// Handles one event of its queue: the configuration has changed.
    pub async fn handle(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::ObjectsCreated(_) => {
                let reconciled = self.maintain().await?;
                match reconciled.iter().find(|done| matches!(done.outcome, Outcome::Later(_))) {
                    // The schedule comes again only in a day: the change of the configuration waits.
                    Some(later) => Err(Failure::busy(format!("{} is not as declared yet", later.item.name))),
                    None => Ok(()),
                }
            }
            Event::S3Test => Ok(()),
            _ => Err(Failure::terminal("this is no change of the configuration")),
        }
    }

    async fn maintain(&self) -> Result<Vec<Reconciled<WorkteamAction>>, Failure> {
        let now = (self.clock)();
        let Some(config) = self.config.in_force(&self.ledger, &self.topic, now).await? else {
            info!("nothing is declared");
            return Ok(Vec::new());
        };
        let declared = &config.document.declared.workteams;
        if declared.is_empty() {
            return Ok(Vec::new());
        }
        let plan = plan_workteams(declared, &self.workteams.teams().await?, Some(&self.stack_topic));
        let reconciled = reconcile::apply(plan, |action| self.act(action)).await;
        reconcile::report("work team", &reconciled, now);
        self.tell(&reconciled).await?;
        Ok(reconciled)
    }

    /// Makes one call. A conflict passes, unless what is to be created exists for SageMaker and is not listed: then no later run helps.
    async fn act(&self, action: WorkteamAction) -> Result<(), CallError> {
        let created = match &action {
            WorkteamAction::Create(call) => Some(call.name.clone()),
            WorkteamAction::Update(_) => None,
        };
        match (self.workteams.act(action).await, created) {
            (Err(mut error), Some(name)) if error.kind == Kind::Conflict => {
                let listed = self.workteams.teams().await?.iter().any(|team| team.name == name);
                if !listed {
                    error.kind = Kind::Invalid;
                }
                Err(error)
            }
            (answer, _) => answer,
        }
    }

    /// Tells of every team; one that cannot be told of does not keep the others from it.
    async fn tell(&self, reconciled: &[Reconciled<WorkteamAction>]) -> Result<(), Failure> {
        let mut failed = Ok(());
        for done in reconciled {
            let Some(notification) = Notification::workteam_kept(done, (self.clock)()) else { continue };
            if let Err(failure) = self.ledger.once(&notification.id, self.topic.publish(&notification)).await {
                error!(cause = %failure, text = notification.text, "not told");
                failed = Err(failure);
            }
        }
        failed
    }
}

#[cfg(test)]
mod tests {
    use automation::memory::{MemoryObjects, MemoryTable, MemoryTopic, MemoryWorkteams, StoredObject, standing_team};
    use jiff::Timestamp;
    use maintenance::workteam::WorkteamCall;
    use serde_json::json;

    use super::*;

    type TestMaintainer = Maintainer<MemoryObjects, MemoryWorkteams, MemoryTable, MemoryTopic>;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:stack-WorkteamTopic";
    const TEAMS: &str = "
workteams:
  - { name: radiology, description: Radiologists, members: { oidc: { groups: [radiologists] } }, notifications: stack }
  - { name: audit, description: Auditors, members: { oidc: { groups: [auditors] } } }
";

    fn maintainer(objects: &MemoryObjects, workteams: &MemoryWorkteams) -> TestMaintainer {
        let clock: Clock = || Timestamp::UNIX_EPOCH;
        Maintainer {
            config: ConfigSource::new(objects.clone(), "config".to_owned(), "automation.yaml".to_owned()),
            workteams: workteams.clone(),
            ledger: Ledger::new(MemoryTable::default(), clock),
            topic: MemoryTopic::default(),
            stack_topic: TOPIC.to_owned(),
            clock,
        }
    }

    fn put(objects: &MemoryObjects, version: &str, sections: &str) {
        let bytes = format!("version: 1\n{sections}").into_bytes();
        let version_id = Some(version.to_owned());
        objects.put(
            "config",
            "automation.yaml",
            StoredObject { version_id, etag: version.to_owned(), bytes, ..StoredObject::default() },
        );
    }

    #[tokio::test]
    async fn teams_are_created_then_left_alone_then_put_right() {
        let (objects, workteams) = (MemoryObjects::default(), MemoryWorkteams::default());
        put(&objects, "1", TEAMS);
        workteams.teams.lock().push(standing_team("of-others", None));
        let maintainer = maintainer(&objects, &workteams);
        let counts = maintainer.scheduled().await.unwrap();
        assert_eq!(counts, json!({ "unchanged": 0, "planned": 0, "applied": 2, "later": 0, "failed": 0 }));
        assert_eq!(maintainer.topic.types(), ["workteam.created"; 2]);
        assert_eq!(workteams.teams.lock()[1].topic.as_deref(), Some(TOPIC));

        maintainer.handle(Event::ObjectsCreated(Vec::new())).await.unwrap();
        assert_eq!(workteams.calls.lock().len(), 2, "a second run changes nothing");

        workteams.teams.lock()[1].description = "Changed by hand".to_owned();
        maintainer.scheduled().await.unwrap();
        assert_eq!(workteams.teams.lock()[1].description, "Radiologists");
        assert_eq!(maintainer.topic.types()[2..], ["workteam.updated"]);
        let text = maintainer.topic.published.lock()[2].text.clone();
        assert!(text.contains("description: Changed by hand → Radiologists"), "{text}");
        assert_eq!(workteams.teams.lock()[0], standing_team("of-others", None));
    }

    /// SEMANTICS items-alone: What keeps one declared resource from being brought to its state keeps no other from it.
    #[tokio::test]
    async fn a_team_that_fails_does_not_stop_the_others_and_is_told_once_a_day() {
        let (objects, workteams) = (MemoryObjects::default(), MemoryWorkteams::default());
        put(&objects, "1", TEAMS);
        let maintainer = maintainer(&objects, &workteams);
        for _ in 0..2 {
            // The list is answered, the first call is not.
            workteams.refused.lock().push(("radiology".to_owned(), Kind::Invalid));
            maintainer.scheduled().await.unwrap();
        }
        assert_eq!(maintainer.topic.types(), ["workteam.failed", "workteam.created"]);
        workteams.refused.lock().push(("radiology".to_owned(), Kind::Throttled));
        let counts = maintainer.scheduled().await.unwrap();
        assert_eq!((&counts["later"], &counts["unchanged"]), (&json!(1), &json!(1)));
        assert_eq!(maintainer.topic.types().len(), 2, "the next run tries again");
    }

    #[tokio::test]
    async fn a_change_of_the_configuration_waits_until_every_team_is_as_declared() {
        let (objects, workteams) = (MemoryObjects::default(), MemoryWorkteams::default());
        put(&objects, "1", TEAMS);
        let maintainer = maintainer(&objects, &workteams);
        workteams.refused.lock().push(("radiology".to_owned(), Kind::Throttled));
        let later = maintainer.handle(Event::ObjectsCreated(Vec::new())).await;
        assert!(matches!(later, Err(Failure::Later { .. })), "{later:?}");
        maintainer.handle(Event::ObjectsCreated(Vec::new())).await.unwrap();
        assert_eq!(workteams.teams.lock().len(), 2);
    }

    #[tokio::test]
    async fn a_team_that_exists_and_is_not_listed_has_failed() {
        let (objects, workteams) = (MemoryObjects::default(), MemoryWorkteams::default());
        put(&objects, "1", TEAMS);
        let maintainer = maintainer(&objects, &workteams);
        workteams.refused.lock().push(("radiology".to_owned(), Kind::Conflict));
        let counts = maintainer.scheduled().await.unwrap();
        assert_eq!((&counts["failed"], &counts["later"]), (&json!(1), &json!(0)));
        // Somebody else created it meanwhile: the next run compares.
        workteams.teams.lock().push(standing_team("radiology", None));
        let action = WorkteamAction::Create(WorkteamCall { name: "radiology".to_owned(), ..WorkteamCall::default() });
        workteams.refused.lock().push(("radiology".to_owned(), Kind::Conflict));
        assert_eq!(maintainer.act(action).await.unwrap_err().kind, Kind::Conflict);
    }

    #[tokio::test]
    async fn notify_tells_of_a_difference_and_leaves_it() {
        let (objects, workteams) = (MemoryObjects::default(), MemoryWorkteams::default());
        put(&objects, "1", &TEAMS.replace("notifications: stack", "mode: notify"));
        let maintainer = maintainer(&objects, &workteams);
        for _ in 0..2 {
            maintainer.scheduled().await.unwrap();
        }
        assert_eq!(maintainer.topic.types(), ["workteam.drift", "workteam.created"]);
        assert!(!workteams.teams.lock().iter().any(|team| team.name == "radiology"));
    }

    #[tokio::test]
    async fn without_a_valid_document_nothing_is_done_and_the_mistake_is_told() {
        let (objects, workteams) = (MemoryObjects::default(), MemoryWorkteams::default());
        let maintainer = maintainer(&objects, &workteams);
        maintainer.scheduled().await.unwrap();
        put(&objects, "1", "workteams: [ { name: a_b } ]");
        maintainer.scheduled().await.unwrap();
        put(&objects, "2", "");
        maintainer.scheduled().await.unwrap();
        assert_eq!(maintainer.topic.types(), ["config.rejected"]);
        assert_eq!(*workteams.listed.lock(), 0);
    }

    #[tokio::test]
    async fn what_is_no_change_of_the_configuration_is_a_dead_letter() {
        let maintainer = maintainer(&MemoryObjects::default(), &MemoryWorkteams::default());
        let error = maintainer.handle(Event::FailedCall("x".to_owned())).await.unwrap_err();
        assert!(matches!(error, Failure::Terminal(_)), "{error:?}");
    }
}
