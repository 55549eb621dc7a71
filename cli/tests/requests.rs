//! Every planned request is valid according to the official service model, for random rules, models
//! and metadata.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::LazyLock;

use configuration::ConfigDocument;
use model_archive::{Framework, InspectedModel, Inspection};
use neo::{CompilationPlan, Overrides, PlanInput, TARGETS, TargetFamily, Upload, device_names};
use proptest::{collection::vec, option, prelude::*, sample::select};
use sagemaker_emulator::{ModelConstraint, ServiceModel};
use serde_json::{Value, json};

/// Number of random combinations of models, rules and metadata.
const CASES: u32 = 4000;

const ROLE: &str = "arn:aws:iam::123456789012:role/stack";

static MODEL: LazyLock<ServiceModel> = LazyLock::new(|| {
    let path = ServiceModel::locate_file().expect("botocore is in .venv: make creates it");
    ServiceModel::load_file(&path).expect("botocore's service model is readable")
});

/// The inputs of a plan, as loose as a configuration, object metadata and an archive can be.
#[derive(Debug, Clone)]
struct Case {
    rule: Value,
    defaults: Value,
    metadata: Vec<(&'static str, String)>,
    key: String,
    version: String,
    model: Option<Value>,
    region: Option<&'static str>,
}

fn any_framework() -> impl Strategy<Value = &'static str> {
    select(Framework::ALL.map(Framework::as_str).to_vec())
}

fn any_dimension() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => select(vec![1, 3, 4, 16, 224, 640]).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => select(vec!["batch", "width"]).prop_map(Value::from),
    ]
}

fn any_model() -> impl Strategy<Value = Value> {
    let name = prop_oneof![Just("data".to_owned()), "[a-z_/.:]{1,12}", "\\PC{1,8}"];
    let input = (name, option::weighted(0.9, vec(any_dimension(), 0..6)))
        .prop_map(|(name, dims)| json!({ "name": name, "element_type": "float32", "dims": dims }));
    (any_framework(), vec(input, 0..4), any::<bool>()).prop_map(|(framework, inputs, read)| {
        let layout = framework.parse::<Framework>().unwrap().layout();
        json!({ "framework": framework, "format_version": null, "producer": null, "inputs": inputs,
            "layout": layout, "path": "model", "read": read })
    })
}

fn any_inputs() -> impl Strategy<Value = Value> {
    let size = || select(vec![1, 3, 8, 224]);
    prop_oneof![
        20 => vec(size(), 1..5).prop_map(|shape| json!({ "data": shape })),
        10 => vec(vec(size(), 1..5), 1..3).prop_map(|shapes| json!(shapes)),
        10 => vec(("\\PC{1,6}", vec(size(), 1..5)), 1..3).prop_map(|shapes| Value::Object(
            shapes.into_iter().map(|(name, shape)| (name, json!(shape))).collect()
        )),
        10 => Just(json!({ "data": { "shape": ["1..10", 224, 224, 3], "default_shape": [1, 224, 224, 3] } })),
        10 => Just(json!({ "data": { "shape": [[1, 3, 8, 8]], "type": "Image", "bias": [-1, 0.5, 1], "scale": 0.0078 } })),
        // Longer than the API accepts.
        1 => Just(json!({ "x".repeat(17_000): [1] })),
    ]
}

