//! What failure reasons contain, and the fault it stands for.
//!
//! `InputConfiguration` and `ClientError` are in many reasons. They name the phase and the side,
//! not the fault, so no pattern consists of them.

use super::FailureClass::{
    self, Archive, Artifact, Capacity, Input, Permission, Service, Shape, Timeout, UnsupportedOperator,
};

/// One fault and how to recognize it.
pub(super) struct FailurePattern {
    pub class: FailureClass,
    /// All of them occur in the reason, in any order; lower case, without punctuation.
    pub words: &'static [&'static str],
    /// What to do about exactly this fault; `None` if the fix of the class says it.
    pub fix: Option<&'static str>,
    /// Where such a reason was seen: a public issue, or AWS's documentation.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader of the table"))]
    pub source: &'static str,
}

const GUIDE: &str = "developer guide, \"Troubleshoot Errors\" of SageMaker Neo";
const S3_ERRORS: &str = "Amazon S3 API reference, Error responses";
const KMS_ERRORS: &str = "AWS KMS API reference, errors that S3 returns with the prefix KMS";
/// The same fault as a row with a source, in words that are not known to be used.
const UNREPORTED: &str = "no public report";
const COMMON_ERRORS: &str = "Amazon SageMaker API reference, Common Errors";

const ASSUME_ROLE: &str =
    "check that the compilation role exists and that its trust policy allows sagemaker.amazonaws.com to assume it";
const KMS_KEY: &str = "check that the KMS key is enabled, that the template parameter KmsKeyArns lists its ARN (or role_arn of the rule may use it), and that its key policy allows the compilation role kms:Decrypt for the archive and kms:GenerateDataKey for the artifact";
const NEURON: &str = "the Neuron compiler cannot compile an operator of this model: compare the model with the operators that AWS Neuron supports (Neuron documentation), or compile it for another target";
const PTH_FILE: &str =
    "SageMaker Neo reads a PyTorch model from one file that ends in .pth: rename the file, for example to model.pth";

const fn pattern(class: FailureClass, words: &'static [&'static str], source: &'static str) -> FailurePattern {
    FailurePattern { class, words, fix: None, source }
}

impl FailurePattern {
    const fn with_fix(self, fix: &'static str) -> Self {
        Self { fix: Some(fix), ..self }
    }
}

