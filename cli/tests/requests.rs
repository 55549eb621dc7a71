//! Every request that planning gives is one that the official service model allows, whatever it is made of.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::LazyLock;

use model_archive::{Framework, Inspection, Model};
use neo::{Document, Family, Overrides, Plan, Planned, TARGETS, Upload, devices};
use proptest::{collection::vec, option, prelude::*, sample::select};
use sagemaker_emulator::{Constraint, ServiceModel};
use serde_json::{Value, json};

/// Facts, rules and targets that are put together.
const COMBINATIONS: u32 = 4000;

const ROLE: &str = "arn:aws:iam::123456789012:role/stack";

static MODEL: LazyLock<ServiceModel> = LazyLock::new(|| {
    let path = ServiceModel::locate().expect("botocore is in .venv: make creates it");
    ServiceModel::load(&path).expect("botocore's service model is readable")
});

/// What a request may be about, as loosely as a configuration, an uploader and an archive can say it.
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

fn framework() -> impl Strategy<Value = &'static str> {
    select(Framework::ALL.map(Framework::as_str).to_vec())
}

fn dim() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => select(vec![1, 3, 4, 16, 224, 640]).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => select(vec!["batch", "width"]).prop_map(Value::from),
    ]
}

fn model() -> impl Strategy<Value = Value> {
    let name = prop_oneof![Just("data".to_owned()), "[a-z_/.:]{1,12}", "\\PC{1,8}"];
    let input = (name, option::weighted(0.9, vec(dim(), 0..6)))
        .prop_map(|(name, dims)| json!({ "name": name, "element_type": "float32", "dims": dims }));
    (framework(), vec(input, 0..4), any::<bool>()).prop_map(|(framework, inputs, read)| {
        let layout = framework.parse::<Framework>().unwrap().layout();
        json!({ "framework": framework, "format_version": null, "producer": null, "inputs": inputs,
            "layout": layout, "path": "model", "read": read })
    })
}

fn inputs() -> impl Strategy<Value = Value> {
    let size = || select(vec![1, 3, 8, 224]);
    prop_oneof![
        20 => vec(size(), 1..5).prop_map(|shape| json!({ "data": shape })),
        10 => vec(vec(size(), 1..5), 1..3).prop_map(|shapes| json!(shapes)),
        10 => vec(("\\PC{1,6}", vec(size(), 1..5)), 1..3).prop_map(|shapes| Value::Object(
            shapes.into_iter().map(|(name, shape)| (name, json!(shape))).collect()
        )),
        10 => Just(json!({ "data": { "shape": ["1..10", 224, 224, 3], "default_shape": [1, 224, 224, 3] } })),
        10 => Just(json!({ "data": { "shape": [[1, 3, 8, 8]], "type": "Image", "bias": [-1, 0.5, 1], "scale": 0.0078 } })),
        // So much that it is longer than the API takes.
        1 => Just(json!({ "x".repeat(17_000): [1] })),
    ]
}

/// Options that fit the target nine times in ten.
fn options(target: &Value) -> impl Strategy<Value = Option<Value>> + use<> {
    let target: neo::Target = serde_json::from_value(target.clone()).unwrap();
    let family = target.row().map(|row| row.family);
    let fitting = match family {
        Some(Family::LinuxNvidia | Family::Jetson) => {
            json!({ "gpu-code": "sm_72", "trt-ver": "8.2.1", "cuda-ver": "10.2" })
        }
        Some(Family::Neuron) => json!("--verbose 1 --num-neuroncores 2"),
        Some(Family::CloudCpu | Family::CloudGpu) => json!({ "dtype": "int64" }),
        Some(Family::Android) => json!({ "ANDROID_PLATFORM": 28, "mattr": ["+neon"] }),
        Some(Family::CoreMl) => json!({ "class_labels": "labels.txt" }),
        Some(Family::ElasticInference) => json!({ "output_names": ["y:0"] }),
        Some(Family::Edge | Family::Ambarella | Family::Linux) | None => json!({ "mcpu": "core-avx2" }),
    };
    let any = select(vec![
        json!({ "gpu-code": "sm_72", "trt-ver": "8.2.1", "cuda-ver": "10.2" }),
        json!({ "novel": "x".repeat(1100) }),
        json!("--verbose 1"),
        json!({}),
    ]);
    let needed = family == Some(Family::LinuxNvidia);
    prop_oneof![
        9 => option::weighted(if needed { 0.99 } else { 0.5 }, Just(fitting)),
        1 => any.prop_map(Some),
    ]
}

fn settings() -> impl Strategy<Value = Value> {
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
    );
    fields.prop_map(|(runtime, output, key, vpc, tags, dims)| {
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
        Value::Object(all)
    })
}

fn merged(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}

fn version() -> impl Strategy<Value = String> {
    select(vec!["1.4", "1.8", "1.15.3", "2.0", "2.9", "3.1", "1.9.1"]).prop_map(str::to_owned)
}

