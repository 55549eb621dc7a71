//! The model's own inputs: as what is sent, and as what a person's word is held against.

use document::spelling;
use indexmap::IndexMap;
use model_archive::{Dim, Framework, Input, Layout, Model, Problem};

use super::{InputShape, Inputs, layout::reads_like};
use crate::SymbolicDims;

/// The inputs that would be sent of a model if nobody says otherwise; none where Neo needs none.
pub fn data_input_config(model: &Model, dims: &SymbolicDims) -> Result<Option<Inputs>, Vec<Problem>> {
    if matches!(model.framework, Framework::Xgboost | Framework::Sklearn) {
        return Ok(None);
    }
    if !model.read || model.inputs.is_empty() {
        return Err(vec![not_read(model.framework, Some(model), "the rule")]);
    }
    from_model(&model.inputs, dims).map(Some)
}

/// The answer where shapes are needed and the archive has none that can be read.
pub(crate) fn not_read(framework: Framework, model: Option<&Model>, rule: &str) -> Problem {
    let what = match model {
        Some(model) => format!("{framework} model `{}`", model.path),
        None => format!("{framework} model"),
    };
    // A PyTorch file has none, whoever reads it; another one's may lie where they are not looked for.
    let (lacks, inputs) = if framework == Framework::Pytorch {
        ("holds no input shapes", "[[1, 3, 224, 224]]")
    } else {
        ("does not tell its input shapes", "{ data: [1, 3, 224, 224] }")
    };
    Problem::new(
        "inputs-not-read",
        format!("the {what} {lacks}"),
        format!("give `inputs` in {rule}, such as inputs: {inputs}, or in the metadata neo-inputs"),
    )
}