/// Compiler options that fit the target in nine of ten cases.
fn any_options(target: &Value) -> impl Strategy<Value = Option<Value>> + use<> {
    let target: neo::Target = serde_json::from_value(target.clone()).unwrap();
    let family = target.find_row().map(|row| row.family);
    let fitting = match family {
        Some(TargetFamily::LinuxNvidia | TargetFamily::Jetson) => {
            json!({ "gpu-code": "sm_72", "trt-ver": "8.2.1", "cuda-ver": "10.2" })
        }
        Some(TargetFamily::Neuron) => json!("--verbose 1 --num-neuroncores 2"),
        Some(TargetFamily::CloudCpu | TargetFamily::CloudGpu) => json!({ "dtype": "int64" }),
        Some(TargetFamily::Android) => json!({ "ANDROID_PLATFORM": 28, "mattr": ["+neon"] }),
        Some(TargetFamily::CoreMl) => json!({ "class_labels": "labels.txt" }),
        Some(TargetFamily::ElasticInference) => json!({ "output_names": ["y:0"] }),
        Some(TargetFamily::Edge | TargetFamily::Ambarella | TargetFamily::Linux) | None => {
            json!({ "mcpu": "core-avx2" })
        }
    };
    let any = select(vec![
        json!({ "gpu-code": "sm_72", "trt-ver": "8.2.1", "cuda-ver": "10.2" }),
        json!({ "novel": "x".repeat(1100) }),
        json!("--verbose 1"),
        json!({}),
    ]);
    let needed = family == Some(TargetFamily::LinuxNvidia);
    prop_oneof![
        9 => option::weighted(if needed { 0.99 } else { 0.5 }, Just(fitting)),
        1 => any.prop_map(Some),
    ]
}

fn any_settings() -> impl Strategy<Value = Value> {
    let output = prop_oneof![
        12 => select(vec!["{key}/{job}", "s3://elsewhere/{rule}/{stem}/{job}", "{job}"]),
        1 => Just("s3://models/{job}"),
    ];
    let value = prop_oneof![20 => "[a-zA-Z0-9 ü:/=+@.-]{0,12}", 1 => "\\PC{1,12}"];
    let tags = vec(("[a-zA-Z0-9/ü ]{1,20}", value), 0..4);
    let fields = (
        option::of(1..100_000u32),
        option::weighted(0.3, output),
        option::of(select(vec!["alias/models", "arn:aws:kms:eu-west-1:123456789012:key/1"])),
        any::<bool>(),
        option::weighted(0.2, tags),
        option::of(select(vec![json!({ "default": 1 }), json!({ "batch": 8, "width": 224 })])),
        option::of(1..64u32),
    );
    fields.prop_map(|(runtime, output, key, vpc, tags, dims, batch)| {
        let mut all = serde_json::Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            all.extend(value.map(|value| (name.to_owned(), value)));
        };
        set("max_runtime_seconds", runtime.map(Value::from));
        set("output", output.map(Value::from));
        set("kms_key_id", key.map(Value::from));
        set("vpc", vpc.then(|| json!({ "security_group_ids": ["sg-1"], "subnets": ["subnet-1", "subnet-2"] })));
        set("tags", tags.map(|tags| tags.into_iter().map(|(key, value)| (key, Value::from(value))).collect()));
        set("symbolic_dims", dims);
        set("batch_size", batch.map(Value::from));
        Value::Object(all)
    })
}

fn merge_objects(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}

fn any_version() -> impl Strategy<Value = String> {
    select(vec!["1.4", "1.8", "1.15.3", "2.0", "2.9", "3.1", "1.9.1"]).prop_map(str::to_owned)
}

fn any_target() -> impl Strategy<Value = Value> {
    let target = prop_oneof![
        12 => (0..TARGETS.len()).prop_map(|index| serde_json::to_value(TARGETS[index].to_target()).unwrap()),
        1 => (select(vec!["LINUX", "ANDROID"]), select(vec!["X86", "ARM64", "ARM_EABIHF"]),
            option::of(select(vec!["NVIDIA", "MALI", "NNA"]))).prop_map(|(os, arch, accelerator)| {
            json!({ "platform": { "os": os, "arch": arch, "accelerator": accelerator } })
        }),
    ];
    let with_options = target.prop_flat_map(|target| (any_options(&target), Just(target)));
    (with_options, option::weighted(0.1, any_inputs()), option::weighted(0.2, any_version()), any_settings()).prop_map(
        |((options, mut target), inputs, version, settings)| {
            for (name, value) in
                [("compiler_options", options), ("inputs", inputs), ("framework_version", version.map(Value::from))]
            {
                if let Some(value) = value {
                    target[name] = value;
                }
            }
            merge_objects(target, settings)
        },
    )
}

