//! `automation` on a terminal.

use std::{
    io::Write,
    process::{Command, Stdio},
};

/// Runs `automation` on a terminal (that of `script`) and types the answer; returns what the
/// terminal shows and the exit status. The arguments can end with a redirection, such as `>file`.
pub fn run_on_terminal(url: &str, args: &[&str], answer: &str) -> (String, i32) {
    let quote = |word: &&str| if word.contains('>') { (*word).to_owned() } else { format!("'{word}'") };
    let words = [&[env!("CARGO_BIN_EXE_automation")], args].concat();
    let words: Vec<_> = words.iter().map(quote).collect();
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"])
        .envs([("AWS_ENDPOINT_URL", url), ("AWS_REGION", "eu-west-1")])
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}
