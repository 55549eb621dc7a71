//! The section `partner_apps`.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::parts::{TagValueSchema, tag_keys};

/// The name or the ARN of an app.
const APP_PATTERN: &str =
    r"^([a-zA-Z0-9-]{1,256}|arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:partner-app/app-[A-Z0-9]{12})$";

/// A partner app to reconcile. Apps that are not listed are never changed.
#[derive(JsonSchema)]
#[schemars(rename = "PartnerApp", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct PartnerAppSchema {
    /// Name or ARN of the app.
    #[schemars(regex(pattern = APP_PATTERN))]
    app: String,
    /// `auto` upgrades to the version that SageMaker offers, one step at a time; `notify` notifies
    /// you of the offered version; `off` does neither.
    #[schemars(extend("default" = "notify"))]
    upgrade: Option<UpgradeSchema>,
    /// Newest version to upgrade to. Default: every offered version.
    #[schemars(regex(pattern = r"^\d+\.\d+$"))]
    max_version: Option<String>,
    /// Weekly maintenance window for changes to the app. Default: two hours, starting at the app's
    /// own `MaintenanceWindowStart`.
    window: Option<WindowSchema>,
    /// Another app that must have run a version for a waiting period before this app is upgraded to
    /// it.
    after: Option<AfterSchema>,
    /// Number of days before the end of life of the app's version from which `after` is ignored;
    /// the window still applies.
    #[schemars(range(min = 1, max = 365))]
    force_before_eol_days: Option<u16>,
    /// Start of SageMaker's own weekly maintenance window (UTC). Default, as for all keys below:
    /// unchanged.
    maintenance_window_start: Option<WeekTimeSchema>,
    /// Whether SageMaker automatically upgrades minor versions, in its own window and ignoring
    /// `after`.
    auto_minor_upgrade: Option<bool>,
    /// Instance type and size of the cluster.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[^\n]*\S[^\n]*$"))]
    tier: Option<String>,
    /// Whether users are identified by their IAM session name or user name.
    iam_session_identity: Option<bool>,
    /// Settings of the application.
    application: Option<ApplicationSchema>,
    /// Tags that the app must have; other tags are kept.
    #[schemars(extend("propertyNames" = tag_keys()), extend("maxProperties" = 50))]
    tags: Option<BTreeMap<String, TagValueSchema>>,
}

/// What to do when SageMaker offers a new version of an app.
#[derive(JsonSchema)]
#[schemars(rename = "Upgrade", rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum UpgradeSchema {
    Auto,
    Notify,
    Off,
}

/// A weekly maintenance window.
#[derive(JsonSchema)]
#[schemars(rename = "Window", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct WindowSchema {
    /// When it opens (UTC).
    start: WeekTimeSchema,
    /// How long it stays open, in minutes.
    #[schemars(range(min = 1, max = 10080), extend("default" = 120))]
    minutes: Option<u16>,
}

/// A day, hour and minute of the week (UTC), such as TUE:03:30.
#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
struct WeekTimeSchema(
    #[schemars(regex(
        pattern = r"^([Mm][Oo][Nn]|[Tt][Uu][Ee]|[Ww][Ee][Dd]|[Tt][Hh][Uu]|[Ff][Rr][Ii]|[Ss][Aa][Tt]|[Ss][Uu][Nn]):([01]\d|2[0-3]):[0-5]\d$"
    ))]
    String,
);

/// The app that is upgraded first, and the waiting period.
#[derive(JsonSchema)]
#[schemars(rename = "After", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct AfterSchema {
    /// Name or ARN of the app that is upgraded first.
    #[schemars(regex(pattern = APP_PATTERN))]
    app: String,
    /// Length of the waiting period, in days.
    #[schemars(range(min = 1, max = 365))]
    days: u16,
}

/// Settings of the application. They are always sent as a whole: omitted keys are sent with their
/// current value.
#[derive(JsonSchema)]
#[schemars(rename = "Application", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct ApplicationSchema {
    /// Users with admin access.
    #[schemars(length(max = 5))]
    admin_users: Option<Vec<String>>,
    /// Arguments that the type of app requires, by name.
    #[schemars(length(max = 5))]
    arguments: Option<BTreeMap<String, String>>,
    /// Patterns of Identity Center groups that can use the app; `*` is a wildcard.
    #[schemars(length(max = 10))]
    assigned_group_patterns: Option<Vec<GroupPatternSchema>>,
    /// Group patterns per role of the app; every pattern must match one of
    /// `assigned_group_patterns`.
    #[schemars(length(max = 10))]
    role_group_assignments: Option<BTreeMap<String, Vec<GroupPatternSchema>>>,
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
struct GroupPatternSchema(#[schemars(length(min = 1, max = 128), regex(pattern = r"^[a-zA-Z0-9_+=,.@*-]+$"))] String);
