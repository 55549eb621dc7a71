//! Partner apps, images and their tags, tested through the SDK.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod common;

use std::time::Duration;

use aws_sdk_sagemaker::{
    Client,
    operation::describe_partner_app::DescribePartnerAppOutput,
    types::{ImageStatus, PartnerAppAuthType, PartnerAppStatus as Status, PartnerAppType, Tag},
};
use common::{create_client, error_code_and_message, start_emulator};
use sagemaker_emulator::{Emulator, ScriptedFault};

const STATUS_DURATION: Duration = Duration::from_secs(10);
const ROLE: &str = "arn:aws:iam::000000000000:role/apps";

async fn start_emulator_with_apps() -> Emulator {
    let emulator = start_emulator().await;
    emulator.change_settings(|settings| settings.updating_ms = 10_000);
    emulator.set_partner_app_versions("fiddler", &[("1.3", None), ("1.4", None), ("1.5", None)]);
    emulator
}

async fn create_app(client: &Client, name: &str) -> String {
    let create = client.create_partner_app().name(name).r#type(PartnerAppType::Fiddler).execution_role_arn(ROLE);
    let tag = Tag::builder().key("team").value("ml").build();
    let created = create.tier("small").auth_type(PartnerAppAuthType::Iam).tags(tag).send().await.unwrap();
    created.arn().unwrap().to_owned()
}

async fn describe_app(client: &Client, arn: &str) -> DescribePartnerAppOutput {
    client.describe_partner_app().arn(arn).include_available_upgrade(true).send().await.unwrap()
}

fn app_state(app: &DescribePartnerAppOutput) -> (&Status, &str, Option<&str>) {
    let offered = app.available_upgrade().and_then(|upgrade| upgrade.version());
    (app.status().unwrap(), app.version().unwrap(), offered)
}

#[tokio::test]
async fn app_is_upgraded_one_version_at_a_time() {
    let emulator = start_emulator_with_apps().await;
    let client = create_client(&emulator);
    let arn = create_app(&client, "fiddler").await;
    let upgrade = |version: &str, token: &str| {
        client.update_partner_app().arn(&arn).app_version(version).client_token(token).send()
    };
    assert_eq!(error_code_and_message(upgrade("1.4", "a").await).0, "ConflictException", "while it is created");
    emulator.advance_clock(STATUS_DURATION);
    assert_eq!(app_state(&describe_app(&client, &arn).await), (&Status::Available, "1.3", Some("1.4")));
    let plain = client.describe_partner_app().arn(&arn).send().await.unwrap();
    assert_eq!(plain.available_upgrade(), None, "shown only with IncludeAvailableUpgrade");
    for version in ["1.5", "1.3", "1.2"] {
        let (code, message) = error_code_and_message(upgrade(version, version.replace('.', "-").as_str()).await);
        assert_eq!((code.as_str(), message.contains("available upgrade: 1.4")), ("ValidationException", true));
    }
    upgrade("1.4", "b").await.unwrap();
    assert_eq!(app_state(&describe_app(&client, &arn).await), (&Status::Updating, "1.3", Some("1.4")));
    upgrade("1.4", "b").await.expect("the same token and request get the same response");
    assert_eq!(error_code_and_message(upgrade("1.4", "c").await).0, "ConflictException");
    emulator.advance_clock(STATUS_DURATION);
    assert_eq!(app_state(&describe_app(&client, &arn).await), (&Status::Available, "1.4", Some("1.5")));
    upgrade("1.4", "b").await.expect("and have no further effect");
    assert_eq!(app_state(&describe_app(&client, &arn).await), (&Status::Available, "1.4", Some("1.5")));
}

