//! `automation maintain`: what it shows, what it does and its exit status, against the emulator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

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
  - { name: audit, description: Those who check samples, members: { oidc: { groups: [auditors] } }, mode: notify }
";

struct Scene {
    folder: PathBuf,
    emulator: Emulator,
}

impl Scene {
    async fn new(test: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        fs::create_dir_all(&folder).unwrap();
        let owner = Owner { region: "eu-west-1".to_owned(), account: "123456789012".to_owned() };
        let scene = Self { folder, emulator: Emulator::builder().owner(owner).start().await.unwrap() };
        scene.put(TEAMS);
        scene
    }

    fn put(&self, text: &str) {
        fs::write(self.folder.join("automation.yaml"), text).unwrap();
    }

    /// Runs `automation` here; its status and what it printed.
    async fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_automation"));
        command
            .args(args)
            .current_dir(&self.folder)
            .env_remove("ConfigBucketName")
            .env_remove("AWS_ENDPOINT_URL")
            .envs([
                ("AWS_REGION", "eu-west-1"),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_ENDPOINT_URL_SAGEMAKER", &self.emulator.url()),
                ("WorkteamTopicArn", "arn:aws:sns:eu-west-1:123456789012:stack-WorkteamTopic"),
            ])
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!text.contains('\u{1b}'), "no colours but on a terminal: {text}");
        format!("$ automation {}\n{text}exit status {}", args.join(" "), output.status.code().unwrap())
    }

    /// The calls that changed something.
    fn changes(&self) -> Vec<String> {
        let requests = self.emulator.requests().into_iter().map(|request| request.operation);
        requests.filter(|operation| !operation.starts_with("List")).collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const PLAN: [&str; 3] = ["maintain", "workteams", "--plan"];
const APPLY: [&str; 3] = ["maintain", "workteams", "--yes"];

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_shown_applied_and_then_there_is_nothing_to_do() {
    let scene = Scene::new("maintain-flow").await;
    let mut said = vec![scene.run(&PLAN).await];
    assert!(scene.changes().is_empty(), "a plan changes nothing");
    said.push(scene.run(&["maintain", "workteams"]).await);
    assert!(scene.changes().is_empty(), "there is nobody to ask");
    said.push(scene.run(&APPLY).await);
    said.push(scene.run(&APPLY).await);
    assert_eq!(scene.changes(), ["CreateWorkteam"]);
    scene.put(&TEAMS.replace("user_group: residents", "user_group: interns").replace(", mode: notify", ""));
    said.push(scene.run(&PLAN).await);
    said.push(scene.run(&APPLY).await);
    scene.put(
        &TEAMS.replace("user_group: residents", "user_group: a").replace("user_group: radiologists", "user_group: b"),
    );
    said.push(scene.run(&PLAN).await);
    said.push(scene.run(&APPLY).await);
    assert_eq!(scene.changes().len(), 3, "{:?}", scene.changes());
    insta::assert_snapshot!(said.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn json_says_the_same() {
    let scene = Scene::new("maintain-json").await;
    let mut said = vec![scene.run(&["maintain", "workteams", "--plan", "--json"]).await];
    said.push(scene.run(&["maintain", "workteams", "--yes", "--json"]).await);
    scene.put("version: 1\nworkteams: [ { name: a_b, description: d, members: {} } ]");
    said.push(scene.run(&["maintain", "workteams", "--plan", "--json"]).await);
    said.push(scene.run(&PLAN).await);
    insta::assert_snapshot!(said.join("\n\n"));
}

/// What docs/MAINTENANCE.md shows is what is printed.
#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_shows_a_real_plan() {
    let scene = Scene::new("maintain-docs").await;
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/MAINTENANCE.md");
    scene.run(&APPLY).await;
    scene.put(
        &TEAMS
            .replace("Radiologists", "Radiologists of all sites")
            .replace("user_group: residents", "user_group: interns"),
    );
    let plan = scene.run(&PLAN).await;
    let text = fs::read_to_string(&docs).unwrap();
    let (before, rest) = text.split_once("```console\n").unwrap();
    let (shown, after) = rest.split_once("\n```\n").unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&docs, format!("{before}```console\n{plan}\n```\n{after}")).unwrap();
    } else {
        assert_eq!(shown, plan, "docs/MAINTENANCE.md is old: run this test with UPDATE_DOCS=1");
    }
}
