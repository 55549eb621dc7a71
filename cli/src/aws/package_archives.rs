//! Finds rules whose model packages the stack cannot compile.

use document::{ConfigDiagnostic, ConfigFinding};
use neo::{CompilationConfig, CompilationRule, MAX_RULE_GROUPS, ModelBuckets, ModelPackageArn, PackageGroupPattern};
use sagemaker::{SageMakerClient, model_packages::ModelPackages};
use worker::CallError;

/// Groups of a rule of which a version is read: SageMaker accepts about two list calls a second.
const MAX_READ_GROUPS: usize = 10;

/// Pages of a list that are read.
const MAX_PAGES: usize = 10;

/// Warns of rules that name a group that does not exist or match too many groups, and of archives
/// that the stack's own compilation role may not read: it may read the model buckets.
pub(crate) async fn find_package_warnings(
    registry: &SageMakerClient,
    buckets: &ModelBuckets,
    config: &CompilationConfig,
) -> Result<Vec<ConfigDiagnostic>, CallError> {
    let mut warnings: Vec<ConfigDiagnostic> = Vec::new();
    for (number, rule) in config.rules.iter().enumerate() {
        let path = format!("compilation.rules[{number}]");
        let mut warn = |message: String, fix: &str| {
            let warning = ConfigDiagnostic::new(&path, None, ConfigFinding::new(message, fix));
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        };
        let mut packages: Vec<_> = rule.model_package().cloned().into_iter().collect();
        let mut groups = list_groups(registry, rule).await?;
        if groups.len() > MAX_RULE_GROUPS {
            let message = format!(
                "model_package_group of rule `{}` matches more than {MAX_RULE_GROUPS} model package groups, so that none \
                 of them is compiled",
                rule.name
            );
            warn(message, "write a narrower glob, or several rules");
            continue;
        }
        groups.truncate(MAX_READ_GROUPS);
        for group in groups {
            match find_newest_approved(registry, &group).await? {
                NewestVersion::Approved(package) => packages.push(package),
                NewestVersion::NotApproved => {}
                NewestVersion::NoGroup => warn(
                    format!("rule `{}` names the model package group `{group}`, which does not exist", rule.name),
                    "create it, or correct model_package_group",
                ),
            }
        }
        if !rule.uses_stack_role(&config.defaults) {
            continue;
        }
        for package in packages {
            for uri in registry.list_archives(&package).await? {
                let bucket = uri.strip_prefix("s3://").and_then(|rest| rest.split('/').next());
                if let Some(bucket) = bucket.filter(|bucket| !buckets.contains(bucket)) {
                    let message = format!(
                        "rule `{}` compiles {}, whose archive is in the bucket `{bucket}`, which the stack's \
                         compilation role may not read",
                        rule.name,
                        package.name_and_number()
                    );
                    warn(message, "set `role_arn` to a role that may read it");
                }
            }
        }
    }
    Ok(warnings)
}

/// The groups that a rule applies to; more than [`MAX_RULE_GROUPS`] are not listed completely.
async fn list_groups(registry: &SageMakerClient, rule: &CompilationRule) -> Result<Vec<String>, CallError> {
    let pattern = match rule.package_groups() {
        None => return Ok(Vec::new()),
        Some(PackageGroupPattern::Group(group)) => return Ok(vec![group.clone()]),
        Some(pattern) => pattern,
    };
    let (mut groups, mut page) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let listed = registry.list_groups(page).await?;
        groups.extend(listed.groups.into_iter().filter(|group| pattern.is_match(group)));
        page = listed.next;
        if page.is_none() || groups.len() > MAX_RULE_GROUPS {
            break;
        }
    }
    Ok(groups)
}

/// What a group has for a rule.
enum NewestVersion {
    Approved(ModelPackageArn),
    NotApproved,
    NoGroup,
}

async fn find_newest_approved(registry: &SageMakerClient, group: &str) -> Result<NewestVersion, CallError> {
    let mut page = None;
    for _ in 0..MAX_PAGES {
        let Some(listed) = registry.list_approved(group, page).await? else { return Ok(NewestVersion::NoGroup) };
        if let Some(newest) = listed.versions.into_iter().next() {
            return Ok(NewestVersion::Approved(newest.arn));
        }
        page = listed.next;
        if page.is_none() {
            break;
        }
    }
    Ok(NewestVersion::NotApproved)
}