/// The shapes of the model's own inputs, its open dimensions filled from `dims`.
pub(crate) fn from_model(inputs: &[Input], dims: &SymbolicDims) -> Result<Inputs, Vec<Problem>> {
    let mut shapes = IndexMap::new();
    let mut problems = Vec::new();
    for input in inputs {
        match shape(input, dims) {
            Ok(shape) => drop(shapes.insert(input.name.clone(), InputShape::Fixed(shape))),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(Inputs::Named(shapes)) } else { Err(problems) }
}

/// The sizes of a model's input; the inspection has them in the order of `DataInputConfig`, whatever the file has.
pub(super) fn sizes(input: &Input) -> Vec<Option<u64>> {
    let size = |dim: &Dim| match dim {
        Dim::Known(size) => Some(*size),
        Dim::Symbolic(_) | Dim::Unknown => None,
    };
    input.dims.iter().flatten().map(size).collect()
}

fn shape(input: &Input, dims: &SymbolicDims) -> Result<Vec<u64>, Vec<Problem>> {
    let Some(known) = &input.dims else {
        return Err(vec![Problem::new(
            "input-rank-unknown",
            format!("the model does not say how many dimensions its input `{}` has", input.name),
            format!("name the shape in the rule: inputs: {{ {}: [1, …] }}", input.name),
        )]);
    };
    let mut problems = Vec::new();
    let mut shape = Vec::with_capacity(known.len());
    for (position, dim) in known.iter().enumerate() {
        let name = match dim {
            Dim::Known(size) => {
                shape.push(*size);
                continue;
            }
            Dim::Symbolic(name) => Some(name.as_str()),
            Dim::Unknown => None,
        };
        if let Some(size) = dims.value(name) {
            shape.push(size);
            continue;
        }
        let (what, key) = match name {
            Some(name) => (format!("is symbolic (`{name}`)"), name),
            None => ("is not given".to_owned(), "default"),
        };
        problems.push(Problem::new(
            "input-dimension-open",
            format!("dimension {position} of the model's input `{}` {what}", input.name),
            format!("set symbolic_dims: {{ {key}: 1 }} in automation.yaml, or name the shape in the rule's inputs"),
        ));
    }
    if problems.is_empty() { Ok(shape) } else { Err(problems) }
}

/// Where a person's inputs cannot be those of the model, and where they only differ.
pub(crate) fn differences(framework: Framework, model: &[Input], named: &Inputs) -> (Vec<Problem>, Vec<String>) {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let Inputs::Named(named) = named else { return (problems, warnings) };
    // Names of a traced model's arguments are not what Neo matches by, and a Darknet file has none.
    if model.is_empty() || matches!(framework, Framework::Pytorch | Framework::Darknet | Framework::Xgboost) {
        return (problems, warnings);
    }
    let known = || model.iter().map(|input| input.name.as_str());
    for (name, shape) in named {
        let Some(input) = model.iter().find(|input| is_called(input, name)) else {
            problems.push(Problem::new(
                "input-name-unknown",
                format!("the model has no input `{name}`; it has {}", known().collect::<Vec<_>>().join(", ")),
                match spelling::nearest(name, known()) {
                    Some(meant) => format!("did you mean `{meant}`? Inputs may also be left out: the model tells them"),
                    None => "name the model's own inputs, or leave them out: the model tells them".to_owned(),
                },
            ));
            continue;
        };
        if let InputShape::Fixed(shape) = shape {
            match difference(input, shape) {
                Some(Difference::Rank(problem)) => problems.push(problem),
                Some(Difference::Size(warning)) => warnings.push(warning),
                None => {}
            }
        }
    }
    let missing = |input: &&Input| !named.keys().any(|name| is_called(input, name));
    let missing: Vec<_> = model.iter().filter(missing).map(|input| input.name.as_str()).collect();
    if !missing.is_empty() && problems.is_empty() {
        problems.push(Problem::new(
            "input-missing",
            format!("the inputs do not name the model's {}", missing.join(", ")),
            "name a shape for each of the model's inputs, or leave inputs out: the model tells them",
        ));
    }
    (problems, warnings)
}

/// Whether the name is the input's, or that of the tensor behind it, with or without its output number.
fn is_called(input: &Input, name: &str) -> bool {
    let plain = |name: &str| name.strip_suffix(":0").unwrap_or(name).to_owned();
    plain(&input.name) == plain(name) || input.tensor.as_deref().is_some_and(|tensor| plain(tensor) == plain(name))
}

enum Difference {
    Rank(Problem),
    Size(String),
}

fn difference(input: &Input, shape: &[u64]) -> Option<Difference> {
    input.dims.as_ref()?;
    let sizes = sizes(input);
    let written = || sizes.iter().map(|size| size.map_or("?".to_owned(), |size| size.to_string())).collect::<Vec<_>>();
    let name = &input.name;
    if sizes.len() != shape.len() {
        return Some(Difference::Rank(Problem::new(
            "input-rank-differs",
            format!(
                "the input `{name}` has {} dimensions in the model ([{}]), and {} in the inputs ({shape:?})",
                sizes.len(),
                written().join(", "),
                shape.len()
            ),
            "correct the shape in the rule or in the upload's metadata, or leave inputs out: the model tells them",
        )));
    }
    let other = |moved: Vec<u64>| fits(&sizes, &moved) && moved != shape;
    if !fits(&sizes, shape) && other(moved(shape)) {
        return Some(Difference::Rank(Problem::new(
            "input-layout-differs",
            format!("the input `{name}` is [{}] in the model, and {shape:?} in the inputs", written().join(", ")),
            format!("write the dimensions in the order {:?}", moved(shape)),
        )));
    }
    // Another batch size than the model was saved with is usual.
    let differs = sizes.iter().zip(shape).skip(1).any(|(size, given)| size.is_some_and(|size| size != *given));
    differs.then(|| {
        Difference::Size(format!(
            "the input `{name}` is [{}] in the model; {shape:?} is sent as it was asked for",
            written().join(", ")
        ))
    })
}

fn fits(sizes: &[Option<u64>], shape: &[u64]) -> bool {
    sizes.iter().zip(shape).skip(1).all(|(size, given)| size.is_none_or(|size| size == *given))
}

/// The same images with their channels at the other end.
fn moved(shape: &[u64]) -> Vec<u64> {
    match shape {
        [batch, a, b, c] => {
            let open: Vec<_> = shape.iter().copied().map(Some).collect();
            match reads_like(&open) {
                Some(Layout::Nchw) => vec![*batch, *b, *c, *a],
                _ => vec![*batch, *c, *a, *b],
            }
        }
        other => other.to_vec(),
    }
}
