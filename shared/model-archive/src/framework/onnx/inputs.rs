//! Graph inputs minus initializers, in any order, in bounded memory.

use super::schema::{DimensionSize, OnnxDimension, OnnxShape, OnnxType, ValueInfo, ValueType};
use crate::{
    element_type::ElementType,
    framework::format_facts::BoundedInputs,
    inspection::{Dim, ModelInput},
    limits::Limits,
    name_set::NameSet,
    problem::{Problem, quote_name},
};

/// Number of inputs that a problem lists.
const MAX_NAMED: usize = 5;

/// `TensorProto.DataType`, by number.
const ELEMENT_TYPES: [&str; 29] = [
    "unknown", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "float64",
    "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
    "float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0", "uint2", "int2", "float6e2m3", "float6e3m2",
];

/// Collects the names of initializers, and the inputs that are not known to be initializers.
pub(super) struct GraphInputs<'l> {
    inputs: BoundedInputs,
    initializers: NameSet,
    limits: &'l Limits,
}

impl<'l> GraphInputs<'l> {
    pub fn new(limits: &'l Limits) -> Self {
        Self { inputs: BoundedInputs::new(limits), initializers: NameSet::default(), limits }
    }

    pub fn add_initializer(&mut self, name: &[u8]) -> Result<(), String> {
        if self.initializers.len() >= self.limits.initializers {
            return Err(format!("it has more than {} initializers", self.limits.initializers));
        }
        self.initializers.insert(name);
        Ok(())
    }

    pub fn add_input(&mut self, value: ValueInfo) -> Result<(), String> {
        if self.initializers.contains(value.name.as_bytes()) {
            return Ok(());
        }
        self.inputs.push(convert_input(value))
    }

    /// The inputs in graph order, and their problems.
    pub fn finish_inputs(self) -> (Vec<ModelInput>, Vec<Problem>) {
        let mut inputs = self.inputs.into_vec();
        // Usually none: protobuf writes fields by number, so initializers (5) come before inputs
        // (11).
        inputs.retain(|input| !self.initializers.contains(input.name.as_bytes()));
        let mut problems = Vec::new();
        let mut seen = NameSet::default();
        let mut reported = NameSet::default();
        let again = |input: &&ModelInput| !seen.insert(input.name.as_bytes()) && reported.insert(input.name.as_bytes());
        let repeated: Vec<_> = inputs.iter().filter(again).collect();
        if !repeated.is_empty() {
            problems.push(Problem::new(
                "input-repeated",
                format!("the model has more than one input called {}", quote_inputs(&repeated)),
                "export the model again with a unique name for each input",
            ));
        }
        let odd: Vec<_> = inputs.iter().filter(|input| is_not_tensor(&input.element_type)).collect();
        if let Some(first) = odd.first() {
            problems.push(Problem::new(
                "input-not-tensor",
                format!("expected tensors as inputs, found {} of type {}", quote_inputs(&odd), first.element_type),
                "export the model with tensors as inputs",
            ));
        }
        (inputs, problems)
    }
}

fn quote_inputs(inputs: &[&ModelInput]) -> String {
    let named: Vec<_> = inputs.iter().take(MAX_NAMED).map(|input| quote_name(&input.name)).collect();
    named.join(", ")
}

const NOT_TENSORS: [&str; 5] = ["sequence", "map", "opaque", "sparse tensor", "optional"];

fn is_not_tensor(element_type: &ElementType) -> bool {
    NOT_TENSORS.contains(&element_type.as_str())
}

fn convert_input(ValueInfo { name, value_type }: ValueInfo) -> ModelInput {
    let kind = value_type.and_then(|ValueType { kind }| kind);
    let (element_type, dims) = match kind {
        Some(OnnxType::Tensor(tensor)) => {
            (element_type_by_number(tensor.element_type), tensor.shape.map(convert_shape))
        }
        Some(OnnxType::Sequence(_)) => (ElementType::from(NOT_TENSORS[0]), None),
        Some(OnnxType::Map(_)) => (ElementType::from(NOT_TENSORS[1]), None),
        Some(OnnxType::Opaque(_)) => (ElementType::from(NOT_TENSORS[2]), None),
        Some(OnnxType::SparseTensor(_)) => (ElementType::from(NOT_TENSORS[3]), None),
        Some(OnnxType::Optional(_)) => (ElementType::from(NOT_TENSORS[4]), None),
        None => (ElementType::unknown_type(), None),
    };
    ModelInput { name, element_type, dims, tensor: None }
}

fn convert_shape(shape: OnnxShape) -> Vec<Dim> {
    shape.dims.into_iter().map(convert_dimension).collect()
}

fn convert_dimension(OnnxDimension { size }: OnnxDimension) -> Dim {
    match size {
        Some(DimensionSize::Parameter(name)) if !name.is_empty() => Dim::Symbolic(name),
        // Exporters write 0 and -1 for a dynamic dimension; no tensor that can be compiled has size
        // 0.
        Some(DimensionSize::Value(value)) => Dim::from(value),
        _ => Dim::Unknown,
    }
}

fn element_type_by_number(number: i32) -> ElementType {
    let name = usize::try_from(number).ok().and_then(|number| ELEMENT_TYPES.get(number));
    name.map_or_else(|| ElementType::Other(format!("onnx type {number}")), |name| ElementType::from(*name))
}
