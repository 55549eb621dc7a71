//! `DataInputConfig`: as each framework and target wants it, or why there is none.

use model_archive::{Framework, Layout, Problem, Warning};

use super::{Origin, Planned, origin::first};
use crate::{
    CoreMlInput, Family, FlexibleShape, FrameworkVersion, InputShape, Inputs, SymbolicDims, TargetRow, TargetSpec,
    inputs::{self, Extent, NamedLayout},
};

/// Longest `DataInputConfig` the API takes, in characters (service model 2017-07-24).
const MAX_DATA_INPUT_CONFIG: usize = 16_384;

/// The first PyTorch for which Neo derives inputs itself (API reference, `DerivedInformation`).
const DERIVING_PYTORCH: (u32, u32) = (2, 0);

/// A target's inputs.
pub(super) struct Settled {
    /// The text to send; none where Neo needs none.
    pub text: Option<String>,
    pub origin: Origin,
    pub warnings: Vec<Warning>,
}

impl Settled {
    fn none(code: &'static str, warning: Option<String>) -> Self {
        let warnings = warning.into_iter().map(|warning| Warning::new(code, warning)).collect();
        Self { text: None, origin: Origin::BuiltIn, warnings }
    }
}

/// Whom inputs are for.
#[derive(Clone, Copy)]
pub(super) struct For<'a> {
    pub spec: &'a TargetSpec,
    pub row: Option<&'static TargetRow>,
    pub framework: Framework,
    pub version: Option<&'a FrameworkVersion>,
    pub dims: &'a SymbolicDims,
}

impl For<'_> {
    fn derived(&self) -> bool {
        self.framework == Framework::Pytorch
            && self.row.is_some_and(|row| row.family.derives_inputs())
            && self.version.and_then(FrameworkVersion::numbers).is_some_and(|version| version >= DERIVING_PYTORCH)
    }
}

impl Planned<'_> {
    pub(super) fn inputs(&self, to: For<'_>) -> Result<Settled, Vec<Problem>> {
        let named = first([
            (Origin::Metadata, self.overrides.inputs.as_ref()),
            (Origin::Target, to.spec.inputs.as_ref()),
            (Origin::Rule, self.rule.inputs.as_ref()),
        ]);
        let (inputs, origin, mut warnings) = match named {
            Some((named, origin)) => (named.clone(), origin, self.judged(named, to)?),
            None => match self.of_archive(to)? {
                Ok((inputs, warnings)) => (inputs, Origin::Archive, warnings),
                Err(nothing) => return Ok(nothing),
            },
        };
        let inputs = fit(inputs, to)?;
        if to.framework == Framework::Xgboost {
            warnings
                .push(Warning::new("inputs-not-needed", "SageMaker Neo needs no inputs for XGBOOST; they are sent"));
        }
        let text = inputs.to_json();
        let length = text.chars().count();
        if length > MAX_DATA_INPUT_CONFIG {
            return Err(vec![Problem::new(
                "inputs-too-long",
                format!("the inputs take {length} characters; SageMaker takes {MAX_DATA_INPUT_CONFIG}"),
                "compile a model with fewer inputs, or with shorter input names",
            )]);
        }
        Ok(Settled { text: Some(text), origin, warnings })
    }

    /// A person's inputs, held against the model's and the framework's layout.
    fn judged(&self, named: &Inputs, to: For<'_>) -> Result<Vec<Warning>, Vec<Problem>> {
        let model = self.inspection.model.as_ref().filter(|model| model.read);
        let known = model.map(|model| model.inputs.as_slice()).unwrap_or_default();
        let (mut problems, warnings) = inputs::differences(to.framework, known, named);
        if problems.is_empty() {
            let confirmed = match self.rule.layout {
                Some(NamedLayout::Nchw) => Some(Layout::Nchw),
                Some(NamedLayout::Nhwc) => Some(Layout::Nhwc),
                None => None,
            };
            let misplaced = inputs::misplaced(to.framework, named, known);
            let doubtful = misplaced.iter().filter(|input| Some(input.reads_like) != confirmed);
            problems.extend(doubtful.map(|input| {
                let (written, wanted) = (letters(input.reads_like), letters(to.framework.layout()));
                Problem::new(
                    "layout-doubtful",
                    format!(
                        "the input {} is {:?}, which reads like {written}; SageMaker Neo takes {wanted} for {}",
                        input.name, input.shape, to.framework
                    ),
                    format!("write {:?}, or confirm the order with layout: {written} in the rule", input.meant),
                )
            }));
        }
        let warnings = warnings.into_iter().map(|warning| Warning::new("input-differs", warning)).collect();
        if problems.is_empty() { Ok(warnings) } else { Err(problems) }
    }

    /// The archive's own inputs; the inner error is an answer: that none are sent.
    #[expect(clippy::type_complexity, reason = "one caller")]
    fn of_archive(&self, to: For<'_>) -> Result<Result<(Inputs, Vec<Warning>), Settled>, Vec<Problem>> {
        match to.framework {
            Framework::Xgboost => return Ok(Err(Settled::none("", None))),
            Framework::Sklearn => {
                let warning = "AWS does not document SKLEARN models for Neo; no inputs are sent".to_owned();
                return Ok(Err(Settled::none("framework-undocumented", Some(warning))));
            }
            _ => {}
        }
        let derived = || {
            let warning = "no input shapes are sent: SageMaker Neo derives them from PyTorch 2 models".to_owned();
            Ok(Err(Settled::none("inputs-derived", Some(warning))))
        };
        let Some(model) = self.inspection.model.as_ref().filter(|model| model.read) else {
            return if to.derived() { derived() } else { Err(vec![self.not_read(to)]) };
        };
        if model.inputs.is_empty() {
            return if to.derived() { derived() } else { Err(vec![self.not_read(to)]) };
        }
        let read = match inputs::from_model(&model.inputs, to.dims) {
            Err(_) if to.derived() => return derived(),
            read => read?,
        };
        let unusual = inputs::misplaced(to.framework, &read, &[]).into_iter().map(|input| {
            let wanted = letters(to.framework.layout());
            let (name, shape, framework) = (input.name, input.shape, to.framework);
            Warning::new(
                "layout-unusual",
                format!("the model's input {name} is {shape:?}; SageMaker Neo takes {wanted} for {framework}"),
            )
        });
        let warnings = unusual.collect();
        Ok(Ok((read, warnings)))
    }

    fn not_read(&self, to: For<'_>) -> Problem {
        let rule = format!("rule `{}`", self.rule.name);
        let mut problem = inputs::not_read(to.framework, self.inspection.model.as_ref(), &rule);
        if to.framework == Framework::Pytorch && to.row.is_some_and(|row| row.family.derives_inputs()) {
            problem
                .remedy
                .push_str("; with framework_version: \"2.0\" SageMaker Neo derives them from a model of PyTorch 2");
        }
        problem
    }
}

