//! What a format's reader makes of one file.

use crate::{Dim, Input, Limits, Problem, Warning, names::Names};

#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub format_version: Option<String>,
    pub producer: Option<String>,
    pub inputs: Vec<Input>,
    /// Whether `inputs` is what the file says.
    pub read: bool,
    /// Files next to it that it refers to.
    pub external: Vec<String>,
    /// Names of the weights in it, where these are a file of their own.
    pub weights: Option<Names>,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
}

/// What an [`Input`] takes besides its texts and dimensions, about.
const INPUT_COST: usize = 128;

/// What a text on the heap takes at least, whatever its length.
const TEXT_COST: usize = 32;

/// Inputs, as many as fit into the memory they may take.
#[derive(Debug)]
pub(crate) struct Inputs {
    all: Vec<Input>,
    cost: usize,
    most: usize,
}

impl Inputs {
    pub fn new(limits: &Limits) -> Self {
        Self::after(0, limits)
    }

    /// For a model of which other inputs took `spent` bytes already.
    pub fn after(spent: usize, limits: &Limits) -> Self {
        Self { all: Vec::new(), cost: spent, most: limits.inputs_bytes }
    }

    /// Bytes that these inputs and those before them take.
    pub fn spent(&self) -> usize {
        self.cost
    }

    /// Fails with the end of a sentence.
    pub fn add(&mut self, mut input: Input) -> Result<(), String> {
        if let Some(dims) = &mut input.dims {
            dims.shrink_to_fit();
        }
        let dims = input.dims.as_deref().unwrap_or_default();
        let name = |dim: &Dim| if let Dim::Symbolic(name) = dim { TEXT_COST + name.len() } else { 0 };
        let names: usize = dims.iter().map(name).sum();
        let tensor = input.tensor.as_ref().map_or(0, String::len);
        self.charge(input.name.len() + tensor + size_of_val(dims) + names)?;
        self.all.push(input);
        Ok(())
    }

    /// Counts an input, or what else is kept with them, that has so many bytes of texts and dimensions.
    pub fn charge(&mut self, bytes: usize) -> Result<(), String> {
        self.cost += INPUT_COST + bytes;
        if self.cost > self.most {
            return Err(format!("its inputs take more than {} bytes of memory", self.most));
        }
        Ok(())
    }

    pub fn into_vec(self) -> Vec<Input> {
        self.all
    }
}
