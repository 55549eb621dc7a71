//! Which compilation jobs are told of, beside those that this system asked for.

/// The beginning of names that no job has: names begin with a letter or a digit (API reference, `CreateCompilationJob`).
const NONE: &str = "-";

/// The jobs that something else started and that are told of all the same: those whose names begin like this. Empty: all of them;
/// `-`: none.
#[derive(Debug, Clone, Default)]
pub struct ForeignJobs {
    prefix: String,
}

impl ForeignJobs {
    /// Those whose names begin with `prefix`.
    pub fn new(prefix: String) -> Self {
        Self { prefix }
    }

    /// None at all.
    pub fn none() -> Self {
        Self::new(NONE.to_owned())
    }

    /// Whether a job of this name is told of.
    pub fn include(&self, name: &str) -> bool {
        name.starts_with(&self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_chooses_all_some_or_none() {
        for (prefix, expected) in [("", [true, true]), ("team-", [true, false]), ("-", [false, false])] {
            let foreign = ForeignJobs::new(prefix.to_owned());
            assert_eq!(["team-a", "other"].map(|name| foreign.include(name)), expected, "{prefix}");
        }
        assert!(!ForeignJobs::none().include("a"));
    }
}
