//! The maintenance calendar of the next two weeks.
//!
//! Each opening of a window is planned like a run at that time, so that the calendar and the plan
//! for the same time agree.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{AppHistory, AppObservation, AppView, PartnerApp, PartnerAppAction, build_views, plan_apps};
use crate::{
    plan::PlanItem,
    time_format::format_date,
    upgrade::UpgradeDecision,
    window::{MaintenanceWindow, WindowState},
};

/// How far the calendar looks ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(14 * 24);

/// One line of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CalendarEvent {
    /// When the window opens, or the time of an end of life.
    pub at: Timestamp,
    /// When the window closes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The app as the configuration names it.
    pub app: String,
    /// What happens.
    pub event: String,
}

impl CalendarEvent {
    fn format_time(&self) -> String {
        match self.until {
            Some(until) => format!("{} to {}", self.at.strftime("%a %-d %b %H:%M"), until.strftime("%H:%M")),
            None => format_date(self.at),
        }
    }
}

/// Lists every opening of a window and every end of life of the next two weeks, in the order of
/// time. `histories` are as for [`build_views`].
pub fn list_calendar(
    declared: &[PartnerApp],
    observed: &[AppObservation],
    histories: &BTreeMap<String, AppHistory>,
    now: Timestamp,
) -> Vec<CalendarEvent> {
    let views_at = |at: Timestamp| build_views(declared, observed, histories, at);
    let views = views_at(now);
    let mut events: Vec<_> = views.iter().filter_map(|view| end_of_life(view, now)).collect();
    for (index, view) in views.iter().enumerate() {
        let (Some(window), Ok(_)) = (view.window, &view.observed) else { continue };
        // The opening in which the app is changed: what happens after it depends on the result.
        let mut changed_at: Option<Timestamp> = None;
        for (at, until) in list_openings(window, now) {
            let plan_at = |at: Timestamp| {
                let views = views_at(at);
                let item = plan_apps(&views, at).items.swap_remove(index);
                (item, views[index].decision.clone())
            };
            let (mut item, decision) = plan_at(at.max(now));
            // A waiting period may end while the window is open.
            if let UpgradeDecision::Wait { earliest: Some(earliest), .. } = decision
                && item.actions.is_empty()
                && (at..until).contains(&earliest)
            {
                item = plan_at(earliest).0;
            }
            let event = match changed_at {
                Some(changed) => format!("depends on the update on {}", format_date(changed)),
                None => describe_item(&item),
            };
            if !item.actions.is_empty() {
                changed_at.get_or_insert(at);
            }
            events.push(CalendarEvent { at, until: Some(until), app: view.declared.app.as_str().to_owned(), event });
        }
    }
    events.sort();
    events
}

/// Formats one line per event.
pub fn format_calendar(events: &[CalendarEvent]) -> String {
    let lines: Vec<_> = events.iter().map(|event| (event.format_time(), &event.app, &event.event)).collect();
    let time_width = lines.iter().map(|(when, ..)| when.len()).max().unwrap_or_default();
    let name_width = lines.iter().map(|(_, name, _)| name.len()).max().unwrap_or_default();
    let lines = lines.iter().map(|(when, name, event)| format!("{when:time_width$}  {name:name_width$}  {event}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The openings from the current one to the last one that begins within two weeks.
fn list_openings(window: MaintenanceWindow, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let first = match window.state_at(now) {
        WindowState::Open(opening) => opening.since,
        WindowState::Closed { opens_at } => opens_at,
    };
    let openings = std::iter::successors(Some(first), move |at| Some(window.next_opening_time(*at)));
    let length = SignedDuration::from_mins(i64::from(window.minutes));
    openings.take_while(move |at| *at < now + AHEAD).map(move |at| (at, at + length))
}

fn end_of_life(view: &AppView<'_>, now: Timestamp) -> Option<CalendarEvent> {
    let app = view.observed.as_ref().ok()?;
    let at = app.eol.filter(|eol| *eol >= now && *eol < now + AHEAD)?;
    let event = format!("end of life of {}", app.version_or_default());
    Some(CalendarEvent { at, until: None, app: view.declared.app.as_str().to_owned(), event })
}

/// What a run does for an app, or why it does nothing.
fn describe_item(item: &PlanItem<PartnerAppAction>) -> String {
    let mut parts: Vec<_> = item.actions.iter().map(describe_action).collect();
    if parts.is_empty() {
        parts.extend(item.problem.as_ref().map(|problem| format!("blocked: {}", problem.problem)));
    }
    let is_end_of_life = |note: &&String| note.contains("end of life") || note.contains("out of support");
    parts.extend(item.notes.iter().filter(|note| !is_end_of_life(note)).cloned());
    if parts.is_empty() { "no changes".to_owned() } else { parts.join("; ") }
}

fn describe_action(action: &PartnerAppAction) -> String {
    match action {
        PartnerAppAction::AddTags { tags, .. } => {
            let keys: Vec<_> = tags.keys().map(String::as_str).collect();
            format!("set the tags {}", keys.join(", "))
        }
        PartnerAppAction::Update(update) => {
            let changes: Vec<_> = update.changes.iter().map(ToString::to_string).collect();
            changes.join(", ")
        }
        PartnerAppAction::Upgrade(upgrade) => format!("upgrade {} to {}", upgrade.from, upgrade.to),
    }
}
