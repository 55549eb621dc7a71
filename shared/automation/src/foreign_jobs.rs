//! Which compilation jobs not started by this stack are reported too.

/// Selects jobs not started by this stack by the prefix of their names. An empty prefix selects all
/// jobs; `-` selects none, since job names start with a letter or a digit (API reference,
/// `CreateCompilationJob`).
#[derive(Debug, Clone, Default)]
pub struct ForeignJobs {
    prefix: String,
}

impl ForeignJobs {
    /// Selects jobs whose names start with `prefix`.
    pub fn new(prefix: String) -> Self {
        Self { prefix }
    }

    /// Whether a job with this name is reported.
    pub fn includes_job(&self, name: &str) -> bool {
        name.starts_with(&self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_selects_all_some_or_no_jobs() {
        for (prefix, expected) in [("", [true, true]), ("team-", [true, false]), ("-", [false, false])] {
            let foreign = ForeignJobs::new(prefix.to_owned());
            assert_eq!(["team-a", "other"].map(|name| foreign.includes_job(name)), expected, "{prefix}");
        }
    }
}
