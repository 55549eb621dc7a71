//! The dynamic dimensions of a model that have no size, or only the default one, grouped by what
//! has to be set for them: a model with a million of them is reported as briefly as one with ten.

use indexmap::{IndexMap, IndexSet};
use model_archive::{ModelInput, Problem, Warning, quote_name, shorten_text};

use super::{
    dimension_sizes::{DEFAULT, DimensionSizes},
    suggestion::{suggest_default, suggest_inputs, suggest_symbolic_dims},
};

/// Maximum number of inputs that a sentence lists; the rest are only counted.
const MAX_LISTED: usize = 5;

/// Maximum number of positions that are listed: operators take tensors of up to 8 dimensions.
const MAX_POSITIONS: usize = 8;

/// Maximum number of different names of dimensions that are listed.
const MAX_NAMES: usize = 20;

/// Longest list of dimensions in a sentence, in characters.
const MAX_LIST: usize = 700;

/// Dimensions with the same name.
#[derive(Debug, Default)]
struct DimensionGroup<'m> {
    inputs: Vec<&'m str>,
    more_inputs: usize,
    positions: Vec<usize>,
    /// The index of the last input that was counted: one input may have several dimensions.
    last: Option<usize>,
}

impl<'m> DimensionGroup<'m> {
    fn add_place(&mut self, position: usize, index: usize, input: &'m ModelInput) {
        if self.positions.len() < MAX_POSITIONS && !self.positions.contains(&position) {
            self.positions.push(position);
        }
        if self.last.replace(index) != Some(index) {
            if self.inputs.len() < MAX_LISTED { self.inputs.push(&input.name) } else { self.more_inputs += 1 }
        }
    }

    /// Such as "dimensions 2, 3 of `images`".
    fn describe_places(&self) -> String {
        let mut positions = self.positions.clone();
        positions.sort_unstable();
        let positions: Vec<_> = positions.iter().map(usize::to_string).collect();
        let noun = if positions.len() == 1 { "dimension" } else { "dimensions" };
        format!("{noun} {} of {}", positions.join(", "), self.list_inputs())
    }

    fn list_inputs(&self) -> String {
        let names: Vec<_> = self.inputs.iter().map(|name| quote_name(name)).collect();
        let names = names.join(", ");
        if self.more_inputs == 0 { names } else { format!("{names} and {} more inputs", self.more_inputs) }
    }
}

/// Dimensions by their names; `None` for those that have none.
#[derive(Debug, Default)]
struct NamedGroups<'m> {
    groups: IndexMap<Option<&'m str>, DimensionGroup<'m>>,
    /// Dimensions with further names.
    more: usize,
}

impl<'m> NamedGroups<'m> {
    fn add_named_place(&mut self, name: Option<&'m str>, position: usize, index: usize, input: &'m ModelInput) {
        if self.groups.len() < MAX_NAMES || self.groups.contains_key(&name) {
            self.groups.entry(name).or_default().add_place(position, index, input);
        } else {
            self.more += 1;
        }
    }

    fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Such as "`height` (dimension 2 of `images`), dimension 1 of `words`".
    fn describe_places(&self) -> String {
        let groups = self.groups.iter().map(|(name, group)| match name {
            Some(name) => format!("{} ({})", quote_name(name), group.describe_places()),
            None => group.describe_places(),
        });
        let groups = shorten_text(&groups.collect::<Vec<_>>().join(", "), MAX_LIST);
        if self.more == 0 { groups } else { format!("{groups} and {} more", self.more) }
    }
}

/// Dynamic dimensions, collected while the shapes of a model are resolved.
#[derive(Debug, Default)]
pub(super) struct DynamicDimensions<'m> {
    first: NamedGroups<'m>,
    named: NamedGroups<'m>,
    unnamed: NamedGroups<'m>,
    /// Inputs whose number of dimensions is unknown.
    unknown: DimensionGroup<'m>,
}

impl<'m> DynamicDimensions<'m> {
    pub fn is_empty(&self) -> bool {
        self.first.is_empty() && self.named.is_empty() && self.unnamed.is_empty() && self.unknown.inputs.is_empty()
    }

