//! The teams of the account, and the operations on them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::job::LabelingJob;
use super::notice::Notice;
use super::script::LabelingJob as JobScript;
use super::team::Team;
use crate::answer::{Answer, Refusal};
use crate::effects::Effect;
use crate::page::{self, Place};
use crate::settings::Owner;
use crate::world::World;

/// "You cannot create more than 25 work teams in an account and region" (`CreateWorkteam`).
const MOST_TEAMS: usize = 25;

/// Work teams, and the labeling jobs by name.
#[derive(Debug, Default)]
pub(crate) struct Workteams {
    teams: BTreeMap<String, Team>,
    pub(super) jobs: BTreeMap<String, LabelingJob>,
    /// What the teams' topics were told, oldest first.
    pub notices: Vec<Notice>,
}

impl Workteams {
    /// Starts a labeling job of a team, or adds objects to one.
    pub fn run(
        &mut self,
        script: &JobScript,
        owner: &Owner,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, String> {
        if let Some(job) = self.jobs.get_mut(&script.name) {
            job.add(script, now)?;
        } else {
            let missing = || format!("there is no work team {:?}", script.workteam);
            let team = self.teams.get(&script.workteam).ok_or_else(missing)?;
            let job = LabelingJob::start(script, team, owner, now, effects);
            self.jobs.insert(script.name.clone(), job);
        }
        self.settle(now, effects);
        self.jobs.get(&script.name).map(|job| job.description(now)).ok_or_else(|| "the job is gone".to_owned())
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.jobs.values().filter_map(|job| job.due).min()
    }

    /// Lets everything happen that is due by `now`, each at its own time.
    pub fn settle(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        while let Some((at, job)) =
            self.jobs.values_mut().filter_map(|job| Some((job.due?, job))).min_by_key(|(at, _)| *at)
            && at <= now
        {
            let Some(said) = job.step(at, effects) else { continue };
            let team = self.teams.values().find(|team| team.arn == job.team);
            if let Some((team, topic)) = team.and_then(|team| Some((team, team.topic()?))) {
                let notice = Notice::new(team, topic, job, said, at);
                effects.push(Effect::Publish(notice.clone()));
                self.notices.push(notice);
            }
        }
    }
}

pub(crate) fn create(world: &mut World, request: &Value) -> Answer {
    let team = Team::new(request, &world.owner, world.clock.now())?;
    let teams = &mut world.workteams.teams;
    if teams.contains_key(&team.name) {
        let message = format!("Work team name must be unique, and {} already exists.", team.arn);
        return Err(Refusal::new("ResourceInUse", message));
    }
    if teams.len() >= MOST_TEAMS {
        let message = format!("The account-level service limit 'Number of work teams' is {MOST_TEAMS}.");
        return Err(Refusal::new("ResourceLimitExceeded", message));
    }
    let arn = team.arn.clone();
    teams.insert(team.name.clone(), team);
    Ok(json!({ "WorkteamArn": arn }))
}

pub(crate) fn describe(world: &mut World, request: &Value) -> Answer {
    Ok(json!({ "Workteam": named(world, request)?.view() }))
}

pub(crate) fn update(world: &mut World, request: &Value) -> Answer {
    let now = world.clock.now();
    let team = named(world, request)?;
    team.change(request, now)?;
    Ok(json!({ "Workteam": team.view() }))
}

pub(crate) fn delete(world: &mut World, request: &Value) -> Answer {
    let name = named(world, request)?.name.clone();
    world.workteams.teams.remove(&name);
    Ok(json!({ "Success": true }))
}

pub(crate) fn list(world: &mut World, request: &Value) -> Answer {
    let part = request["NameContains"].as_str().unwrap_or_default();
    let found = world.workteams.teams.values().filter(|team| team.name.contains(part));
    let placed = found.map(|team| match request["SortBy"].as_str() {
        Some("Name") => (Place::by_name(&team.name), team),
        // The model: "The default is CreationTime."
        _ => (Place::by_time(team.created, &team.name), team),
    });
    let (teams, next) = page::cut(request, placed.collect())?;
    Ok(page::answer("Workteams", teams.into_iter().map(Team::view).collect::<Vec<_>>(), next))
}

pub(super) fn has_team(world: &World, arn: &str) -> bool {
    world.workteams.teams.values().any(|team| team.arn == arn)
}

/// No error is modelled for a missing team: the service has a `ValidationException` that begins like this one.
fn named<'w>(world: &'w mut World, request: &Value) -> Result<&'w mut Team, Refusal> {
    let name = request["WorkteamName"].as_str().unwrap_or_default();
    let arn = world.owner.arn(&format!("workteam/private-crowd/{name}"));
    let missing = || Refusal::validation(format!("The work team {arn} does not exist."));
    world.workteams.teams.get_mut(name).ok_or_else(missing)
}