fn any_case() -> impl Strategy<Value = Case> {
    let named = (
        option::weighted(0.1, any_framework()),
        option::weighted(0.3, any_inputs()),
        option::weighted(0.3, any_version()),
    );
    let rule = (vec(any_target(), 1..4), named, any_settings());
    let rule = rule.prop_map(|(targets, (framework, inputs, version), settings)| {
        let mut rule = json!({ "name": "a rule, with & in it", "keys": "**", "targets": targets });
        for (name, value) in [
            ("framework", framework.map(Value::from)),
            ("inputs", inputs),
            ("framework_version", version.map(Value::from)),
        ] {
            if let Some(value) = value {
                rule[name] = value;
            }
        }
        merge_objects(rule, settings)
    });
    let metadata = prop_oneof![
        4 => Just(Vec::new()),
        1 => any_inputs().prop_map(|inputs| vec![("neo-inputs", inputs.to_string())]),
        1 => any_version().prop_map(|version| vec![("neo-framework-version", version)]),
        1 => Just(vec![("neo-targets", "ml_c5,coreml,LINUX_ARM64_NVIDIA,ANDROID_ARM_EABI".to_owned())]),
    ];
    let key = prop_oneof![
        4 => "[a-z/]{1,30}\\.tar\\.gz",
        2 => "\\PC{1,40}\\.tar\\.gz",
        1 => "[\\x00-\\x7f]{1,20}\\.tar\\.gz",
        1 => "k{900,1020}\\.tar\\.gz",
        1 => "[a-z]{1,9}",
    ];
    let region = option::of(select(vec!["us-east-1", "us-east-2", "eu-west-1"]));
    (rule, any_settings(), metadata, key, "[a-zA-Z0-9._-]{1,40}", option::weighted(0.95, any_model()), region).prop_map(
        |(rule, defaults, metadata, key, version, model, region)| Case {
            rule,
            defaults,
            metadata,
            key,
            version,
            model,
            region,
        },
    )
}

impl Case {
    /// Plans the upload; returns the error if the configuration or the metadata is not valid.
    fn plan_upload(&self) -> Result<CompilationPlan, String> {
        let document = json!({ "version": 1, "compilation": { "defaults": self.defaults, "rules": [self.rule] } });
        // JSON is YAML.
        let document = ConfigDocument::parse(&document.to_string()).map_err(|error| error.to_string())?;
        let metadata = self.metadata.iter().map(|(name, value)| (*name, value.as_str()));
        let overrides = Overrides::from_metadata(metadata).map_err(|problems| format!("{problems:?}"))?;
        let model = self.model.clone().map(|model| serde_json::from_value::<InspectedModel>(model).unwrap());
        let problems = match &model {
            Some(_) => Vec::new(),
            None => vec![model_archive::Problem::new("no-model", "there is no model", "put one into the archive")],
        };
        let inspection = Inspection { model, problems, ..Inspection::default() };
        let upload = Upload {
            bucket: "models".to_owned(),
            key: self.key.clone(),
            version_id: Some(self.version.clone()),
            etag: "e".to_owned(),
            size: 1,
            replayed_at: None,
        };
        Ok(neo::plan_upload(&PlanInput {
            upload: &upload,
            overrides: &overrides,
            rule: &document.compilation.rules[0],
            defaults: &document.compilation.defaults,
            inspection: &inspection,
            artifact_bucket: "artifacts",
            model_buckets: &neo::ModelBuckets::new("models", Vec::new()),
            region: self.region,
        }))
    }
}

