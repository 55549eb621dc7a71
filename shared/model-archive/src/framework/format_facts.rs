//! What the reader of a format finds in one file.

use std::collections::BTreeMap;

use crate::{
    inspection::{Dim, ModelInput},
    limits::Limits,
    name_set::NameSet,
    problem::{Problem, QuotedNames, Warning},
};

#[derive(Debug, Default)]
pub(crate) struct FormatFacts {
    pub format_version: Option<String>,
    pub producer: Option<String>,
    pub runtime_version: Option<String>,
    pub inputs: Vec<ModelInput>,
    /// Whether `inputs` was read from the file.
    pub read: bool,
    /// Files next to this one that it stores weights in, with the least size of each, in bytes.
    pub external: BTreeMap<String, u64>,
    /// Whether a `SavedModel` has variables, whose values are in its folder `variables`.
    pub has_variables: bool,
    /// The names of the weights, if the file is one that holds only weights.
    pub weights: Option<NameSet>,
    /// How to fix that the other file of the model is missing, if this file says more about it.
    pub fix_alone: Option<&'static str>,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
}

impl FormatFacts {
    /// A file that Neo cannot load.
    pub fn from_problem(problem: Problem) -> Self {
        Self { problems: vec![problem], ..Self::default() }
    }

    /// A model whose inputs could not be read.
    pub fn from_warning(warning: Warning) -> Self {
        Self { warnings: vec![warning], ..Self::default() }
    }
}

/// The element type of an input that consists of several tensors: a `SparseTensor` or a
/// `RaggedTensor`.
pub(crate) const COMPOSITE_TENSOR: &str = "composite tensor";

/// A problem about inputs that consist of several tensors.
pub(crate) fn find_composite_inputs(inputs: &[ModelInput], fix: &str) -> Option<Problem> {
    let composite = inputs.iter().filter(|input| input.element_type.as_str() == COMPOSITE_TENSOR);
    let names: Vec<_> = composite.map(|input| input.name.as_str()).collect();
    let count = names.len() as u64;
    (count > 0).then(|| {
        let names = QuotedNames::with_total(names, count);
        Problem::new(
            "input-not-tensor",
            format!("expected tensors as inputs, found sparse or ragged ones: {names}"),
            fix,
        )
    })
}

/// Approximate memory of a [`ModelInput`] besides its strings and dimensions, in bytes.
const INPUT_COST: usize = 128;

/// Minimum memory of a string on the heap, whatever its length, in bytes.
const TEXT_COST: usize = 32;

/// Inputs, as many as fit into `Limits::inputs_bytes`.
#[derive(Debug)]
pub(crate) struct BoundedInputs {
    all: Vec<ModelInput>,
    spent: usize,
    max: usize,
}

impl BoundedInputs {
    pub fn new(limits: &Limits) -> Self {
        Self::with_spent(0, limits)
    }

    /// For a model whose other inputs already take `spent` bytes.
    pub fn with_spent(spent: usize, limits: &Limits) -> Self {
        Self { all: Vec::new(), spent, max: limits.inputs_bytes }
    }

    /// Bytes that these inputs and those before them take.
    pub fn spent_bytes(&self) -> usize {
        self.spent
    }

    /// The error is the end of a sentence.
    pub fn push(&mut self, mut input: ModelInput) -> Result<(), String> {
        if let Some(dims) = &mut input.dims {
            dims.shrink_to_fit();
        }
        let dims = input.dims.as_deref().unwrap_or_default();
        let name = |dim: &Dim| if let Dim::Symbolic(name) = dim { TEXT_COST + name.len() } else { 0 };
        let names: usize = dims.iter().map(name).sum();
        let tensor = input.tensor.as_ref().map_or(0, String::len);
        self.charge_bytes(input.name.len() + tensor + size_of_val(dims) + names)?;
        self.all.push(input);
        Ok(())
    }

    /// Counts an input, or other data that is kept with the inputs, with this many bytes of strings
    /// and dimensions.
    pub fn charge_bytes(&mut self, bytes: usize) -> Result<(), String> {
        self.spent += INPUT_COST + bytes;
        if self.spent > self.max {
            return Err(format!("its inputs take more than {} bytes of memory", self.max));
        }
        Ok(())
    }

    pub fn into_vec(self) -> Vec<ModelInput> {
        self.all
    }
}
