//! The output of the commands and their exit status.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "common/folder.rs"]
mod folder;

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
};

use folder::Folder;
use support::{build_archive, read_reference_model, read_squeezenet};

impl Folder {
    /// Runs `automation` in the folder; returns its output and its exit status.
    fn run_cli(&self, args: &[&str]) -> String {
        self.run_with_input(args, b"")
    }

    fn run_with_input(&self, args: &[&str], input: &[u8]) -> String {
        self.run_with_variables(args, input, &[])
    }

    fn run_with_variables(&self, args: &[&str], input: &[u8], variables: &[(&str, &str)]) -> String {
        let mut child = Command::new(env!("CARGO_BIN_EXE_automation"))
            .args(args)
            .env_remove("AWS_REGION")
            .env_remove("LedgerTableName")
            .env_remove("ModelBucketName")
            .envs(variables.iter().copied())
            .current_dir(&self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert!(!text.contains('\u{1b}'), "colors are printed on a terminal only: {text}");
        format!("$ automation {}\n{text}exit status {}", args.join(" "), output.status.code().unwrap())
    }
}

const CONFIG: &str = "version: 1
compilation:
  defaults: { symbolic_dims: { default: 1 }, tags: { owner: me } }
  rules:
    - name: vision
      keys: \"vision/*.tar.gz\"
      targets:
        - device: ml_c5
        - device: ml_inf1
        - platform: { os: LINUX, arch: ARM64, accelerator: NVIDIA }
          compiler_options: { gpu-code: sm_72, trt-ver: 8.2.1, cuda-ver: \"10.2\" }
";

#[test]
fn inspect_shows_the_model_and_its_problems() {
    let folder = Folder::new("inspect");
    let model = build_archive(&[("model.onnx", &read_squeezenet())]);
    folder.write_file("model.tar.gz", &model);
    folder.write_file("two.tar.gz", build_archive(&[("a.onnx", &read_squeezenet()), ("b.onnx", &read_squeezenet())]));
    folder.write_file("model.zip", b"PK\x03\x04");
    // The size depends on the version of the compressor.
    let size = |text: String| text.replace(&indicatif::HumanBytes(model.len() as u64).to_string(), "SIZE");
    let printed = [
        size(folder.run_cli(&["inspect", "model.tar.gz"])),
        size(folder.run_with_input(&["inspect", "-"], &model)),
        folder.run_cli(&["inspect", "model.zip"]),
        folder.run_cli(&["inspect", "nowhere.tar.gz"]),
        folder.run_cli(&["inspect", "s3://bucket"]),
    ];
    insta::assert_snapshot!(printed.join("\n\n"));
    folder.write_file(
        "torch.tar.gz",
        build_archive(&[("model.pt", &read_reference_model("pytorch", "traced/model.pt"))]),
    );
    let torch = folder.run_cli(&["inspect", "torch.tar.gz"]);
    assert!(
        torch.contains("contains no input shapes") && torch.contains("Fix: set the input shapes in the rule"),
        "{torch}"
    );
    assert!(torch.contains("Set the inputs above to compile it."), "{torch}");
    folder.write_file("pickle.tar.gz", build_archive(&[("model\n\u{1b}[31m.pkl", b"\x80\x04.")]));
    let pickle = folder.run_cli(&["inspect", "pickle.tar.gz"]);
    assert!(pickle.contains("model\\n\\u{1b}[31m.pkl"), "{pickle}");
    assert!(pickle.contains("No problems found in the parts that were read."), "{pickle}");
    let many: Vec<_> = (0..30).map(|number| format!("{number}.txt")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b""[..])).collect();
    folder.write_file("many.tar.gz", build_archive(&many));
    let many = folder.run_cli(&["inspect", "many.tar.gz"]);
    assert!(many.contains("30 files") && many.contains("and 10 more"), "{many}");
    let ambiguous = folder.run_cli(&["inspect", "two.tar.gz", "--json"]);
    assert!(ambiguous.ends_with("exit status 1") && ambiguous.contains("b.onnx"), "{ambiguous}");
}

/// Starts a server that answers one request with each status and body; returns its URL.
fn serve_s3(answers: Vec<(&'static str, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            assert!(request.starts_with(b"GET /models/vision/a.tar.gz"), "{}", String::from_utf8_lossy(&request));
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(&[head.into_bytes(), body].concat()).unwrap();
        }
    });
    url
}