/// The most specific first: the first that matches decides.
pub(super) const PATTERNS: &[FailurePattern] = &[
    pattern(Artifact, &["artifact", "not in s3"], "this stack: see relay-compilation"),
    pattern(Capacity, &["capacityerror"], "sagemaker-pytorch-training-toolkit #171 (training jobs)"),
    pattern(Capacity, &["unable to provision", "capacity"], "sagemaker-pytorch-training-toolkit #171 (training jobs)"),
    pattern(Timeout, &["timeout"], "API reference, StoppingCondition"),
    pattern(Timeout, &["timed out"], UNREPORTED),
    pattern(Timeout, &["maxruntimeinseconds"], "API reference, StoppingCondition"),
    pattern(Permission, &["assume", "role"], "awslabs/predictive-maintenance #3").with_fix(ASSUME_ROLE),
    pattern(Permission, &["kms", "exception"], KMS_ERRORS).with_fix(KMS_KEY),
    pattern(Permission, &["kms key"], KMS_ERRORS).with_fix(KMS_KEY),
    pattern(Permission, &["access denied"], GUIDE),
    pattern(Permission, &["accessdenied"], S3_ERRORS),
    pattern(Permission, &["not authorized"], COMMON_ERRORS),
    pattern(Permission, &["passrole"], GUIDE),
    pattern(Permission, &["not have permission"], UNREPORTED),
    pattern(Permission, &["forbidden"], S3_ERRORS),
    pattern(Permission, &["occurred 403"], S3_ERRORS),
    // S3 also answers 400 where the key or its state forbids the request.
    pattern(Permission, &["occurred 400"], GUIDE),
    pattern(UnsupportedOperator, &["operatornotimplemented"], GUIDE),
    pattern(UnsupportedOperator, &["operatorattributenotimplemented"], GUIDE),
    pattern(UnsupportedOperator, &["operatorattributerequired"], GUIDE),
    pattern(UnsupportedOperator, &["operatorattributevaluenotvalid"], GUIDE),
    pattern(UnsupportedOperator, &["operators are not implemented"], GUIDE),
    pattern(UnsupportedOperator, &["unsupported operator"], UNREPORTED),
    pattern(UnsupportedOperator, &["no operations were successfully partitioned"], "amazon-sagemaker-examples #2312")
        .with_fix(NEURON),
    pattern(UnsupportedOperator, &["unable to compile model for ml inf"], "amazon-sagemaker-examples #2664")
        .with_fix(NEURON),
    pattern(Shape, &["lexically ordered"], "amazon-sagemaker-examples #639, #642, #996, #2784"),
    pattern(Shape, &["shape mismatch"], "amazon-sagemaker-examples #639, #642, #996, #2784"),
    pattern(Shape, &["input names and shapes"], "neo-ai/neo-ai-dlr #24"),
    pattern(Shape, &["wrong shape"], "amazon-sagemaker-examples #2036"),
    pattern(Shape, &["unknown tensorshape"], "amazon-sagemaker-examples #1322"),
    pattern(Shape, &["input shape"], "amazon-sagemaker-examples #2036"),
    pattern(Shape, &["shape", "not match"], UNREPORTED),
    pattern(Shape, &["datainputconfig"], GUIDE),
    pattern(UnsupportedOperator, &["tvm cannot convert"], "neo-ai/neo-ai-dlr #243"),
    pattern(UnsupportedOperator, &["framework cannot load"], "amazon-sagemaker-examples #1501"),
    pattern(UnsupportedOperator, &["incompatible"], "amazon-sagemaker-examples #846, #1037"),
    pattern(Input, &["occurred 404"], S3_ERRORS),
    pattern(Input, &["headobject", "not found"], UNREPORTED),
    pattern(Input, &["nosuchkey"], S3_ERRORS),
    pattern(Input, &["nosuchbucket"], S3_ERRORS),
    pattern(Input, &["object does not exist"], GUIDE),
    pattern(Input, &["bucket does not exist"], UNREPORTED),
    pattern(Input, &["is in region"], GUIDE),
    pattern(Archive, &["no pth file"], "amazon-sagemaker-examples #986").with_fix(PTH_FILE),
    pattern(Archive, &["unable to untar"], GUIDE),
    pattern(Archive, &["exactly one"], GUIDE),
    pattern(Archive, &["only one"], GUIDE),
    pattern(Archive, &["multiple", "files"], GUIDE),
    pattern(Archive, &["file provided"], GUIDE),
    pattern(Archive, &["file", "found"], "aws/sagemaker-python-sdk #2062"),
    pattern(Archive, &["no valid", "model"], "aws/sagemaker-python-sdk #2062"),
    pattern(Archive, &["unable to load provided", "model"], "amazon-sagemaker-examples #1993"),
    pattern(Archive, &["make sure the framework"], "aws/sagemaker-python-sdk #1616"),
    pattern(Input, &["does not exist"], UNREPORTED),
    pattern(Service, &["internal server error"], "amazon-sagemaker-examples #1284"),
    pattern(Service, &["internalservererror"], COMMON_ERRORS),
    pattern(Service, &["internalfailure"], COMMON_ERRORS),
    pattern(Service, &["servererror"], "amazon-sagemaker-examples #1284"),
    pattern(Service, &["unexpected error"], "neo-ai/neo-ai-dlr #24"),
];

/// Finds the pattern that a failure reason matches.
pub(super) fn find_pattern(reason: &str) -> Option<&'static FailurePattern> {
    let text = normalize_reason(reason);
    PATTERNS.iter().find(|pattern| pattern.words.iter().all(|words| text.contains(words)))
}

/// The words of a reason in lower case, without punctuation and without URIs, ARNs and paths: names
/// that users choose say nothing about the fault.
fn normalize_reason(reason: &str) -> String {
    let lower = reason.to_lowercase();
    let is_name = |word: &str| {
        let word = word.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '/');
        word.contains("://") || word.starts_with("arn:") || word.starts_with('/')
    };
    let words = lower.split_whitespace().filter(|word| !is_name(word));
    let words = words.flat_map(|word| word.split(|c: char| !c.is_alphanumeric())).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_can_match_and_has_a_source() {
        for (index, pattern) in PATTERNS.iter().enumerate() {
            let own = pattern.words.join(" ");
            assert_eq!(normalize_reason(&own), own, "a reason never contains these words");
            assert!(!pattern.source.is_empty(), "{own}");
            let earlier = PATTERNS[..index].iter().find(|known| known.words.iter().all(|words| own.contains(words)));
            assert!(earlier.is_none(), "{own} is never reached");
        }
    }
}
