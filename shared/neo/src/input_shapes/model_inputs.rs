//! The inputs read from the model: sent as `DataInputConfig`, and compared with the configured
//! inputs.

use document::spelling;
use indexmap::IndexMap;
use model_archive::{Dim, Framework, InputLayout, InspectedModel, ModelInput, Problem, Warning, shorten_name};

use super::{
    InputShape, InputShapes,
    dimension_sizes::{DimensionSizes, SizeSource},
    dynamic_dimensions::DynamicDimensions,
    layout::detect_layout,
};

/// The `DataInputConfig` of a model for which no inputs are configured; `None` if Neo needs none.
pub fn derive_data_input_config(
    model: &InspectedModel,
    sizes: &DimensionSizes,
) -> Result<Option<ResolvedShapes>, Vec<Problem>> {
    if matches!(model.framework, Framework::Xgboost | Framework::Sklearn) {
        return Ok(None);
    }
    if !model.read || model.inputs.is_empty() {
        return Err(vec![unknown_shapes_problem(model.framework, Some(model), "the rule")]);
    }
    resolve_model_shapes(&model.inputs, &sizes.clone().with_batch_size_of(model.framework)).map(Some)
}

/// The problem for a model whose input shapes are needed and could not be read from the archive.
pub(crate) fn unknown_shapes_problem(framework: Framework, model: Option<&InspectedModel>, rule: &str) -> Problem {
    let what = match model {
        Some(model) => format!("{framework} model `{}`", model.path),
        None => format!("{framework} model"),
    };
    // A PyTorch file never contains shapes; those of other files may be in a place that is not
    // read.
    let (problem, inputs) = if framework == Framework::Pytorch {
        (format!("the {what} contains no input shapes"), "[[1, 3, 224, 224]]")
    } else {
        (format!("the input shapes of the {what} could not be read"), "{ data: [1, 3, 224, 224] }")
    };
    Problem::new(
        "inputs-not-read",
        problem,
        format!("set the input shapes in {rule}, for example inputs: {inputs}, or in the object metadata neo-inputs"),
    )
}

/// The shapes of a model's inputs, as they are sent.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedShapes {
    pub shapes: InputShapes,
    pub warnings: Vec<Warning>,
    /// Whether a dimension has the configured batch size.
    pub has_batch_size: bool,
}

/// The shapes of the model's inputs, with the configured sizes of its dynamic dimensions.
pub(crate) fn resolve_model_shapes(
    inputs: &[ModelInput],
    sizes: &DimensionSizes,
) -> Result<ResolvedShapes, Vec<Problem>> {
    let mut shapes = IndexMap::new();
    let (mut open, mut defaulted) = (DynamicDimensions::default(), DynamicDimensions::default());
    let (mut default, mut has_batch_size) = (None, false);
    for (index, input) in inputs.iter().enumerate() {
        let Some(dims) = &input.dims else {
            open.add_input_of_unknown_rank(index, input);
            continue;
        };
        let mut shape = Vec::with_capacity(dims.len());
        for (position, dim) in dims.iter().enumerate() {
            let name = match dim {
                Dim::Known(size) => {
                    shape.push(*size);
                    continue;
                }
                Dim::Symbolic(name) => Some(name.as_str()),
                Dim::Unknown => None,
            };
            let Some((size, source)) = sizes.find_size(position, name) else {
                open.add_dimension(position, name, index, input);
                continue;
            };
            shape.push(size);
            has_batch_size |= source == SizeSource::BatchSize;
            if source == SizeSource::Default {
                default = Some(size);
                defaulted.add_dimension(position, name, index, input);
            }
        }
        shapes.insert(input.name.clone(), InputShape::Fixed(shape));
    }
    if !open.is_empty() {
        return Err(open.into_problems(inputs, sizes));
    }
    let warnings = default.and_then(|default| defaulted.into_warning(inputs, sizes, default)).into_iter().collect();
    Ok(ResolvedShapes { shapes: InputShapes::Named(shapes), warnings, has_batch_size })
}

/// The sizes of a model's input, `None` for dynamic dimensions. The inspection has already put them
/// in the order of `DataInputConfig`, whatever the order in the file.
pub(super) fn known_sizes(input: &ModelInput) -> Vec<Option<u64>> {
    let size = |dim: &Dim| match dim {
        Dim::Known(size) => Some(*size),
        Dim::Symbolic(_) | Dim::Unknown => None,
    };
    input.dims.iter().flatten().map(size).collect()
}

