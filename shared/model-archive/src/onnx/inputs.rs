//! Graph inputs minus initializers, whichever come first, in bounded memory.

use super::schema::{Dimension, Kind, Shape, Size, ValueInfo, ValueType};
use crate::{Dim, ElementType, Input, Limits, Problem, names::Names, problem::quoted, reading::Inputs};

/// Inputs that a problem names.
const MAX_NAMED: usize = 5;

/// `TensorProto.DataType`, by number.
const ELEMENT_TYPES: [&str; 29] = [
    "unknown", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "float64",
    "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
    "float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0", "uint2", "int2", "float6e2m3", "float6e3m2",
];

/// Collects inputs and the names of initializers: of inputs all that is not yet known to be an initializer.
pub(super) struct GraphInputs<'l> {
    inputs: Inputs,
    initializers: Names,
    limits: &'l Limits,
}

impl<'l> GraphInputs<'l> {
    pub fn new(limits: &'l Limits) -> Self {
        Self { inputs: Inputs::new(limits), initializers: Names::default(), limits }
    }

    pub fn initializer(&mut self, name: &[u8]) -> Result<(), String> {
        if self.initializers.len() >= self.limits.initializers {
            return Err(format!("it has more than {} initializers", self.limits.initializers));
        }
        self.initializers.insert(name);
        Ok(())
    }

    pub fn input(&mut self, value: ValueInfo) -> Result<(), String> {
        if self.initializers.contains(value.name.as_bytes()) {
            return Ok(());
        }
        self.inputs.add(input(value))
    }

    /// The inputs in graph order, and what stands against them.
    pub fn finish(self) -> (Vec<Input>, Vec<Problem>) {
        let mut inputs = self.inputs.into_vec();
        // Seldom any: protobuf writes fields by number, and initializers (5) come before inputs (11).
        inputs.retain(|input| !self.initializers.contains(input.name.as_bytes()));
        let mut problems = Vec::new();
        let mut seen = Names::default();
        let mut told = Names::default();
        let again = |input: &&Input| !seen.insert(input.name.as_bytes()) && told.insert(input.name.as_bytes());
        let repeated: Vec<_> = inputs.iter().filter(again).collect();
        if !repeated.is_empty() {
            problems.push(Problem::new(
                "input-repeated",
                format!("the model has more than one input called {}", names(&repeated)),
                "export the model again with a name of its own for each input",
            ));
        }
        let odd: Vec<_> = inputs.iter().filter(|input| is_not_tensor(&input.element_type)).collect();
        if let Some(first) = odd.first() {
            problems.push(Problem::new(
                "input-not-tensor",
                format!("SageMaker Neo takes tensors as inputs; {} is of type {}", names(&odd), first.element_type),
                "export the model with tensors as inputs",
            ));
        }
        (inputs, problems)
    }
}

fn names(inputs: &[&Input]) -> String {
    let named: Vec<_> = inputs.iter().take(MAX_NAMED).map(|input| quoted(&input.name)).collect();
    named.join(", ")
}

const NOT_TENSORS: [&str; 5] = ["sequence", "map", "opaque", "sparse tensor", "optional"];

fn is_not_tensor(element_type: &ElementType) -> bool {
    NOT_TENSORS.contains(&element_type.as_str())
}

fn input(ValueInfo { name, value_type }: ValueInfo) -> Input {
    let kind = value_type.and_then(|ValueType { kind }| kind);
    let (element_type, dims) = match kind {
        Some(Kind::Tensor(tensor)) => (element_type(tensor.element_type), tensor.shape.map(dims)),
        Some(Kind::Sequence(_)) => (ElementType::from(NOT_TENSORS[0]), None),
        Some(Kind::Map(_)) => (ElementType::from(NOT_TENSORS[1]), None),
        Some(Kind::Opaque(_)) => (ElementType::from(NOT_TENSORS[2]), None),
        Some(Kind::SparseTensor(_)) => (ElementType::from(NOT_TENSORS[3]), None),
        Some(Kind::Optional(_)) => (ElementType::from(NOT_TENSORS[4]), None),
        None => (ElementType::unknown(), None),
    };
    Input { name, element_type, dims, tensor: None }
}

fn dims(shape: Shape) -> Vec<Dim> {
    shape.dims.into_iter().map(dim).collect()
}

fn dim(Dimension { size }: Dimension) -> Dim {
    match size {
        Some(Size::Parameter(name)) if !name.is_empty() => Dim::Symbolic(name),
        // Exporters write 0 and -1 for a dimension that is open; no tensor that can be compiled has one of 0.
        Some(Size::Value(value)) => {
            u64::try_from(value).ok().filter(|value| *value > 0).map_or(Dim::Unknown, Dim::Known)
        }
        _ => Dim::Unknown,
    }
}

fn element_type(number: i32) -> ElementType {
    let name = usize::try_from(number).ok().and_then(|number| ELEMENT_TYPES.get(number));
    name.map_or_else(|| ElementType::Other(format!("onnx type {number}")), |name| ElementType::from(*name))
}