/// Checks that requests are valid and problems complete; returns the number of requests and of
/// rejected targets.
fn check_plan(plan: &CompilationPlan) -> Result<(usize, usize), TestCaseError> {
    let mut names = Vec::new();
    for request in plan.requests() {
        let body = request.to_api(ROLE);
        let violations = MODEL.find_violations("CreateCompilationJob", &body);
        prop_assert!(violations.is_empty(), "{}\n{body:#}", sagemaker_emulator::format_violations(&violations));
        prop_assert!(!names.contains(&request.job_name), "two jobs are called {}", request.job_name);
        names.push(request.job_name.clone());
        let accepts_version =
            request.target.find_row().is_none_or(|row| row.accepts_framework_version(request.framework.unwrap()));
        prop_assert!(request.framework_version.is_none() || accepts_version, "{body:#}");
        prop_assert!(!request.output_location.starts_with("s3://models/"), "{body:#}");
    }
    let problems = plan.all_problems();
    prop_assert!(!(names.is_empty() && problems.is_empty()), "neither a request nor a problem: {plan:#?}");
    for problem in &problems {
        prop_assert!(!problem.code.is_empty() && !problem.problem.is_empty() && !problem.remedy.is_empty());
    }
    let rejected = plan.targets.iter().filter(|target| target.outcome.is_err()).count();
    prop_assert!(
        plan.targets.iter().all(|target| target.outcome.as_ref().err().is_none_or(|problems| !problems.is_empty()))
    );
    Ok((names.len(), rejected))
}

#[test]
fn every_target_has_a_valid_request_or_a_problem() {
    let (mut requests, mut rejected, mut invalid) = (0, 0, 0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..ProptestConfig::default()
    });
    let counts = std::cell::RefCell::new((&mut requests, &mut rejected, &mut invalid));
    let result = runner.run(&any_case(), |case| {
        let mut counts = counts.borrow_mut();
        match case.plan_upload() {
            Ok(plan) => {
                let (planned, rejected) = check_plan(&plan)?;
                *counts.0 += planned;
                *counts.1 += rejected;
            }
            Err(error) => {
                prop_assert!(!error.is_empty());
                *counts.2 += 1;
            }
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    // Each result has to be frequent, or it is not tested.
    assert!(requests > 1000 && rejected > 1000 && invalid > 200, "{requests} {rejected} {invalid}");
}

#[test]
fn the_targets_match_the_service_model() {
    let body = json!({
        "CompilationJobName": "a", "RoleArn": ROLE, "StoppingCondition": { "MaxRuntimeInSeconds": 1 },
        "OutputConfig": { "S3OutputLocation": "s3://b/k/", "TargetDevice": "none", "TargetPlatform": { "Os": "none", "Arch": "none", "Accelerator": "none" } },
    });
    let violations = MODEL.find_violations("CreateCompilationJob", &body);
    let allowed = |member: &str| {
        let violation = violations.iter().find(|violation| violation.path.to_lowercase().ends_with(member));
        match violation.map(|violation| &violation.constraint) {
            Some(ModelConstraint::Enum(values)) => values.clone(),
            other => panic!("{member}: {other:?}"),
        }
    };
    assert_eq!(allowed("targetdevice"), device_names().collect::<Vec<_>>());
    let names = |pick: fn(&neo::TargetPlatform) -> Option<&str>| {
        let platforms = TARGETS.iter().filter_map(|row| match row.to_target() {
            neo::Target::Platform(platform) => Some(platform),
            neo::Target::Device(_) => None,
        });
        platforms.filter_map(|platform| pick(&platform).map(str::to_owned)).collect::<std::collections::BTreeSet<_>>()
    };
    for (member, named) in [
        ("os", names(|platform| Some(&platform.os))),
        ("arch", names(|platform| Some(&platform.arch))),
        ("accelerator", names(|platform| platform.accelerator.as_deref())),
    ] {
        let allowed = allowed(member);
        assert!(named.iter().all(|name| allowed.contains(name)), "{member}: {named:?} {allowed:?}");
        for name in allowed {
            // Every name of the API is accepted, and none is reported as a misspelling of another.
            let json = json!({ "os": "LINUX", "arch": "ARM64", "accelerator": "MALI" });
            let platform: neo::TargetPlatform =
                serde_json::from_value(merge_objects(json, json!({ member: name }))).unwrap();
            assert!(neo::Target::Platform(platform).is_known(), "{name}");
        }
    }
}
