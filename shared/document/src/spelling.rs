//! The nearest known spelling of a name that is not known.

/// The least likeness (Jaro-Winkler, 0 to 1) at which a known name is offered as the correction of a misspelt one.
const LIKENESS: f64 = 0.7;

/// The known name that looks most like `found`, if one looks like it at all.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = found.to_lowercase();
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&known.to_lowercase(), &found), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// `did you mean …?`, else all that is allowed.
pub fn hint<'a>(found: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(found, known.clone()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("allowed: {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}
