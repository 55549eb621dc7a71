//! Reading the `compilation` section of `automation.yaml`.

mod common;

use common::parse_document;
use neo::ModelBuckets;

fn own_bucket() -> ModelBuckets {
    ModelBuckets::new("own", Vec::new())
}

#[test]
fn ten_errors_in_300_lines_are_reported_at_their_lines() {
    let text = include_str!("ten-errors.yaml");
    assert!(text.lines().count() >= 300);
    let marked: Vec<_> =
        text.lines().zip(1u64..).filter(|(line, _)| line.ends_with("# error")).map(|(_, number)| number).collect();
    assert_eq!(marked.len(), 10);
    let error = parse_document(text).unwrap_err();
    let lines: Vec<_> = error.errors.iter().filter_map(|error| error.position).map(|position| position.line).collect();
    assert_eq!(lines, marked, "{error}");
    insta::assert_snapshot!(error, @r#"
    compilation.rules[2].keys (line 35, column 13): expected a glob pattern for object keys, found `team-02/[`: `[` is not closed; write [[] to match the character itself
    compilation.rules[4].name (line 58, column 13): `team-03` is already used by an earlier rule; give each rule its own name
    compilation.rules[6].framwork (line 85, column 7): unknown key `framwork`; write `framework`
    compilation.rules[8].inputs.data[1] (line 110, column 27): expected a whole number from 1 to 2147483647, found `three`
    compilation.rules[10].max_runtime_seconds (line 135, column 28): expected a whole number from 1 to 2147483647, found 0
    compilation.rules[12].targets[0].device (line 163, column 19): expected a target device, found `jetson_nanno`; write `jetson_nano`
    compilation.rules[14].targets[1].compiler_options.cuda-ver (line 189, column 74): expected a version x.y in quotes, such as "10.2", found 10.2
    compilation.rules[16].targets[2] (line 214, column 11): expected either `device` or `platform`, found both; remove one
    compilation.rules[18].targets[1].output (line 239, column 19): expected a known placeholder, found `{jbo}`; write one of key, stem, folder, rule, target, version, job
    compilation.rules[20].on_new_version (line 264, column 23): expected keep or stop, found `replace`
    "#);
}

const PACKAGE: &str = "model_package_version: \"arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3\"";

#[test]
fn errors_name_the_position_and_the_fix() {
    let rule = |body: &str| format!("version: 1\ncompilation:\n  rules:\n    - {body}\n");
    let target = |body: &str| rule(&format!("{{ name: a, keys: \"**\", targets: [ {{ {body} }} ] }}"));
    let key = |body: &str| rule(&format!("{{ name: a, keys: \"**\", targets: [ {{ device: ml_c5 }} ], {body} }}"));
    let cases = [
        String::new(),
        "version: [1".to_owned(),
        "version: 2".to_owned(),
        "- version: 1".to_owned(),
        "version: 1\nversion: 1".to_owned(),
        "version: 1\ncompilations: {}".to_owned(),
        "version: 1\ncompilation: { defaults: { max_runtime_seconds: 0, inputs: {} } }".to_owned(),
        rule("{ keys: 1, targets: ml_c5 }"),
        target("device: jetson-nano"),
        target("device: toaster"),
        target("device: ml_c5, platform: { os: LINUX, arch: ARM64 }"),
        target("platform: { os: Linux, arch: AARCH64, accelerator: CUDA, cpu: 1 }"),
        target("platform: { os: LINUX, arch: X86 }"),
        target("platform: { os: LINUX, arch: ARM64, accelerator: NVIDIA }"),
        target("device: ml_c5, compiler_options: { gpu-code: sm_72 }"),
        target("device: ml_c5, framework_version: 2.0"),
        target("device: ml_c5, framework_version: \"2\""),
        rule("{ name: a, keys: \"**\", targets: [] }"),
        rule("{ name: a, keys: \"[\", targets: [ { device: ml_c5 } ] }"),
        rule("{ name: a, keys: \"**\", targets: [ { device: ml_c5 }, { device: ml_c5 } ] }"),
        key("framework: CAFFE"),
        key("framework: TFLITE"),
        key("inputs: { data: 3 }"),
        key("on_new_version: replace"),
        key("retries: 6, reuse: maybe"),
        key("kms_key_id: \"a b\", role_arn: neo"),
        key("vpc: { security_group_ids: [], subnets: subnet-1 }"),
        key("tags: { \"aws:owner\": me, cost: 12, team: \"a&b\" }"),
        key("output: latest"),
        key("symbolic_dims: { batch: 0 }"),
        rule("{ name: a, bucket: \"s3://models/x\", keys: \"**\", targets: [ { device: ml_c5 } ] }"),
        rule("{ name: a, bucket: Models, targets: [ { device: ml_c5 } ] }"),
        rule(&format!("{{ name: a, {PACKAGE}, bucket: models, targets: [ {{ device: ml_c5 }} ] }}")),
        rule(&format!("{{ name: a, {PACKAGE}, keys: \"**\", targets: [ {{ device: ml_c5 }} ] }}")),
        rule("{ name: a, model_package_version: resnet, targets: [ { device: ml_c5 } ] }"),
        rule(&format!(
            "{{ name: a, {PACKAGE}, framework: ONNX, framework_version: \"1.2\", inputs: {{ a: [1] }}, layout: NCHW, \
             on_new_version: stop, targets: [ {{ device: ml_c5, inputs: {{ a: [1] }} }} ] }}"
        )),
    ];
    let answers: Vec<_> = cases
        .iter()
        .map(|text| {
            let error = parse_document(text).unwrap_err().to_string();
            format!("{}\n  => {}", text.trim_end(), error.replace('\n', "\n  => "))
        })
        .collect();
    insta::assert_snapshot!(answers.join("\n\n"));
}

#[test]
fn valid_but_unintended_settings_are_warned_about() {
    let text = "version: 1
compilation:
  rules:
    - { name: all, keys: \"**\", targets: [ { device: deeplens }, { device: jetson_orin } ] }
    - { name: later, keys: \"a/*\", targets: [ { device: ml_c5, compiler_options: { novel-option: 1 } } ] }
images: []
";
    let (_, warnings) = parse_document(text).unwrap();
    insta::assert_snapshot!(warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"), @"
    compilation.rules[0].targets[0] (line 4, column 43): `deeplens` is retired; use the platform LINUX, X86_64, INTEL_GRAPHICS
    compilation.rules[0].targets[1] (line 4, column 65): `jetson_orin` is not a target known to this release: it is passed to SageMaker unchanged; choose a target listed by `automation targets`, or ignore this warning if SageMaker supports it by now
    compilation.rules[1].targets[0] (line 5, column 46): the compiler option `novel-option` is not documented for ml_c5: it is passed to SageMaker unchanged; remove it, or ignore this warning if SageMaker supports it by now
    compilation.rules[1] (line 5, column 7): rule `later` is never reached: rule `all` matches its keys first; reorder the rules or change their keys
    ");
}

#[test]
fn the_first_matching_rule_wins() {
    let (config, _) = parse_document(
        "version: 1
compilation:
  rules:
    - { name: one, keys: 'a/**', targets: [ { device: ml_c5 } ] }
    - { name: two, keys: '**', targets: [ { device: ml_m5 } ] }",
    )
    .unwrap();
    assert_eq!(config.find_rule("own", "a/b.tar.gz", &own_bucket()).unwrap().name, "one");
    assert_eq!(config.find_rule("own", "b.tar.gz", &own_bucket()).unwrap().name, "two");
}

#[test]
fn a_rule_applies_to_its_buckets_only() {
    let rule = |name: &str, bucket: &str| {
        format!("    - {{ name: {name}, {bucket} keys: '**', targets: [ {{ device: ml_c5 }} ] }}\n")
    };
    let rules = [("partners", "bucket: 'partner-*',"), ("own", ""), ("all", "bucket: '*',")];
    let rules: String = rules.iter().map(|(name, bucket)| rule(name, bucket)).collect();
    let (config, warnings) = parse_document(&format!("version: 1\ncompilation:\n  rules:\n{rules}")).unwrap();
    assert!(warnings.is_empty(), "no rule is shadowed: {warnings:?}");
    let buckets = ModelBuckets::new("own", vec!["partner-models".to_owned(), "team".to_owned()]);
    for (bucket, rule) in [("own", "own"), ("partner-models", "partners"), ("team", "all")] {
        assert_eq!(config.find_rule(bucket, "a.tar.gz", &buckets).unwrap().name, rule, "{bucket}");
    }
    assert!(config.find_unknown_buckets(&buckets).is_empty());
    let unknown = config.find_unknown_buckets(&own_bucket());
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    let text = unknown[0].to_string();
    assert!(text.starts_with("compilation.rules[0].bucket: `partner-*` of rule `partners`"), "{text}");
    assert!(text.contains("template parameter ModelBuckets"), "{text}");
}

#[test]
fn a_rule_behind_one_for_every_bucket_is_shadowed() {
    for (first, second, is_shadowed) in [
        ("bucket: a,", "bucket: a,", true),
        ("bucket: '*',", "bucket: a,", true),
        ("bucket: '*',", "", true),
        ("", "bucket: a,", false),
        ("bucket: a,", "", false),
    ] {
        let rules = [("one", first), ("two", second)].map(|(name, bucket)| {
            format!("    - {{ name: {name}, {bucket} keys: '**', targets: [ {{ device: ml_c5 }} ] }}\n")
        });
        let rules = rules.concat();
        let (_, warnings) = parse_document(&format!("version: 1\ncompilation:\n  rules:\n{rules}")).unwrap();
        assert_eq!(warnings.len(), usize::from(is_shadowed), "{first} {second}: {warnings:?}");
    }
}

#[test]
fn a_model_package_rule_matches_no_upload() {
    let text = format!(
        "version: 1
compilation:
  rules:
    - {{ name: registry, {PACKAGE}, targets: [ {{ device: ml_m5 }} ] }}
    - {{ name: uploads, keys: '**', targets: [ {{ device: ml_m5 }} ] }}
    - {{ name: again, {PACKAGE}, targets: [ {{ device: ml_c5 }} ] }}"
    );
    let (config, warnings) = parse_document(&text).unwrap();
    assert_eq!(config.find_rule("own", "b.tar.gz", &own_bucket()).unwrap().name, "uploads");
    assert_eq!(config.rules[0].model_package().unwrap().name_and_number(), "resnet/3");
    assert!(warnings.is_empty(), "no rule is shadowed: {warnings:?}");
}

#[test]
fn yaml_anchors_are_supported() {
    let text = "version: 1
compilation:
  rules:
    - name: one
      keys: 'a/**'
      targets: &edge [ { device: jetson_nano }, { device: rasp4b } ]
    - name: two
      keys: 'b/**'
      targets: *edge
";
    let (config, _) = parse_document(text).unwrap();
    assert_eq!(config.rules[0].targets, config.rules[1].targets);
}

#[test]
fn the_example_is_valid() {
    let (config, warnings) = parse_document(include_str!("../../../config/automation.example.yaml")).unwrap();
    assert!(!config.rules.is_empty());
    assert!(warnings.is_empty(), "{warnings:?}");
}
