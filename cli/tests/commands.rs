//! What the commands print, and their exit status.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

/// A folder of its own for each test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.join(name), bytes).unwrap();
    }

    /// Runs `automation` here; its status and what it printed.
    fn run(&self, args: &[&str]) -> String {
        self.fed(args, b"")
    }

    fn fed(&self, args: &[&str], input: &[u8]) -> String {
        self.with(args, input, &[])
    }

    fn with(&self, args: &[&str], input: &[u8], variables: &[(&str, &str)]) -> String {
        let mut child = Command::new(env!("CARGO_BIN_EXE_automation"))
            .args(args)
            .env_remove("AWS_REGION")
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
        assert!(!text.contains('\u{1b}'), "no colours but on a terminal: {text}");
        format!("$ automation {}\n{text}exit status {}", args.join(" "), output.status.code().unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A real model of the `onnx` package: its input is `data_0`, of shape 1×3×224×224.
fn squeezenet() -> Vec<u8> {
    reference_model("onnx", "light/light_squeezenet.onnx")
}

/// A model of `tests/models`.
fn reference_model(suite: &str, path: &str) -> Vec<u8> {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models").join(suite).join("suite.tar.gz");
    let mut suite = tar::Archive::new(GzDecoder::new(fs::File::open(suite).unwrap()));
    let mut entries = suite.entries().unwrap().map(Result::unwrap);
    let mut entry = entries.find(|entry| entry.path().unwrap() == Path::new(path)).unwrap();
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).unwrap();
    bytes
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
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
fn inspect_tells_what_is_in_an_archive() {
    let folder = Folder::new("inspect");
    let model = archive(&[("model.onnx", &squeezenet())]);
    folder.put("model.tar.gz", &model);
    folder.put("two.tar.gz", &archive(&[("a.onnx", &squeezenet()), ("b.onnx", &squeezenet())]));
    folder.put("model.zip", b"PK\x03\x04");
    // How small a model gets is the compressor's business.
    let size = |text: String| text.replace(&indicatif::HumanBytes(model.len() as u64).to_string(), "SIZE");
    let said = [
        size(folder.run(&["inspect", "model.tar.gz"])),
        size(folder.fed(&["inspect", "-"], &model)),
        folder.run(&["inspect", "model.zip"]),
        folder.run(&["inspect", "nowhere.tar.gz"]),
        folder.run(&["inspect", "s3://bucket"]),
    ];
    insta::assert_snapshot!(said.join("\n\n"));
    folder.put("torch.tar.gz", &archive(&[("model.pt", &reference_model("pytorch", "traced/model.pt"))]));
    let torch = folder.run(&["inspect", "torch.tar.gz"]);
    assert!(torch.contains("holds no input shapes") && torch.contains("give `inputs` in the rule"), "{torch}");
    assert!(torch.contains("It can be compiled once what is open is set."), "{torch}");
    folder.put("pickle.tar.gz", &archive(&[("model\n\u{1b}[31m.pkl", b"\x80\x04.")]));
    let pickle = folder.run(&["inspect", "pickle.tar.gz"]);
    assert!(pickle.contains("model\\n\\u{1b}[31m.pkl"), "{pickle}");
    assert!(pickle.contains("Nothing stands against compiling it as far as it was read."), "{pickle}");
    let many: Vec<_> = (0..30).map(|number| format!("{number}.txt")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b""[..])).collect();
    folder.put("many.tar.gz", &archive(&many));
    let many = folder.run(&["inspect", "many.tar.gz"]);
    assert!(many.contains("30 files") && many.contains("and 10 more"), "{many}");
    let ambiguous = folder.run(&["inspect", "two.tar.gz", "--json"]);
    assert!(ambiguous.ends_with("exit status 1") && ambiguous.contains("b.onnx"), "{ambiguous}");
}

/// Answers one request for each of these with a status and a body; its address.
fn s3(answers: Vec<(&'static str, Vec<u8>)>) -> String {
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
fn an_archive_in_s3_is_read_where_it_lies() {
    let folder = Folder::new("s3");
    let missing = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";
    let answers = vec![("200 OK", archive(&[("model.onnx", &squeezenet())])), ("404 Not Found", missing.into())];
    let url = s3(answers);
    let variables = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let inspect = || folder.with(&["inspect", "s3://models/vision/a.tar.gz"], b"", &variables);
    let found = inspect();
    assert!(found.contains(r#"{"data_0":[1,3,224,224]}"#) && found.ends_with("exit status 0"), "{found}");
    let missing = inspect();
    let said = "error: cannot read s3://models/vision/a.tar.gz: NoSuchKey: The specified key does not exist.\n";
    assert!(missing.contains(said) && missing.ends_with("exit status 2"), "{missing}");
}

#[test]
fn plan_tells_each_request_or_why_not() {
    let folder = Folder::new("plan");
    let model = archive(&[("model.onnx", &squeezenet())]);
    folder.put("model.tar.gz", &model);
    folder.put("automation.yaml", CONFIG.as_bytes());
    let said = [
        folder.run(&["plan", "model.tar.gz", "--key", "vision/a.tar.gz"]),
        folder.run(&[
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
        folder.run(&["plan", "model.tar.gz", "-k", "vision/a.tar.gz", "-m", "neo-targets=toaster,ml_c5"]),
        folder.run(&["plan", "model.tar.gz"]),
    ];
    // How small a model gets is the compressor's business.
    insta::assert_snapshot!(said.join("\n\n").replace(&format!("\"size\": {}", model.len()), "\"size\": SIZE"));
}

#[test]
fn validate_names_every_mistake() {
    let folder = Folder::new("validate");
    folder.put("automation.yaml", CONFIG.as_bytes());
    folder.put("wrong.yaml", CONFIG.replace("ml_c5", "ml-c5").replace("keys:", "kyes:").as_bytes());
    let said = [
        folder.run(&["validate"]),
        folder.run(&["validate", "wrong.yaml"]),
        folder.run(&["validate", "wrong.yaml", "--json"]),
        folder.run(&["plan", "model.tar.gz", "--config", "wrong.yaml"]),
    ];
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn targets_lists_the_table() {
    let folder = Folder::new("targets");
    let said = [
        folder.run(&["targets"]),
        folder.run(&["targets", "LINUX_ARM64_NVIDIA"]),
        folder.run(&["targets", "jetson", "--framework", "darknet"]),
        folder.run(&["targets", "ml_trn1", "--json"]),
        folder.run(&["targets", "toaster"]),
        folder.run(&["targets", "--framework", "caffe"]),
    ];
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn help_has_examples_and_shells_are_completed() {
    let folder = Folder::new("help");
    for command in ["inspect", "plan", "validate", "maintain", "targets", "redrive", "completions"] {
        let help = folder.run(&[command, "--help"]);
        assert!(help.contains(&format!("automation {command}")) && help.contains("Example"), "{help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(folder.run(&["completions", shell]).contains("inspect"), "{shell}");
    }
}
