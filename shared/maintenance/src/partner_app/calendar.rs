//! The coming weeks as a timeline.

use jiff::{SignedDuration, Timestamp};

use super::AppView;
use crate::{
    span,
    upgrade::{Policy, Verdict},
    window::WindowState,
};

/// How far the timeline looks ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(14 * 24);

/// One line for each opening of a window and each end of life in the coming two weeks, in the order of time.
pub fn calendar(views: &[AppView<'_>], now: Timestamp) -> String {
    let end = now + AHEAD;
    let mut lines: Vec<(Timestamp, String, &str, String)> = Vec::new();
    for view in views {
        let name = view.declared.app.as_str();
        let Ok(standing) = &view.standing else { continue };
        if let Some(window) = view.window {
            let mut at = match window.at(now) {
                WindowState::Open(opening) => opening.since,
                WindowState::Closed { opens } => opens,
            };
            while at < end {
                let until = at + SignedDuration::from_mins(i64::from(window.minutes));
                let when = format!("{} to {}", at.strftime("%a %-d %b %H:%M"), until.strftime("%H:%M"));
                lines.push((at, when, name, expected(view, at, until, now)));
                at = window.next(at);
            }
        }
        if let Some(eol) = standing.eol.filter(|eol| *eol >= now && *eol < end) {
            let version = standing.version.as_deref().unwrap_or("its version");
            lines.push((eol, span::day(eol), name, format!("end of life of {version}")));
        }
    }
    lines.sort();
    let wide = lines.iter().map(|(_, when, ..)| when.len()).max().unwrap_or_default();
    let long = lines.iter().map(|(_, _, name, _)| name.len()).max().unwrap_or_default();
    let line = |(_, when, name, what): &(Timestamp, String, &str, String)| {
        format!("{when:wide$}  {name:long$}  {what}").trim_end().to_owned() + "\n"
    };
    lines.iter().map(line).collect()
}

/// What happens in an opening, as far as that can be said now.
fn expected(view: &AppView<'_>, since: Timestamp, until: Timestamp, now: Timestamp) -> String {
    let Ok(standing) = &view.standing else { return String::new() };
    let Some(offer) = &standing.offer else { return "nothing is offered".to_owned() };
    let upgrade = format!("upgrade {} to {}", standing.version.as_deref().unwrap_or("?"), offer.version);
    let within = |at: Timestamp| since <= at && at < until;
    match &view.verdict {
        Verdict::Go { .. } if within(now) => upgrade,
        Verdict::Wait { earliest: Some(at), .. } if within(*at) => upgrade,
        Verdict::Wait { earliest: None, reasons } => format!("{upgrade}, once settled: {}", waits(reasons)),
        Verdict::Wait { earliest: Some(at), reasons } if until <= *at => format!("no upgrade: {}", waits(reasons)),
        Verdict::People { why } if view.declared.upgrade != Policy::Off => {
            format!("{} is offered: {why}", offer.version)
        }
        Verdict::Blocked(problem) => format!("blocked: {}", problem.problem),
        _ => String::new(),
    }
}

/// The reasons other than the window, which the line itself shows.
fn waits(reasons: &[String]) -> String {
    let others: Vec<_> = reasons.iter().filter(|reason| !reason.starts_with("window ")).cloned().collect();
    others.join("; ")
}
