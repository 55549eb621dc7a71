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

/// What an [`Input`] takes besides its texts, about.
const INPUT_COST: usize = 128;

/// Inputs, as many as fit into the memory they may take.
#[derive(Debug)]
pub(crate) struct Inputs {
    all: Vec<Input>,
    cost: usize,
    most: usize,
}

impl Inputs {
    pub fn new(limits: &Limits) -> Self {
        Self { all: Vec::new(), cost: 0, most: limits.inputs_bytes }
    }

    /// Fails with the end of a sentence.
    pub fn add(&mut self, input: Input) -> Result<(), String> {
        let dims = input.dims.as_deref().unwrap_or_default();
        let names: usize = dims.iter().map(|dim| if let Dim::Symbolic(name) = dim { name.len() } else { 0 }).sum();
        let tensor = input.tensor.as_ref().map_or(0, String::len);
        self.cost += INPUT_COST + input.name.len() + tensor + size_of_val(dims) + names;
        if self.cost > self.most {
            return Err(format!("its inputs take more than {} bytes of memory", self.most));
        }
        self.all.push(input);
        Ok(())
    }

    pub fn into_vec(self) -> Vec<Input> {
        self.all
    }
}
