//! All work teams and labeling jobs, and the operations on work teams.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    emulated_job::EmulatedLabelingJob, emulated_workteam::EmulatedWorkteam, job_script::LabelingJobScript,
    notice::WorkteamNotice,
};
use crate::{
    answer::{OperationAnswer, ServiceError},
    emulator_state::EmulatorState,
    list_page::{SortKey, build_list_answer, select_page},
    settings::Owner,
    side_effect::SideEffect,
};

/// "You cannot create more than 25 work teams in an account and region" (`CreateWorkteam`).
const MAX_WORKTEAMS: usize = 25;

/// Work teams and labeling jobs, each by name.
#[derive(Debug, Default)]
pub(crate) struct WorkteamStore {
    teams: BTreeMap<String, EmulatedWorkteam>,
    pub(super) jobs: BTreeMap<String, EmulatedLabelingJob>,
    /// Published notices, oldest first.
    pub notices: Vec<WorkteamNotice>,
}

impl WorkteamStore {
    /// Starts a labeling job, or adds objects to a running job of the same name.
    pub fn run_script(
        &mut self,
        script: &LabelingJobScript,
        owner: &Owner,
        now: Timestamp,
        effects: &mut Vec<SideEffect>,
    ) -> Result<Value, String> {
        if let Some(job) = self.jobs.get_mut(&script.name) {
            job.add_objects(script, now)?;
        } else {
            let missing = || format!("work team {:?} does not exist; create it with CreateWorkteam", script.workteam);
            let team = self.teams.get(&script.workteam).ok_or_else(missing)?;
            let job = EmulatedLabelingJob::start_new(script, team, owner, now, effects);
            self.jobs.insert(script.name.clone(), job);
        }
        self.apply_due_changes(now, effects);
        self.jobs
            .get(&script.name)
            .map(|job| job.to_description(now))
            .ok_or_else(|| "the labeling job no longer exists".to_owned())
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.jobs.values().filter_map(|job| job.due).min()
    }

    /// Applies all changes that are due by `now`, each with its own time.
    pub fn apply_due_changes(&mut self, now: Timestamp, effects: &mut Vec<SideEffect>) {
        while let Some((at, job)) =
            self.jobs.values_mut().filter_map(|job| Some((job.due?, job))).min_by_key(|(at, _)| *at)
            && at <= now
        {
            let Some(kind) = job.apply_due_change(at, effects) else { continue };
            let team = self.teams.values().find(|team| team.arn == job.team);
            if let Some((team, topic)) = team.and_then(|team| Some((team, team.topic_arn()?))) {
                let notice = WorkteamNotice::new(team, topic, job, kind, at);
                effects.push(SideEffect::Publish(notice.clone()));
                self.notices.push(notice);
            }
        }
    }
}

pub(crate) fn create_workteam(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let team = EmulatedWorkteam::new(request, &state.owner, state.clock.now())?;
    let teams = &mut state.workteams.teams;
    if teams.contains_key(&team.name) {
        let message = format!("Work team name must be unique, and {} already exists.", team.arn);
        return Err(ServiceError::new("ResourceInUse", message));
    }
    if teams.len() >= MAX_WORKTEAMS {
        let message = format!("The account-level service limit 'Number of work teams' is {MAX_WORKTEAMS}.");
        return Err(ServiceError::new("ResourceLimitExceeded", message));
    }
    let arn = team.arn.clone();
    state.tags.merge_tags(&arn, &request["Tags"])?;
    teams.insert(team.name.clone(), team);
    Ok(json!({ "WorkteamArn": arn }))
}

pub(crate) fn describe_workteam(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    Ok(json!({ "Workteam": find_workteam(state, request)?.to_description() }))
}

pub(crate) fn update_workteam(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let now = state.clock.now();
    let team = find_workteam(state, request)?;
    team.apply_request(request, now)?;
    Ok(json!({ "Workteam": team.to_description() }))
}

pub(crate) fn delete_workteam(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let name = find_workteam(state, request)?.name.clone();
    state.workteams.teams.remove(&name);
    Ok(json!({ "Success": true }))
}

pub(crate) fn list_workteams(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let part = request["NameContains"].as_str().unwrap_or_default();
    let placed = state.workteams.teams.values().map(|team| match request["SortBy"].as_str() {
        Some("Name") => (SortKey::by_name(&team.name), team),
        // Service model: "The default is CreationTime."
        _ => (SortKey::by_time(team.created, &team.name), team),
    });
    let (teams, next) = select_page(request, placed.collect(), |team| team.name.contains(part))?;
    Ok(build_list_answer(
        "Workteams",
        teams.into_iter().map(EmulatedWorkteam::to_description).collect::<Vec<_>>(),
        next,
    ))
}

pub(super) fn workteam_exists(state: &EmulatorState, arn: &str) -> bool {
    state.workteams.teams.values().any(|team| team.arn == arn)
}

/// The service model has no error for a missing work team. SageMaker answers with a
/// `ValidationException` whose message starts like this one.
fn find_workteam<'w>(state: &'w mut EmulatorState, request: &Value) -> Result<&'w mut EmulatedWorkteam, ServiceError> {
    let name = request["WorkteamName"].as_str().unwrap_or_default();
    let arn = state.owner.build_arn(&format!("workteam/private-crowd/{name}"));
    let missing = || ServiceError::validation_exception(format!("The work team {arn} does not exist."));
    state.workteams.teams.get_mut(name).ok_or_else(missing)
}
