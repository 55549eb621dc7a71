//! Compares the version that a model was saved with to the versions that AWS documents.
//!
//! A newer version is a warning, not a problem: the table may be older than the service. Older
//! models are loaded by every framework.

use std::cmp::Reverse;

use model_archive::{Framework, InspectedModel, Warning, quote_name, shorten_name};

use crate::{FrameworkVersion, TARGETS, TargetRow, config::parse_major_minor};

/// Versions of ONNX with the IR version and the operator set that they define (ONNX repository,
/// "Versioning").
const ONNX_RELEASES: [(&str, u64, u64); 1] = [("1.7", 7, 12)];

/// The versions that AWS documents for a target, or for all.
#[derive(Clone, Copy)]
struct DocumentedVersions<'a> {
    versions: &'a [&'static str],
    /// Such as `ml_c5`.
    target: &'a str,
}

impl DocumentedVersions<'_> {
    /// The newest of them, with its numbers.
    fn newest(&self) -> Option<(&'static str, (u32, u32))> {
        let known = self.versions.iter().filter_map(|version| Some((*version, parse_major_minor(version)?)));
        known.max_by_key(|(_, numbers)| *numbers)
    }
}

/// Warnings about the version of a model, whatever its target will be: for `automation inspect`.
pub fn find_version_warnings(model: &InspectedModel) -> Vec<Warning> {
    let supports = TARGETS.iter().filter_map(|row| row.find_support(model.framework));
    let mut versions: Vec<_> = supports.flat_map(|support| support.versions).copied().collect();
    versions.sort_unstable_by_key(|version| Reverse(version.len()));
    let mut kept: Vec<&str> = Vec::new();
    for version in versions {
        if !kept.iter().any(|longer| parse_major_minor(longer) == parse_major_minor(version)) {
            kept.push(version);
        }
    }
    kept.sort_unstable_by_key(|version| parse_major_minor(version));
    find_warnings(model, DocumentedVersions { versions: &kept, target: "SageMaker Neo" }, None)
}

/// Warnings about the version of a model for a target. `sent` is the version that is sent.
pub(super) fn find_target_version_warnings(
    model: &InspectedModel,
    row: &TargetRow,
    sent: Option<&FrameworkVersion>,
) -> Vec<Warning> {
    let versions = row.find_support(model.framework).map(|support| support.versions).unwrap_or_default();
    find_warnings(model, DocumentedVersions { versions, target: &row.name() }, sent)
}

fn find_warnings(
    model: &InspectedModel,
    documented: DocumentedVersions<'_>,
    sent: Option<&FrameworkVersion>,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Some(warning) = suffix_warning(model) {
        warnings.push(warning);
    }
    warnings.extend(match model.framework {
        Framework::Onnx => onnx_warning(model, documented),
        _ => version_warning(model, documented, sent),
    });
    warnings
}

/// The version that saved a model, or that is needed to run it.
pub(super) fn find_saved_version(model: &InspectedModel) -> Option<(&'static str, &str)> {
    let producer = |name: &str| model.producer.as_deref()?.strip_prefix(name);
    match model.framework {
        Framework::Keras => Some(("Keras", producer("keras ")?)),
        Framework::Tensorflow => Some(("TensorFlow", producer("tensorflow ")?)),
        Framework::Mxnet => Some(("MXNet", producer("mxnet ")?)),
        Framework::Xgboost => Some(("XGBoost", model.format_version.as_deref()?.strip_prefix("XGBoost ")?)),
        Framework::Tflite => Some(("TensorFlow Lite", model.runtime_version.as_deref()?)),
        Framework::Onnx | Framework::Pytorch | Framework::Darknet | Framework::Sklearn => None,
    }
}

fn version_warning(
    model: &InspectedModel,
    documented: DocumentedVersions<'_>,
    sent: Option<&FrameworkVersion>,
) -> Option<Warning> {
    let (name, saved) = find_saved_version(model)?;
    let (newest, newest_numbers) = documented.newest()?;
    let limit = sent.and_then(FrameworkVersion::to_numbers).unwrap_or(newest_numbers);
    // TensorFlow's own Keras has the version numbers of Keras, but is not that release.
    let is_tf_keras = model.framework == Framework::Keras && saved.ends_with("-tf");
    let saved_numbers = parse_major_minor(saved)?;
    if saved_numbers <= limit && !is_tf_keras {
        return None;
    }
    let (target, list) = (documented.target, documented.versions.join(", "));
    let wanted = sent.map_or(newest, FrameworkVersion::as_str);
    let (path, saved) = (quote_name(&model.path), shorten_name(saved));
    let (what, fix) = match model.framework {
        Framework::Keras => (
            format!("{path} was saved with {name} {saved}"),
            format!(
                "save it with {name} {wanted}, or archive it as a SavedModel: {}",
                export_saved_model(saved_numbers)
            ),
        ),
        Framework::Tflite => {
            (format!("{path} needs {name} {saved} or later"), format!("convert it with TensorFlow {wanted}"))
        }
        Framework::Xgboost => {
            (format!("{path} was saved with {name} {saved}"), format!("train and save it with {name} {wanted}"))
        }
        _ => (format!("{path} was saved with {name} {saved}"), format!("save it with {name} {wanted} or earlier")),
    };
    let configured = sent.map(|sent| format!(", and framework_version is {sent}")).unwrap_or_default();
    Some(Warning::new(
        "model-version",
        format!(
            "{what}; AWS documents {name} {list} for {target}{configured}, and an older version may not load it. Fix: {fix}"
        ),
    ))
}

/// How this version of Keras exports a `SavedModel`: only Keras 3 has a method that adds a
/// signature.
fn export_saved_model(keras: (u32, u32)) -> &'static str {
    if keras >= (3, 0) { "model.export(\"export\")" } else { "tf.saved_model.save(model, \"export\")" }
}

fn onnx_warning(model: &InspectedModel, documented: DocumentedVersions<'_>) -> Option<Warning> {
    let (version, numbers) = documented.newest()?;
    let numbers = |release: &str| parse_major_minor(release) == Some(numbers);
    let (_, known_ir, known_opset) = ONNX_RELEASES.into_iter().find(|(release, ..)| numbers(release))?;
    let saved = model.format_version.as_deref()?;
    let number = |name: &str| saved.split(", ").find_map(|part| part.strip_prefix(name)?.parse::<u64>().ok());
    let is_newer =
        number("IR ").is_some_and(|ir| ir > known_ir) || number("opset ").is_some_and(|opset| opset > known_opset);
    is_newer.then(|| {
        let path = quote_name(&model.path);
        let target = documented.target;
        Warning::new(
            "model-version",
            format!(
                "{path} has ONNX {}; AWS documents ONNX {version} (IR {known_ir}, opset {known_opset}) for {target}, \
                 and an older version may not load it. Fix: export it with opset {known_opset}, for example torch.onnx.export(…, \
                 opset_version={known_opset}), with a version of the exporter that writes IR {known_ir}",
                shorten_name(saved)
            ),
        )
    })
}

/// Neo has failed with "No pth file found for `PyTorch` model" although its guide lists both
/// suffixes (amazon-sagemaker-examples #986).
fn suffix_warning(model: &InspectedModel) -> Option<Warning> {
    let stem = model.path.strip_suffix(".pt").filter(|_| model.framework == Framework::Pytorch)?;
    let (path, renamed) = (quote_name(&model.path), quote_name(&format!("{stem}.pth")));
    Some(Warning::new(
        "torch-suffix",
        format!(
            "SageMaker Neo may not find {path}: it looks for .pth files on some targets. Fix: rename it to {renamed}"
        ),
    ))
}