fn target() -> impl Strategy<Value = Value> {
    let place = prop_oneof![
        12 => (0..TARGETS.len()).prop_map(|index| serde_json::to_value(TARGETS[index].target()).unwrap()),
        1 => (select(vec!["LINUX", "ANDROID"]), select(vec!["X86", "ARM64", "ARM_EABIHF"]),
            option::of(select(vec!["NVIDIA", "MALI", "NNA"]))).prop_map(|(os, arch, accelerator)| {
            json!({ "platform": { "os": os, "arch": arch, "accelerator": accelerator } })
        }),
    ];
    let with_options = place.prop_flat_map(|place| (options(&place), Just(place)));
    (with_options, option::weighted(0.1, inputs()), option::weighted(0.2, version()), settings()).prop_map(
        |((options, mut place), inputs, version, settings)| {
            for (name, value) in
                [("compiler_options", options), ("inputs", inputs), ("framework_version", version.map(Value::from))]
            {
                if let Some(value) = value {
                    place[name] = value;
                }
            }
            merged(place, settings)
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let named = (option::weighted(0.1, framework()), option::weighted(0.3, inputs()), option::weighted(0.3, version()));
    let rule = (vec(target(), 1..4), named, settings());
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
        merged(rule, settings)
    });
    let metadata = prop_oneof![
        4 => Just(Vec::new()),
        1 => inputs().prop_map(|inputs| vec![("neo-inputs", inputs.to_string())]),
        1 => version().prop_map(|version| vec![("neo-framework-version", version)]),
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
    (rule, settings(), metadata, key, "[a-zA-Z0-9._-]{1,40}", option::weighted(0.95, model()), region).prop_map(
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
    /// The plan, or the sentence in which configuration or metadata are refused.
    fn plan(&self) -> Result<Plan, String> {
        let document = json!({ "version": 1, "compilation": { "defaults": self.defaults, "rules": [self.rule] } });
        // JSON is YAML.
        let document = Document::parse(&document.to_string()).map_err(|error| error.to_string())?;
        let metadata = self.metadata.iter().map(|(name, value)| (*name, value.as_str()));
        let overrides = Overrides::from_metadata(metadata).map_err(|problems| format!("{problems:?}"))?;
        let model = self.model.clone().map(|model| serde_json::from_value::<Model>(model).unwrap());
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
        };
        Ok(neo::plan(&Planned {
            upload: &upload,
            overrides: &overrides,
            rule: &document.compilation.rules[0],
            defaults: &document.compilation.defaults,
            inspection: &inspection,
            artifact_bucket: "artifacts",
            region: self.region,
        }))
    }
}

/// What stands in a valid request or a named problem: (requests, refused targets).
fn check(plan: &Plan) -> Result<(usize, usize), TestCaseError> {
    let mut names = Vec::new();
    for request in plan.requests() {
        let body = request.to_api(ROLE);
        let broken = MODEL.violations("CreateCompilationJob", &body);
        prop_assert!(broken.is_empty(), "{}\n{body:#}", sagemaker_emulator::message(&broken));
        prop_assert!(!names.contains(&request.job_name), "two jobs are called {}", request.job_name);
        names.push(request.job_name.clone());
        let takes = request.target.row().is_none_or(|row| row.takes_framework_version(request.framework.unwrap()));
        prop_assert!(request.framework_version.is_none() || takes, "{body:#}");
        prop_assert!(!request.output_location.starts_with("s3://models/"), "{body:#}");
    }
    let problems = plan.all_problems();
    prop_assert!(!(names.is_empty() && problems.is_empty()), "neither a request nor a problem: {plan:#?}");
    for problem in &problems {
        prop_assert!(!problem.code.is_empty() && !problem.problem.is_empty() && !problem.remedy.is_empty());
    }
    let refused = plan.targets.iter().filter(|target| target.outcome.is_err()).count();
    prop_assert!(plan.targets.iter().all(|target| target.outcome.as_ref().err().is_none_or(|told| !told.is_empty())));
    Ok((names.len(), refused))
}

#[test]
fn a_request_is_valid_or_there_is_a_named_problem() {
    let (mut requests, mut refused, mut no_document) = (0, 0, 0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: COMBINATIONS,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..ProptestConfig::default()
    });
    let counts = std::cell::RefCell::new((&mut requests, &mut refused, &mut no_document));
    let ran = runner.run(&case(), |case| {
        let mut counts = counts.borrow_mut();
        match case.plan() {
            Ok(plan) => {
                let (sent, told) = check(&plan)?;
                *counts.0 += sent;
                *counts.1 += told;
            }
            Err(sentence) => {
                prop_assert!(!sentence.is_empty());
                *counts.2 += 1;
            }
        }
        Ok(())
    });
    if let Err(failure) = ran {
        panic!("{failure}");
    }
    // The test is worth nothing if everything is refused, or nothing.
    assert!(requests > 1000 && refused > 1000 && no_document > 200, "{requests} {refused} {no_document}");
}

#[test]
fn the_devices_are_those_of_the_service_model() {
    let body = json!({
        "CompilationJobName": "a", "RoleArn": ROLE, "StoppingCondition": { "MaxRuntimeInSeconds": 1 },
        "OutputConfig": { "S3OutputLocation": "s3://b/k/", "TargetDevice": "none", "TargetPlatform": { "Os": "none", "Arch": "none", "Accelerator": "none" } },
    });
    let broken = MODEL.violations("CreateCompilationJob", &body);
    let allowed = |member: &str| {
        let of = broken.iter().find(|broken| broken.path.to_lowercase().ends_with(member));
        match of.map(|broken| &broken.constraint) {
            Some(Constraint::Enum(values)) => values.clone(),
            other => panic!("{member}: {other:?}"),
        }
    };
    assert_eq!(allowed("targetdevice"), devices().collect::<Vec<_>>());
    let names = |pick: fn(&neo::TargetPlatform) -> Option<&str>| {
        let platforms = TARGETS.iter().filter_map(|row| match row.target() {
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
            // Whatever the API knows is read, and no name that it knows is taken for another one.
            let json = json!({ "os": "LINUX", "arch": "ARM64", "accelerator": "MALI" });
            let platform: neo::TargetPlatform = serde_json::from_value(merged(json, json!({ member: name }))).unwrap();
            assert!(neo::Target::Platform(platform).is_known(), "{name}");
        }
    }
}
