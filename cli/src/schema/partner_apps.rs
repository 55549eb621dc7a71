//! The section `partner_apps`.

use std::collections::BTreeMap;

use schemars::JsonSchema;

/// A partner app that is kept as it is declared here. Apps that are not named are left alone.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, never a value")]
pub(super) struct PartnerApp {
    /// The app's name or ARN.
    #[schemars(regex(
        pattern = r"^([a-zA-Z0-9-]{1,256}|arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:partner-app/app-[A-Z0-9]{12})$"
    ))]
    app: String,
    /// Whether the app is upgraded to what SageMaker offers: by itself, by you once you are told, or not at all.
    #[schemars(extend("default" = "notify"))]
    upgrade: Option<Upgrade>,
    /// The newest version the app is upgraded to. Left out: whatever is offered.
    #[schemars(regex(pattern = r"^\d+\.\d+$"))]
    max_version: Option<String>,
    /// When the app may be changed. Left out: two hours from its own maintenance window's start on.
    window: Option<Window>,
    /// Another app that must have run a version for some days before this one gets it.
    after: Option<After>,
    /// From so many days before the end of life of its version on, the app does not wait for `after`.
    #[schemars(range(min = 1, max = 365))]
    force_before_eol_days: Option<u16>,
    /// When SageMaker's own weekly maintenance starts (UTC). Left out, like all below: as it stands.
    maintenance_window_start: Option<WeekTime>,
    /// Whether SageMaker upgrades minor versions by itself, in its own window and without waiting for `after`.
    auto_minor_upgrade: Option<bool>,
    /// Instance type and size of the cluster.
    #[schemars(length(min = 1, max = 64))]
    tier: Option<String>,
    /// Whether users are told apart by their IAM session or user name.
    iam_session_identity: Option<bool>,
    /// The application's own settings.
    application: Option<Application>,
    /// Tags that the app has at least.
    tags: Option<BTreeMap<String, String>>,
}

/// Whether an app is upgraded.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "a shape, never a value")]
enum Upgrade {
    Auto,
    Notify,
    Off,
}

/// When an app may be changed, once a week.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, never a value")]
struct Window {
    /// When it opens (UTC).
    start: WeekTime,
    /// How long it stays open, in minutes.
    #[schemars(range(min = 1, max = 10080), extend("default" = 120))]
    minutes: Option<u16>,
}

/// A day, an hour and a minute of the week (UTC), such as TUE:03:30.
#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "a shape, never a value")]
struct WeekTime(
    #[schemars(regex(
        pattern = r"^([Mm][Oo][Nn]|[Tt][Uu][Ee]|[Ww][Ee][Dd]|[Tt][Hh][Uu]|[Ff][Rr][Ii]|[Ss][Aa][Tt]|[Ss][Uu][Nn]):([01]\d|2[0-3]):[0-5]\d$"
    ))]
    String,
);

/// An app that goes first.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, never a value")]
struct After {
    /// Its name or ARN.
    app: String,
    /// Days it must have run the version.
    #[schemars(range(min = 1, max = 365))]
    days: u16,
}

/// The application's own settings; it is sent whole, with what stands where a key is left out.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, never a value")]
struct Application {
    /// Users with admin access.
    #[schemars(length(max = 5))]
    admin_users: Option<Vec<String>>,
    /// What the type of app asks for.
    #[schemars(length(max = 5))]
    arguments: Option<BTreeMap<String, String>>,
    /// Identity Center groups that may use the app; `*` stands for anything.
    #[schemars(length(max = 10))]
    assigned_group_patterns: Option<Vec<GroupPattern>>,
    /// Groups by the role they have in the app; each matches one of `assigned_group_patterns`.
    #[schemars(length(max = 10))]
    role_group_assignments: Option<BTreeMap<String, Vec<GroupPattern>>>,
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "a shape, never a value")]
struct GroupPattern(#[schemars(length(min = 1, max = 128), regex(pattern = r"^[\w+=,.@*-]+$"))] String);