/// The inputs in the form that the target takes.
fn fit(inputs: Inputs, to: For<'_>) -> Result<Inputs, Vec<Problem>> {
    let framework = to.framework;
    if let Inputs::Positional(_) = inputs
        && framework != Framework::Pytorch
    {
        return Err(vec![Problem::new(
            "inputs-unnamed",
            format!("the inputs are a list of shapes, which SageMaker Neo takes for PYTORCH, not for {framework}"),
            "give each shape its input's name: inputs: { data: [1, 3, 224, 224] }",
        )]);
    }
    let count = inputs.shapes().len();
    if framework == Framework::Tflite && count > 1 {
        return Err(vec![Problem::new(
            "inputs-several",
            format!("the model has {count} inputs; SageMaker Neo compiles TFLITE models with one"),
            "compile the model as TENSORFLOW, or make it one with a single input",
        )]);
    }
    if to.row.is_some_and(|row| row.family == Family::CoreMl) {
        return Ok(each(inputs, |shape| match shape {
            InputShape::Fixed(shape) => InputShape::CoreMl(CoreMlInput {
                shape: FlexibleShape::One(shape.into_iter().map(Extent::Fixed).collect()),
                default_shape: None,
                kind: None,
                bias: None,
                scale: None,
            }),
            described @ InputShape::CoreMl(_) => described,
        }));
    }
    let described = inputs.shapes().into_iter().find(|(_, shape)| matches!(shape, InputShape::CoreMl(_)));
    if let Some((name, _)) = described {
        return Err(vec![Problem::new(
            "inputs-for-coreml",
            format!("the input {name} is described as for Core ML; {} takes a plain shape", to.spec.target),
            "give the target coreml its own inputs, and the others plain shapes",
        )]);
    }
    Ok(inputs)
}

fn each(inputs: Inputs, form: impl Fn(InputShape) -> InputShape) -> Inputs {
    match inputs {
        Inputs::Named(shapes) => Inputs::Named(shapes.into_iter().map(|(name, shape)| (name, form(shape))).collect()),
        Inputs::Positional(shapes) => Inputs::Positional(shapes.into_iter().map(form).collect()),
    }
}

fn letters(layout: Layout) -> &'static str {
    match layout {
        Layout::Nchw => "NCHW",
        Layout::Nhwc => "NHWC",
        Layout::None => "no shapes",
    }
}