#[tokio::test]
async fn failed_update_leaves_the_app_unchanged() {
    let emulator = start_emulator_with_apps().await;
    let client = create_client(&emulator);
    let arn = create_app(&client, "fiddler").await;
    emulator.advance_clock(STATUS_DURATION);
    emulator.add_fault(ScriptedFault::fail_update("fiddler", 1, "no capacity"));
    let update = || client.update_partner_app().arn(&arn).tier("large").app_version("1.4").send();
    update().await.unwrap();
    emulator.advance_clock(STATUS_DURATION);
    let failed = describe_app(&client, &arn).await;
    assert_eq!(app_state(&failed), (&Status::UpdateFailed, "1.3", Some("1.4")));
    assert_eq!((failed.tier(), failed.error().unwrap().reason()), (Some("small"), Some("no capacity")));
    update().await.unwrap();
    emulator.advance_clock(STATUS_DURATION);
    let done = describe_app(&client, &arn).await;
    assert_eq!((app_state(&done), done.tier()), ((&Status::Available, "1.4", Some("1.5")), Some("large")));
    assert_eq!(done.error(), None);
}

#[tokio::test]
async fn lists_ten_apps_per_page_and_reports_missing_apps() {
    let emulator = start_emulator_with_apps().await;
    let client = create_client(&emulator);
    for number in 0..25 {
        create_app(&client, &format!("app{number}")).await;
    }
    let mut pages = Vec::new();
    let mut next = None;
    loop {
        let page = client.list_partner_apps().set_next_token(next).send().await.unwrap();
        pages.push(page.summaries().len());
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(pages, [10, 10, 5]);
    let missing = "arn:aws:sagemaker:us-east-1:000000000000:partner-app/app-ZZZZZZZZZZZZ";
    assert_eq!(error_code_and_message(client.describe_partner_app().arn(missing).send().await).0, "ResourceNotFound");
    assert_eq!(error_code_and_message(client.update_partner_app().arn(missing).send().await).0, "ResourceNotFound");
}

#[tokio::test]
async fn image_update_sets_and_deletes_properties() {
    let emulator = start_emulator_with_apps().await;
    let client = create_client(&emulator);
    let create =
        || client.create_image().image_name("base").role_arn(ROLE).description("old").display_name("Base").send();
    create().await.unwrap();
    assert_eq!(error_code_and_message(create().await).0, "ResourceInUse");
    let update = || {
        let update = client.update_image().image_name("base").display_name("Training base");
        update.delete_properties("Description").send()
    };
    assert_eq!(error_code_and_message(update().await).0, "ResourceInUse", "while it is created");
    emulator.advance_clock(STATUS_DURATION);
    emulator.add_fault(ScriptedFault::fail_update("base", 1, "the role cannot be assumed"));
    update().await.unwrap();
    assert_eq!(error_code_and_message(update().await).0, "ResourceInUse", "while it is updated");
    emulator.advance_clock(STATUS_DURATION);
    let describe_image = || client.describe_image().image_name("base").send();
    let failed = describe_image().await.unwrap();
    assert_eq!(failed.image_status(), Some(&ImageStatus::UpdateFailed));
    assert_eq!(failed.failure_reason(), Some("the role cannot be assumed"));
    assert_eq!((failed.display_name(), failed.description()), (Some("Base"), Some("old")));
    update().await.unwrap();
    emulator.advance_clock(STATUS_DURATION);
    let done = describe_image().await.unwrap();
    assert_eq!(done.image_status(), Some(&ImageStatus::Created));
    assert_eq!((done.display_name(), done.description(), done.failure_reason()), (Some("Training base"), None, None));
    let both = client.update_image().image_name("base").display_name("x");
    let both = both.delete_properties("DisplayName").send().await;
    assert_eq!(error_code_and_message(both).0, "ValidationException");
    assert_eq!(error_code_and_message(client.describe_image().image_name("none").send().await).0, "ResourceNotFound");
    assert_eq!(client.list_images().name_contains("bas").send().await.unwrap().images().len(), 1);
    assert_eq!(client.list_images().name_contains("none").send().await.unwrap().images().len(), 0);
}

#[tokio::test]
async fn tags_are_added_and_replaced_by_key() {
    let emulator = start_emulator_with_apps().await;
    let client = create_client(&emulator);
    let arn = create_app(&client, "fiddler").await;
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let add = client.add_tags().resource_arn(&arn).tags(tag("team", "vision")).tags(tag("cost", "42"));
    assert_eq!(add.send().await.unwrap().tags().len(), 2);
    let listed = client.list_tags().resource_arn(&arn).send().await.unwrap();
    assert_eq!(listed.tags(), [tag("cost", "42"), tag("team", "vision")]);
}
