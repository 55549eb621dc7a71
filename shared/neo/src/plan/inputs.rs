//! Resolves `DataInputConfig`, in the form that each framework and target expects.

use model_archive::{Framework, InputLayout, Problem, Warning};

use super::{PlanInput, SettingOrigin, setting_origin::first_set};
use crate::{
    CoreMlDimension, CoreMlInputConfig, CoreMlShape, DeclaredLayout, DimensionSizes, FrameworkVersion, InputShape,
    InputShapes, ResolvedShapes, TargetFamily, TargetRow, TargetSpec,
    input_shapes::{
        compare_with_model, find_transposed_inputs, resolve_model_shapes, unknown_shapes_problem,
        unusual_layout_warning,
    },
};

/// Maximum length of `DataInputConfig`, in characters (service model 2017-07-24).
const MAX_DATA_INPUT_CONFIG: usize = 16_384;

/// The first PyTorch version for which Neo derives inputs itself (API reference,
/// `DerivedInformation`).
const DERIVING_PYTORCH: (u32, u32) = (2, 0);

/// The resolved inputs of a target.
pub(super) struct ResolvedInputs {
    /// The `DataInputConfig` to send; `None` where Neo needs none.
    pub text: Option<String>,
    pub origin: SettingOrigin,
    pub warnings: Vec<Warning>,
    /// Whether a dimension has the configured batch size.
    pub has_batch_size: bool,
}

impl ResolvedInputs {
    fn not_sent(warnings: Vec<Warning>) -> Self {
        Self { text: None, origin: SettingOrigin::BuiltIn, warnings, has_batch_size: false }
    }
}

/// The inputs of the model in the archive.
enum ArchiveInputs {
    /// These shapes are sent.
    Shapes(ResolvedShapes),
    /// No shapes are sent: Neo needs none, or derives them itself.
    NotSent(Vec<Warning>),
}

/// What the inputs of a target depend on, beside the plan input.
#[derive(Clone, Copy)]
pub(super) struct InputsContext<'a> {
    pub spec: &'a TargetSpec,
    pub row: Option<&'static TargetRow>,
    pub framework: Framework,
    pub version: Option<&'a FrameworkVersion>,
    pub sizes: &'a DimensionSizes,
}

impl InputsContext<'_> {
    fn are_derived_by_neo(&self) -> bool {
        self.framework == Framework::Pytorch
            && self.row.is_some_and(|row| row.family.can_derive_inputs())
            && self.version.and_then(FrameworkVersion::to_numbers).is_some_and(|version| version >= DERIVING_PYTORCH)
    }
}

impl PlanInput<'_> {
    pub(super) fn resolve_inputs(&self, context: InputsContext<'_>) -> Result<ResolvedInputs, Vec<Problem>> {
        let configured = first_set([
            (SettingOrigin::Metadata, self.overrides.inputs.as_ref()),
            (SettingOrigin::Target, context.spec.inputs.as_ref()),
            (SettingOrigin::Rule, self.rule.inputs.as_ref()),
        ]);
        let (resolved, origin) = match configured {
            Some((inputs, origin)) => {
                let warnings = self.check_configured_inputs(inputs, context)?;
                (ResolvedShapes { shapes: inputs.clone(), warnings, has_batch_size: false }, origin)
            }
            None => match self.read_archive_inputs(context)? {
                ArchiveInputs::Shapes(resolved) => (resolved, SettingOrigin::Archive),
                ArchiveInputs::NotSent(warnings) => return Ok(ResolvedInputs::not_sent(warnings)),
            },
        };
        let ResolvedShapes { shapes, mut warnings, has_batch_size } = resolved;
        let inputs = adapt_to_target(shapes, context)?;
        if context.framework == Framework::Xgboost {
            let warning = "SageMaker Neo does not need inputs for XGBOOST models; they are sent anyway";
            warnings.push(Warning::new("inputs-not-needed", warning));
        }
        let text = inputs.to_json();
        let length = text.chars().count();
        if length > MAX_DATA_INPUT_CONFIG {
            return Err(vec![Problem::new(
                "inputs-too-long",
                format!("the inputs are {length} characters long as JSON; SageMaker allows {MAX_DATA_INPUT_CONFIG}"),
                "compile a model with fewer inputs or shorter input names",
            )]);
        }
        Ok(ResolvedInputs { text: Some(text), origin, warnings, has_batch_size })
    }

    /// Compares configured inputs with those of the model and with the framework's layout.
    fn check_configured_inputs(
        &self,
        configured: &InputShapes,
        context: InputsContext<'_>,
    ) -> Result<Vec<Warning>, Vec<Problem>> {
        let model = self.inspection.model.as_ref().filter(|model| model.read);
        let known = model.map(|model| model.inputs.as_slice()).unwrap_or_default();
        let (mut problems, warnings) = compare_with_model(context.framework, known, configured);
        if problems.is_empty() {
            let confirmed = match self.rule.layout {
                Some(DeclaredLayout::Nchw) => Some(InputLayout::Nchw),
                Some(DeclaredLayout::Nhwc) => Some(InputLayout::Nhwc),
                None => None,
            };
            let transposed = find_transposed_inputs(context.framework, configured, known);
            let doubtful = transposed.iter().filter(|input| Some(input.apparent_layout) != confirmed);
            problems.extend(doubtful.map(|input| {
                let (apparent, expected) =
                    (layout_name(input.apparent_layout), layout_name(context.framework.layout()));
                Problem::new(
                    "layout-doubtful",
                    format!(
                        "the input {} is {:?}, which looks like {apparent}; SageMaker Neo expects {expected} for {}",
                        input.name, input.shape, context.framework
                    ),
                    format!(
                        "write {:?}, or confirm the order with layout: {apparent} in the rule",
                        input.expected_shape
                    ),
                )
            }));
        }
        let warnings = warnings.into_iter().map(|warning| Warning::new("input-differs", warning)).collect();
        if problems.is_empty() { Ok(warnings) } else { Err(problems) }
    }

    /// The inputs of the model in the archive, or the problems that prevent reading them.
    fn read_archive_inputs(&self, context: InputsContext<'_>) -> Result<ArchiveInputs, Vec<Problem>> {
        match context.framework {
            Framework::Xgboost => return Ok(ArchiveInputs::NotSent(Vec::new())),
            Framework::Sklearn => {
                let warning = "AWS does not document SKLEARN models for Neo; no inputs are sent";
                return Ok(ArchiveInputs::NotSent(vec![Warning::new("framework-undocumented", warning)]));
            }
            _ => {}
        }
        let derived = || {
            let warning = "no input shapes are sent: SageMaker Neo derives them from PyTorch 2 models";
            Ok(ArchiveInputs::NotSent(vec![Warning::new("inputs-derived", warning)]))
        };
        let model = self.inspection.model.as_ref().filter(|model| model.read && !model.inputs.is_empty());
        let Some(model) = model else {
            if context.are_derived_by_neo() {
                return derived();
            }
            // The problems of the archive say why there are no shapes.
            if self.is_rejected_without_shapes() {
                return Ok(ArchiveInputs::NotSent(Vec::new()));
            }
            return Err(vec![self.unknown_shapes_problem(context)]);
        };
        let mut read = match resolve_model_shapes(&model.inputs, context.sizes) {
            Err(_) if context.are_derived_by_neo() => return derived(),
            read => read?,
        };
        let unusual = find_transposed_inputs(context.framework, &read.shapes, &[]);
        let unusual = unusual
            .iter()
            .map(|input| unusual_layout_warning(&input.name, &format!("{:?}, ", input.shape), context.framework));
        read.warnings.extend(unusual);
        Ok(ArchiveInputs::Shapes(read))
    }

    /// Whether the archive has problems, and either no model or one that has no inputs.
    fn is_rejected_without_shapes(&self) -> bool {
        let has_no_inputs = self.inspection.model.as_ref().is_none_or(|model| model.read && model.inputs.is_empty());
        has_no_inputs && !self.inspection.problems.is_empty()
    }

    fn unknown_shapes_problem(&self, context: InputsContext<'_>) -> Problem {
        let rule = format!("rule `{}`", self.rule.name);
        let mut problem = unknown_shapes_problem(context.framework, self.inspection.model.as_ref(), &rule);
        if context.framework == Framework::Pytorch && context.row.is_some_and(|row| row.family.can_derive_inputs()) {
            problem
                .remedy
                .push_str("; with framework_version: \"2.0\", SageMaker Neo derives them from a PyTorch 2 model");
        }
        problem
    }
}

