//! Formats the maintenance calendar of the next two weeks.

use jiff::{SignedDuration, Timestamp};

use super::AppView;
use crate::{
    time_format::format_date,
    upgrade::{UpgradeDecision, UpgradePolicy, WaitReason, format_wait_reasons},
    window::WindowState,
};

/// How far the calendar looks ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Time, its text, app and event of a line.
type CalendarLine<'a> = (Timestamp, String, &'a str, String);

/// Formats one line per opening of a window and per end of life in the next two weeks, in the order
/// of time.
pub fn format_calendar(views: &[AppView<'_>], now: Timestamp) -> String {
    let mut lines: Vec<CalendarLine<'_>> = views.iter().flat_map(|view| list_events(view, now)).collect();
    lines.sort();
    let time_width = lines.iter().map(|(_, when, ..)| when.len()).max().unwrap_or_default();
    let name_width = lines.iter().map(|(_, _, name, _)| name.len()).max().unwrap_or_default();
    let format_line = |(_, when, name, event): &CalendarLine<'_>| {
        format!("{when:time_width$}  {name:name_width$}  {event}").trim_end().to_owned() + "\n"
    };
    lines.iter().map(format_line).collect()
}

fn list_events<'a>(view: &AppView<'a>, now: Timestamp) -> Vec<CalendarLine<'a>> {
    let (name, end) = (view.declared.app.as_str(), now + AHEAD);
    let mut lines = Vec::new();
    let Ok(app) = &view.observed else { return lines };
    if let Some(window) = view.window {
        let mut at = match window.state_at(now) {
            WindowState::Open(opening) => opening.since,
            WindowState::Closed { opens_at } => opens_at,
        };
        while at < end {
            let until = at + SignedDuration::from_mins(i64::from(window.minutes));
            let when = format!("{} to {}", at.strftime("%a %-d %b %H:%M"), until.strftime("%H:%M"));
            lines.push((at, when, name, describe_opening(view, at, until, now)));
            at = window.next_opening_time(at);
        }
    }
    if let Some(eol) = app.eol.filter(|eol| *eol >= now && *eol < end) {
        lines.push((eol, format_date(eol), name, format!("end of life of {}", app.version_or_default())));
    }
    lines
}

/// What happens in an opening, as far as it is known now.
fn describe_opening(view: &AppView<'_>, since: Timestamp, until: Timestamp, now: Timestamp) -> String {
    let Ok(app) = &view.observed else { return String::new() };
    let Some(available) = &app.available_upgrade else { return "no upgrade available".to_owned() };
    let upgrade = format!("upgrade {} to {}", app.version.as_deref().unwrap_or("?"), available.version);
    let is_within = |at: Timestamp| since <= at && at < until;
    match &view.decision {
        UpgradeDecision::Upgrade { .. } if is_within(now) => upgrade,
        UpgradeDecision::Wait { earliest: Some(at), .. } if is_within(*at) => upgrade,
        UpgradeDecision::Wait { earliest: None, reasons } => {
            format!("{upgrade}, waiting for {}", format_other_reasons(reasons))
        }
        UpgradeDecision::Wait { earliest: Some(at), reasons } if until <= *at => {
            format!("no upgrade: waiting for {}", format_other_reasons(reasons))
        }
        UpgradeDecision::Manual { reason } if view.declared.upgrade != UpgradePolicy::Off => {
            format!("{} is available, but is not applied automatically: {reason}", available.version)
        }
        UpgradeDecision::Blocked(problem) => format!("blocked: {}", problem.problem),
        _ => String::new(),
    }
}

/// The reasons without the window, which the line itself shows.
fn format_other_reasons(reasons: &[WaitReason]) -> String {
    format_wait_reasons(reasons.iter().filter(|reason| !reason.is_window()))
}