#[test]
fn an_archive_in_s3_is_inspected() {
    let folder = Folder::new("s3");
    let missing = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";
    let answers =
        vec![("200 OK", build_archive(&[("model.onnx", &read_squeezenet())])), ("404 Not Found", missing.into())];
    let url = serve_s3(answers);
    let variables = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let inspect = || folder.run_with_variables(&["inspect", "s3://models/vision/a.tar.gz"], b"", &variables);
    let found = inspect();
    assert!(found.contains(r#"{"data_0":[1,3,224,224]}"#) && found.ends_with("exit status 0"), "{found}");
    let missing = inspect();
    let expected = "error: there is no object s3://models/vision/a.tar.gz\n";
    assert!(missing.contains(expected) && missing.ends_with("exit status 1"), "{missing}");
}

#[test]
fn plan_shows_each_request_or_its_problems() {
    let folder = Folder::new("plan");
    let model = build_archive(&[("model.onnx", &read_squeezenet())]);
    folder.write_file("model.tar.gz", &model);
    folder.write_file("automation.yaml", CONFIG.as_bytes());
    let printed = [
        folder.run_cli(&["plan", "model.tar.gz", "--key", "vision/a.tar.gz"]),
        folder.run_cli(&[
            "plan",
            "model.tar.gz",
            "-k",
            "vision/a.tar.gz",
            "-m",
            "neo-targets=ml_c5",
            "-m",
            "neo-inputs={\"data_0\":[8,3,224,224]}",
            "--json",
        ]),
        folder.run_cli(&["plan", "model.tar.gz", "-k", "vision/a.tar.gz", "-m", "neo-targets=toaster,ml_c5"]),
        folder.run_cli(&["plan", "model.tar.gz"]),
        folder.run_cli(&["plan", "model.tar.gz", "-k", "vision/a.tar.gz", "-m", "neo-targets=ml_c5", "--requests"]),
    ];
    // The size depends on the version of the compressor.
    insta::assert_snapshot!(printed.join("\n\n").replace(&format!("\"size\": {}", model.len()), "\"size\": SIZE"));
}

#[test]
fn plan_chooses_the_rule_of_the_bucket() {
    let folder = Folder::new("buckets");
    folder.write_file("model.tar.gz", build_archive(&[("model.onnx", &read_squeezenet())]));
    let rule = |name: &str, bucket: &str| {
        format!("    - {{ name: {name}, {bucket} keys: '**', targets: [ {{ device: ml_c5 }} ] }}\n")
    };
    let rules = [rule("partners", "bucket: 'partner-*',"), rule("own", "")].concat();
    folder.write_file("automation.yaml", format!("version: 1\ncompilation:\n  rules:\n{rules}").as_bytes());
    for (arguments, shown) in [
        (&[][..], "model.tar.gz as s3://models/model.tar.gz, rule own"),
        (&["--bucket", "my-models"], "s3://my-models/model.tar.gz, rule own"),
        (&["--bucket", "partner-a"], "s3://partner-a/model.tar.gz, rule partners"),
        (&["--model-bucket", "my-models"], "s3://my-models/model.tar.gz, rule own"),
        (&["--bucket", "other", "--model-bucket", "my-models"], "matches the key `model.tar.gz` in the bucket `other`"),
    ] {
        let printed = folder.run_cli(&[&["plan", "model.tar.gz"], arguments].concat());
        assert!(printed.contains(shown), "{arguments:?}: {printed}");
    }
}

#[test]
fn plan_lists_the_first_keys_if_no_rule_matches() {
    let folder = Folder::new("keys");
    folder.write_file("model.tar.gz", build_archive(&[("model.onnx", &read_squeezenet())]));
    let rules = (0..40)
        .map(|n| format!("    - {{ name: rule-{n}, keys: 'team-{n}/*.tar.gz', targets: [ {{ device: ml_c5 }} ] }}\n"));
    let document = format!("version: 1\ncompilation:\n  rules:\n{}", rules.collect::<String>());
    folder.write_file("automation.yaml", document.as_bytes());
    let printed = folder.run_cli(&["plan", "model.tar.gz"]);
    assert!(printed.contains("the rules have the keys `team-0/*.tar.gz`, "), "{printed}");
    assert!(printed.contains("`team-4/*.tar.gz` and 35 more") && !printed.contains("team-5/"), "{printed}");
}

#[test]
fn plan_chooses_the_named_framework() {
    let folder = Folder::new("framework");
    let graph = b"node { name: \"x\" op: \"Placeholder\" }";
    folder.write_file("two.tar.gz", build_archive(&[("m.onnx", &read_squeezenet()), ("frozen.pbtxt", graph)]));
    folder.write_file("automation.yaml", CONFIG.as_bytes());
    let plan = ["plan", "two.tar.gz", "-k", "vision/a.tar.gz"];
    let printed = folder.run_cli(&plan);
    assert!(printed.contains("[several-frameworks]") && printed.contains("`framework: ONNX`"), "{printed}");
    let printed = folder.run_cli(&[&plan[..], &["-m", "neo-framework=ONNX"]].concat());
    assert!(printed.contains("planned   ONNX") && !printed.contains("several-frameworks"), "{printed}");
}

#[test]
fn validate_shows_all_errors() {
    let folder = Folder::new("validate");
    folder.write_file("automation.yaml", CONFIG.as_bytes());
    folder.write_file("wrong.yaml", CONFIG.replace("ml_c5", "ml-c5").replace("keys:", "kyes:").as_bytes());
    let printed = [
        folder.run_cli(&["validate"]),
        folder.run_cli(&["validate", "wrong.yaml"]),
        folder.run_cli(&["validate", "wrong.yaml", "--json"]),
        folder.run_cli(&["plan", "model.tar.gz", "--config", "wrong.yaml"]),
    ];
    insta::assert_snapshot!(printed.join("\n\n"));
    let shared =
        CONFIG.replace("device: ml_inf1", "device: ml_c5\n          compiler_options: { mcpu: skylake-avx512 }");
    folder.write_file(
        "shared.yaml",
        shared.replace("symbolic_dims", "output: '{key}/{version}/{target}', symbolic_dims").as_bytes(),
    );
    let shared = folder.run_cli(&["validate", "shared.yaml"]);
    assert!(shared.ends_with("exit status 1") && shared.contains("one would overwrite the other"), "{shared}");
}

#[test]
fn targets_are_listed_and_filtered() {
    let folder = Folder::new("targets");
    let printed = [
        folder.run_cli(&["targets"]),
        folder.run_cli(&["targets", "LINUX_ARM64_NVIDIA"]),
        folder.run_cli(&["targets", "jetson", "--framework", "darknet"]),
        folder.run_cli(&["targets", "ml_trn1", "--json"]),
        folder.run_cli(&["targets", "toaster"]),
        folder.run_cli(&["targets", "--framework", "caffe"]),
    ];
    insta::assert_snapshot!(printed.join("\n\n"));
}

#[test]
fn output_fits_the_terminal() {
    let folder = Folder::new("width");
    folder.write_file("automation.yaml", CONFIG.as_bytes());
    folder.write_file("model.tar.gz", build_archive(&[("model.onnx", &read_squeezenet())]));
    for args in [&["targets"][..], &["plan", "model.tar.gz", "-k", "vision/a.tar.gz"], &["targets", "ml_c5"]] {
        let printed = folder.run_with_variables(args, b"", &[("COLUMNS", "70")]);
        // A problem is one line, whatever its length.
        let tables = printed.lines().filter(|line| !line.contains("error:") && !line.contains("Fix:"));
        let wide: Vec<_> = tables.filter(|line| !line.starts_with("warning") && line.chars().count() > 70).collect();
        // A value that can be copied is in one piece.
        let may_be_wide = ["`automation targets NAME`", "compiler options  {"];
        assert!(wide.iter().all(|line| may_be_wide.iter().any(|text| line.contains(text))), "{wide:?}");
    }
}

#[test]
fn colors_can_be_forced_and_forbidden() {
    let folder = Folder::new("color");
    folder.write_file("automation.yaml", CONFIG.as_bytes());
    let run = |args: &[&str], variable: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_automation"));
        command.args(args).current_dir(&folder.0).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        String::from_utf8(command.env(variable, "1").output().unwrap().stdout).unwrap().contains('\u{1b}')
    };
    for (args, variable, is_colored) in [
        (&["validate"][..], "NONE", false),
        (&["validate", "--color", "always"], "NONE", true),
        (&["validate", "--color", "always"], "NO_COLOR", true),
        (&["validate"], "FORCE_COLOR", true),
        (&["validate", "--color", "never"], "FORCE_COLOR", false),
    ] {
        assert_eq!(run(args, variable), is_colored, "{args:?} {variable}");
    }
}

#[test]
fn warnings_fail_if_strict() {
    let folder = Folder::new("strict");
    folder.write_file("automation.yaml", CONFIG.replace("vision/*.tar.gz", "s3://models/*.tar.gz").as_bytes());
    let lenient = folder.run_cli(&["validate"]);
    assert!(lenient.ends_with("automation.yaml is valid: 1 rule (3 targets); 1 warning\nexit status 0"), "{lenient}");
    let strict = folder.run_cli(&["validate", "--strict"]);
    assert!(
        strict.ends_with("automation.yaml has 1 warning (--strict): 1 rule (3 targets)\nexit status 1"),
        "{strict}"
    );
    folder.write_file("utf16.yaml", b"\xff\xfev\0");
    let json = folder.run_cli(&["validate", "utf16.yaml", "--json"]);
    assert!(json.contains("UTF-16") && json.contains("\"line\": 1") && json.ends_with("exit status 1"), "{json}");
}

#[test]
fn help_has_examples() {
    let folder = Folder::new("help");
    let show_help = |args: &[&str]| folder.run_with_variables(args, b"", &[("COLUMNS", "80")]);
    let mut printed = vec![show_help(&["--help"])];
    for command in [
        "inspect", "plan", "validate", "maintain", "targets", "explain", "upload", "status", "config", "doctor",
        "redrive", "replay", "schema", "completions",
    ] {
        let help = show_help(&[command, "--help"]);
        let has_example = help.contains(&format!("automation {command} ")) && help.contains("Example");
        assert!(has_example || command == "schema", "{help}");
        printed.push(help);
    }
    // clap ends some lines with spaces.
    let lines: Vec<_> = printed.iter().flat_map(|help| help.lines().chain([""])).map(str::trim_end).collect();
    assert!(lines.iter().all(|line| line.len() <= 80), "an example is wider than a terminal");
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn json_of_inspect_has_the_warnings_of_the_text() {
    let folder = Folder::new("inspect-json");
    let model = read_reference_model("keras", "keras3-sequential/model.h5");
    folder.write_file("m.tar.gz", build_archive(&[("model.h5", &model)]));
    let (text, json) = (folder.run_cli(&["inspect", "m.tar.gz"]), folder.run_cli(&["inspect", "m.tar.gz", "--json"]));
    assert!(text.contains("[model-version]"), "{text}");
    assert!(json.contains("\"model-version\""), "{json}");
}

#[test]
fn codes_are_explained() {
    let folder = Folder::new("explain");
    let printed = [
        folder.run_cli(&["explain", "[torch-suffix]"]),
        folder.run_cli(&["explain", "upgrade-failed-too-often"]),
        folder.run_cli(&["explain", "Model"]),
        folder.run_cli(&["explain", "no-model"]),
        folder.run_cli(&["explain", "torch-suffix", "--json"]),
        folder.run_cli(&["explain", "Model", "--json"]),
    ];
    insta::assert_snapshot!(printed.join("\n\n"));
}

#[test]
fn completions_are_generated_for_shells() {
    let folder = Folder::new("completions");
    for shell in ["bash", "zsh", "fish"] {
        let script = folder.run_cli(&["completions", shell]);
        // fish completes the values of options only.
        let positional: &[&str] = if shell == "fish" { &[] } else { &["jetson_nano", "job-states", "partner-apps"] };
        for value in ["inspect", "PYTORCH", "always"].iter().chain(positional) {
            assert!(script.contains(value), "{shell}: {value}");
        }
    }
}
