//! Where artifacts are written: no job overwrites the artifact of another one.

mod common;

use std::collections::BTreeSet;

use common::{holding, input, upload};
use document::{ConfigDiagnostic, ConfigError, DocumentUse, read_document, read_document_as};
use model_archive::Framework::Onnx;
use neo::{CompilationConfig, CompilationPlan, Overrides, PlanInput};

/// Two option sets for one platform.
const TARGETS: &str = "
        - platform: { os: LINUX, arch: ARM64, accelerator: NVIDIA }
          compiler_options: { gpu-code: sm_72, trt-ver: 7.1.3, cuda-ver: \"10.2\" }
        - platform: { os: LINUX, arch: ARM64, accelerator: NVIDIA }
          compiler_options: { gpu-code: sm_72, trt-ver: 8.2.1, cuda-ver: \"10.2\" }
";

fn read_config(
    rule: &str,
    document_use: DocumentUse,
) -> Result<(CompilationConfig, Vec<ConfigDiagnostic>), ConfigError> {
    let text = format!(
        "version: 1\ncompilation:\n  rules:\n    - name: edge\n      keys: \"**\"\n      {rule}\n      targets:{TARGETS}"
    );
    read_document_as(document_use, &text, CompilationConfig::read_section)
}

fn plan_upload(config: &CompilationConfig) -> CompilationPlan {
    neo::plan_upload(&PlanInput {
        upload: &upload("vision/model.tar.gz"),
        overrides: &Overrides::default(),
        rule: &config.rules[0],
        defaults: &config.defaults,
        inspection: &holding(Onnx, &[input("x", &[1, 3])]),
        artifact_bucket: "artifacts",
        model_buckets: &neo::ModelBuckets::new("models", Vec::new()),
        region: None,
    })
}

/// neo-ai-dlr #450: one platform with two versions of `TensorRT`.
#[test]
fn equal_locations_in_a_new_document_are_an_error() {
    for output in
        ["{key}/{version}/{target}", "{folder}/{stem}/{version}/{target}", "s3://elsewhere/{key}/{target}/{version}"]
    {
        let error = read_config(&format!("output: \"{output}\""), DocumentUse::New).unwrap_err();
        assert_eq!(error.errors.len(), 1, "{error}");
        let error = error.to_string();
        assert!(error.starts_with("compilation.rules[0].targets[1] (line "), "{error}");
        for named in ["`LINUX_ARM64_NVIDIA` (compilation.rules[0].targets[0])", output, "add {job} to `output`"] {
            assert!(error.contains(named), "{named}: {error}");
        }
    }
    for output in ["{job}", "{key}/{version}/{target}/{job}"] {
        read_config(&format!("output: \"{output}\""), DocumentUse::New).unwrap();
    }
    read_config("", DocumentUse::New).unwrap();
}

/// Placeholders are compared by value: the outputs of the two targets are spelled differently.
#[test]
fn equal_locations_are_found_in_any_spelling() {
    let own = "      output: \"{folder}/{stem}/{version}/{target}/\"";
    let targets = TARGETS.replacen(
        "trt-ver: 8.2.1, cuda-ver: \"10.2\" }",
        &format!("trt-ver: 8.2.1, cuda-ver: \"10.2\" }}\n    {own}"),
        1,
    );
    let text = format!(
        "version: 1\ncompilation:\n  defaults: {{ output: \"{{key}}/{{version}}/{{target}}\" }}\n  rules:\n    - name: edge\n      keys: \"**\"\n      targets:{targets}"
    );
    let error = read_document(&text, CompilationConfig::read_section).unwrap_err();
    assert!(error.to_string().contains("have the same location"), "{error}");
}

#[test]
fn equal_locations_in_an_active_document_are_separated() {
    let (config, warnings) = read_config("output: \"{key}/{version}/{target}\"", DocumentUse::Active).unwrap();
    assert!(warnings[0].fix.ends_with("until then, /{job} is appended for this target"), "{warnings:?}");
    let plan = plan_upload(&config);
    let requests: Vec<_> = plan.requests().collect();
    let shared = "s3://artifacts/vision/model/v1/LINUX_ARM64_NVIDIA/";
    assert_eq!(requests[0].output_location, shared);
    assert_eq!(requests[1].output_location, format!("{shared}{}/", requests[1].job_name));
    let warned: Vec<_> = plan.all_warnings().into_iter().filter(|warning| warning.code == "output-shared").collect();
    assert!(warned.len() == 1 && warned[0].warning.contains(shared), "{warned:?}");
    let locations: BTreeSet<_> = requests.iter().map(|request| &request.output_location).collect();
    assert_eq!(locations.len(), 2);
}