/// Compares configured inputs with those of the model: what the model cannot accept is a problem,
/// what only differs is a warning.
pub(crate) fn compare_with_model(
    framework: Framework,
    model: &[ModelInput],
    configured: &InputShapes,
) -> (Vec<Problem>, Vec<String>) {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let InputShapes::Named(configured) = configured else { return (problems, warnings) };
    // Neo does not match inputs by the argument names of a traced model, and a Darknet file has no
    // input names.
    if model.is_empty() || matches!(framework, Framework::Pytorch | Framework::Darknet | Framework::Xgboost) {
        return (problems, warnings);
    }
    let known = || model.iter().map(|input| input.name.as_str());
    for (name, shape) in configured {
        let Some(input) = model.iter().find(|input| is_named(input, name)) else {
            problems.push(Problem::new(
                "input-name-unknown",
                format!("the model has no input `{name}`; its inputs are {}", list_names(known())),
                match spelling::find_nearest_name(name, known()) {
                    Some(meant) => format!("did you mean `{meant}`? Or omit inputs: they are then read from the model"),
                    None => {
                        "use the input names of the model, or omit inputs: they are then read from the model".to_owned()
                    }
                },
            ));
            continue;
        };
        if let InputShape::Fixed(shape) = shape {
            match compare_shape(input, shape) {
                Some(ShapeDifference::Incompatible(problem)) => problems.push(problem),
                Some(ShapeDifference::OtherSize(warning)) => warnings.push(warning),
                None => {}
            }
        }
    }
    let missing = |input: &&ModelInput| !configured.keys().any(|name| is_named(input, name));
    let mut missing = model.iter().filter(missing).map(|input| input.name.as_str()).peekable();
    if problems.is_empty() && missing.peek().is_some() {
        problems.push(Problem::new(
            "input-missing",
            format!("no shape is set for these inputs of the model: {}", list_names(missing)),
            "set a shape for each input of the model, or omit inputs: they are then read from the model",
        ));
    }
    (problems, warnings)
}

/// Names for a sentence; the rest of a long list is only counted.
fn list_names<'n>(names: impl Iterator<Item = &'n str>) -> String {
    const MAX_NAMED: usize = 20;
    let mut names = names.fuse();
    let listed: Vec<_> = names.by_ref().take(MAX_NAMED).map(shorten_name).collect();
    let listed = listed.join(", ");
    match names.count() {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

/// Whether the name is that of the input or of the tensor behind it, with or without its output
/// number.
fn is_named(input: &ModelInput, name: &str) -> bool {
    fn without_output(name: &str) -> &str {
        name.strip_suffix(":0").unwrap_or(name)
    }
    without_output(&input.name) == without_output(name)
        || input.tensor.as_deref().is_some_and(|tensor| without_output(tensor) == without_output(name))
}

enum ShapeDifference {
    /// Cannot be a shape of this input.
    Incompatible(Problem),
    /// Can be a shape of this input, with other sizes than in the file: the warning.
    OtherSize(String),
}

fn compare_shape(input: &ModelInput, shape: &[u64]) -> Option<ShapeDifference> {
    input.dims.as_ref()?;
    let sizes = known_sizes(input);
    let written = || sizes.iter().map(|size| size.map_or("?".to_owned(), |size| size.to_string())).collect::<Vec<_>>();
    let name = &input.name;
    if sizes.len() != shape.len() {
        return Some(ShapeDifference::Incompatible(Problem::new(
            "input-rank-differs",
            format!(
                "the input `{name}` has {} dimensions in the model ([{}]), but {} in the configured inputs ({shape:?})",
                sizes.len(),
                written().join(", "),
                shape.len()
            ),
            "correct the shape in the rule or in the object metadata, or omit inputs: they are then read from the model",
        )));
    }
    let other = |moved: Vec<u64>| fits_sizes(&sizes, &moved) && moved != shape;
    if !fits_sizes(&sizes, shape) && other(transpose_shape(shape)) {
        return Some(ShapeDifference::Incompatible(Problem::new(
            "input-layout-differs",
            format!(
                "the input `{name}` is [{}] in the model, but {shape:?} in the configured inputs",
                written().join(", ")
            ),
            format!("write the dimensions in the order {:?}", transpose_shape(shape)),
        )));
    }
    // The batch size often differs from the one that the model was saved with.
    let differs = sizes.iter().zip(shape).skip(1).any(|(size, given)| size.is_some_and(|size| size != *given));
    differs.then(|| {
        ShapeDifference::OtherSize(format!(
            "the input `{name}` is [{}] in the model; the configured shape {shape:?} is sent",
            written().join(", ")
        ))
    })
}

fn fits_sizes(sizes: &[Option<u64>], shape: &[u64]) -> bool {
    sizes.iter().zip(shape).skip(1).all(|(size, given)| size.is_none_or(|size| size == *given))
}

/// The shape of the same images with the channels at the other end.
fn transpose_shape(shape: &[u64]) -> Vec<u64> {
    match shape {
        [batch, a, b, c] => {
            let open: Vec<_> = shape.iter().copied().map(Some).collect();
            match detect_layout(&open) {
                Some(InputLayout::Nchw) => vec![*batch, *b, *c, *a],
                _ => vec![*batch, *c, *a, *b],
            }
        }
        other => other.to_vec(),
    }
}