    pub fn add_dimension(&mut self, position: usize, name: Option<&'m str>, index: usize, input: &'m ModelInput) {
        let groups = match (position, name) {
            (0, _) => &mut self.first,
            (_, Some(_)) => &mut self.named,
            (_, None) => &mut self.unnamed,
        };
        groups.add_named_place(name, position, index, input);
    }

    pub fn add_input_of_unknown_rank(&mut self, index: usize, input: &'m ModelInput) {
        self.unknown.add_place(0, index, input);
    }

    /// One problem for each setting that is missing.
    pub fn into_problems(mut self, inputs: &[ModelInput], sizes: &DimensionSizes) -> Vec<Problem> {
        // A name that other dimensions have too needs one size.
        self.first.groups.retain(|name, _| name.is_none() || !self.named.groups.contains_key(name));
        let mut problems = Vec::new();
        let mut add_open = |what: &str, groups: &NamedGroups<'_>, fix: String| {
            if !groups.is_empty() {
                let problem = format!("{what}: {}", groups.describe_places());
                problems.push(Problem::new("input-dimension-open", problem, fix));
            }
        };
        let shapes = suggest_inputs(inputs, sizes).map(|inputs| format!("set the shape in the rule: {inputs}"));
        let shapes = shapes.unwrap_or_else(|| format!("set {} in automation.yaml", suggest_default()));
        add_open("the model's batch size is dynamic", &self.first, "set batch_size: 1 in automation.yaml".to_owned());
        let fix = if self.names_default() {
            shapes.clone()
        } else {
            format!("set {} in automation.yaml", self.suggest_names(sizes))
        };
        add_open("the model has dynamic dimensions without a size", &self.named, fix);
        add_open("the model has dynamic dimensions without a name and a size", &self.unnamed, shapes);
        if !self.unknown.inputs.is_empty() {
            let inputs = match suggest_inputs(inputs, sizes) {
                Some(inputs) => format!(": {inputs}"),
                None => "s of all inputs".to_owned(),
            };
            problems.push(Problem::new(
                "input-rank-unknown",
                format!("the number of dimensions is unknown for the model's inputs {}", self.unknown.list_inputs()),
                format!("set the shape in the rule, with as many sizes as the model expects{inputs}"),
            ));
        }
        problems
    }

    /// Whether a dimension has the name that `symbolic_dims` has for all others.
    fn names_default(&self) -> bool {
        self.named.groups.contains_key(&Some(DEFAULT))
    }

    fn suggest_names(&self, sizes: &DimensionSizes) -> String {
        let names: IndexSet<_> = self.named.groups.keys().flatten().copied().collect();
        suggest_symbolic_dims(sizes, &names, self.named.more == 0)
    }

    /// The warning for dimensions that have the default size, unless only first dimensions have it.
    pub fn into_warning(self, inputs: &[ModelInput], sizes: &DimensionSizes, default: u64) -> Option<Warning> {
        let groups = [&self.named, &self.unnamed].into_iter().filter(|groups| !groups.is_empty());
        let listed: Vec<_> = groups.map(NamedGroups::describe_places).collect();
        if listed.is_empty() {
            return None;
        }
        let fix = if self.unnamed.is_empty() && self.named.more == 0 && !self.names_default() {
            let batch = if self.first.is_empty() { String::new() } else { format!("batch_size: {default} and ") };
            Some(format!("set {batch}{} instead", self.suggest_names(sizes)))
        } else {
            let sizes = sizes.with_default_as_batch_size(default);
            suggest_inputs(inputs, &sizes).map(|inputs| format!("set the shape in the rule instead: {inputs}"))
        };
        Some(Warning::new(
            "symbolic-dims-default",
            format!(
                "the default of symbolic_dims sets dimensions beyond the first to {default}: {}; if that is not \
                 intended, {}",
                listed.join(", "),
                fix.as_deref().unwrap_or("set the shapes of all inputs in the rule instead")
            ),
        ))
    }
}
