//! Suggests the nearest known name for an unknown one.

/// Minimum similarity (Jaro-Winkler, 0 to 1) at which a known name is suggested for an unknown one.
const MIN_SIMILARITY: f64 = 0.85;

/// The known name most similar to `found`, or `None` if none is similar enough.
pub fn find_nearest_name<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = found.to_lowercase();
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&known.to_lowercase(), &found), known))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// The known name to write instead if one is similar, otherwise the list of known names.
pub fn suggest_name<'a>(found: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match find_nearest_name(found, known.clone()) {
        Some(known) => format!("write `{known}`"),
        None => format!("write one of {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}
