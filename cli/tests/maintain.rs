//! `automation maintain` against the emulator: its output, its API calls and its exit status.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "common/folder.rs"]
mod folder;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use folder::Folder;
use sagemaker_emulator::{Emulator, Owner};

const TEAMS: &str = "\
version: 1
workteams:
  - name: radiology
    description: Radiologists
    members:
      cognito:
        - { user_pool: eu-west-1_a1B2c3D4e, user_group: radiologists, client_id: 4k1example }
        - { user_pool: eu-west-1_a1B2c3D4e, user_group: residents, client_id: 4k1example }
    notifications: stack
  - { name: audit, description: Reviewers of label quality, members: { oidc: { groups: [auditors] } }, mode: notify }
";

struct Scene {
    folder: Folder,
    emulator: Emulator,
}

impl Scene {
    async fn new(test: &str) -> Self {
        let folder = Folder::new(test);
        let owner = Owner { region: "eu-west-1".to_owned(), account: "123456789012".to_owned() };
        let scene = Self { folder, emulator: Emulator::builder().owner(owner).start().await.unwrap() };
        // The rate of list calls is limited in real time.
        scene.emulator.change_settings(|settings| settings.max_list_rps = None);
        scene.write_config(TEAMS);
        scene
    }

    fn write_config(&self, text: &str) {
        self.folder.write_file("automation.yaml", text);
    }

    /// Runs `automation` in the folder; returns its output and its exit status.
    async fn run_cli(&self, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_automation"));
        command
            .args(args)
            .current_dir(&self.folder.0)
            .env_remove("ConfigBucketName")
            .env_remove("AWS_ENDPOINT_URL")
            .envs([
                ("AWS_REGION", "eu-west-1"),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_ENDPOINT_URL_SAGEMAKER", &self.emulator.endpoint_url()),
                ("WorkteamTopicArn", "arn:aws:sns:eu-west-1:123456789012:stack-WorkteamTopic"),
            ])
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!text.contains('\u{1b}'), "colors are printed on a terminal only: {text}");
        format!("$ automation {}\n{text}exit status {}", args.join(" "), output.status.code().unwrap())
    }

    /// The mutating API calls.
    fn mutating_calls(&self) -> Vec<String> {
        let requests = self.emulator.logged_requests().into_iter().map(|request| request.operation);
        requests.filter(|operation| !operation.starts_with("List")).collect()
    }
}

const PLAN: [&str; 4] = ["maintain", "workteams", "--plan", "--detailed-exitcode"];
const APPLY: [&str; 3] = ["maintain", "workteams", "--yes"];

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_shown_and_applied_once() {
    let scene = Scene::new("maintain-flow").await;
    let mut printed = vec![scene.run_cli(&PLAN).await];
    assert!(scene.mutating_calls().is_empty(), "--plan changes nothing");
    printed.push(scene.run_cli(&["maintain", "workteams"]).await);
    assert!(scene.mutating_calls().is_empty(), "nothing changes without confirmation");
    printed.push(scene.run_cli(&APPLY).await);
    printed.push(scene.run_cli(&APPLY).await);
    assert_eq!(scene.mutating_calls(), ["CreateWorkteam"]);
    scene.write_config(&TEAMS.replace("user_group: residents", "user_group: interns").replace(", mode: notify", ""));
    printed.push(scene.run_cli(&PLAN).await);
    printed.push(scene.run_cli(&APPLY).await);
    scene.write_config(
        &TEAMS.replace("user_group: residents", "user_group: a").replace("user_group: radiologists", "user_group: b"),
    );
    printed.push(scene.run_cli(&PLAN).await);
    printed.push(scene.run_cli(&APPLY).await);
    assert_eq!(scene.mutating_calls().len(), 3, "{:?}", scene.mutating_calls());
    insta::assert_snapshot!(printed.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_exists_is_exported_as_a_configuration() {
    let scene = Scene::new("maintain-export").await;
    scene.run_cli(&APPLY).await;
    let exported = scene.run_cli(&["maintain", "workteams", "--export"]).await;
    let (_, exported) = exported.split_once('\n').unwrap();
    let exported = exported.strip_suffix("exit status 0").unwrap();
    assert!(exported.contains("- name: \"radiology\"") && exported.contains("notifications: \"stack\""), "{exported}");
    scene.write_config(exported);
    let plan = scene.run_cli(&PLAN).await;
    assert!(plan.contains("Plan: 0 to change, 1 unchanged."), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_contains_the_plan_and_the_outcomes() {
    let scene = Scene::new("maintain-json").await;
    let mut printed = vec![scene.run_cli(&["maintain", "workteams", "--plan", "--json"]).await];
    printed.push(scene.run_cli(&["maintain", "workteams", "--yes", "--json"]).await);
    scene.write_config("version: 1\nworkteams: [ { name: a_b, description: d, members: {} } ]");
    printed.push(scene.run_cli(&["maintain", "workteams", "--plan", "--json"]).await);
    printed.push(scene.run_cli(&PLAN).await);
    insta::assert_snapshot!(printed.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_shows_the_real_output() {
    let scene = Scene::new("maintain-docs").await;
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/MAINTENANCE.md");
    scene.run_cli(&APPLY).await;
    scene.write_config(
        &TEAMS
            .replace("Radiologists", "Radiologists of all sites")
            .replace("user_group: residents", "user_group: interns"),
    );
    let plan = scene.run_cli(&PLAN).await;
    let text = fs::read_to_string(&docs).unwrap();
    let (before, rest) = text.split_once("```console\n").unwrap();
    let (shown, after) = rest.split_once("\n```\n").unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&docs, format!("{before}```console\n{plan}\n```\n{after}")).unwrap();
    } else {
        assert_eq!(shown, plan, "docs/MAINTENANCE.md is out of date: run this test with UPDATE_DOCS=1");
    }
}