/// Converts the inputs to the form that the target expects.
fn adapt_to_target(inputs: InputShapes, context: InputsContext<'_>) -> Result<InputShapes, Vec<Problem>> {
    let framework = context.framework;
    if let InputShapes::Positional(_) = inputs
        && framework != Framework::Pytorch
    {
        return Err(vec![Problem::new(
            "inputs-unnamed",
            format!(
                "the inputs are a list of shapes, which SageMaker Neo accepts for PYTORCH, but not for {framework}"
            ),
            "set the name of each input: inputs: { data: [1, 3, 224, 224] }",
        )]);
    }
    let count = inputs.labeled_shapes().len();
    if framework == Framework::Tflite && count > 1 {
        return Err(vec![Problem::new(
            "inputs-several",
            format!("the model has {count} inputs; SageMaker Neo compiles TFLITE models with one input only"),
            "compile the model as TENSORFLOW, or export it with a single input",
        )]);
    }
    if context.row.is_some_and(|row| row.family == TargetFamily::CoreMl) {
        return Ok(map_shapes(inputs, |shape| match shape {
            InputShape::Fixed(shape) => InputShape::CoreMl(CoreMlInputConfig {
                shape: CoreMlShape::One(shape.into_iter().map(CoreMlDimension::Fixed).collect()),
                default_shape: None,
                kind: None,
                bias: None,
                scale: None,
            }),
            described @ InputShape::CoreMl(_) => described,
        }));
    }
    let described = inputs.labeled_shapes().into_iter().find(|(_, shape)| matches!(shape, InputShape::CoreMl(_)));
    if let Some((name, _)) = described {
        return Err(vec![Problem::new(
            "inputs-for-coreml",
            format!(
                "the input {name} is a map, which only coreml accepts; {} expects a plain shape",
                context.spec.target
            ),
            "set these inputs for the target coreml only, and plain shapes for the other targets",
        )]);
    }
    Ok(inputs)
}

fn map_shapes(inputs: InputShapes, form: impl Fn(InputShape) -> InputShape) -> InputShapes {
    match inputs {
        InputShapes::Named(shapes) => {
            InputShapes::Named(shapes.into_iter().map(|(name, shape)| (name, form(shape))).collect())
        }
        InputShapes::Positional(shapes) => InputShapes::Positional(shapes.into_iter().map(form).collect()),
    }
}

fn layout_name(layout: InputLayout) -> &'static str {
    match layout {
        InputLayout::Nchw => "NCHW",
        InputLayout::Nhwc => "NHWC",
        InputLayout::None => "no shapes",
    }
}
