//! What the stack's own compilation role may use, and which rules need more.

use document::{ConfigDiagnostic, ConfigFinding};
use globset::Glob;

use crate::{CompilationConfig, CompilationRule, JobSettings, KmsKeyId, TargetSpec};

/// What the template parameters of a stack let its compilation role use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackAccess {
    /// The stack's own artifact bucket.
    pub artifact_bucket: String,
    /// `ArtifactBuckets`.
    pub artifact_buckets: Vec<String>,
    /// `KmsKeyArns`.
    pub kms_keys: Vec<String>,
    /// `CompilationVpc`.
    pub vpc: bool,
    /// `CompilationRoleArns` and `PassableRoleArns`.
    pub roles: Vec<String>,
}

impl StackAccess {
    /// Reads the template parameters of a stack; `parameter` returns the value of one. Lists are
    /// separated by commas.
    pub fn from_parameters(artifact_bucket: impl Into<String>, parameter: impl Fn(&str) -> Option<String>) -> Self {
        let list = |name: &str| -> Vec<String> {
            let value = parameter(name).unwrap_or_default();
            value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        Self {
            artifact_bucket: artifact_bucket.into(),
            artifact_buckets: list("ArtifactBuckets"),
            kms_keys: list("KmsKeyArns"),
            vpc: parameter("CompilationVpc").as_deref() == Some("true"),
            roles: [list("CompilationRoleArns"), list("PassableRoleArns")].concat(),
        }
    }

    /// Settings of targets whose jobs would lack a permission, each with the fix.
    pub fn find_missing(&self, config: &CompilationConfig) -> Vec<ConfigDiagnostic> {
        let mut missing: Vec<ConfigDiagnostic> = Vec::new();
        for (number, rule) in config.rules.iter().enumerate() {
            let path = format!("compilation.rules[{number}]");
            let findings = self.find_missing_of(&config.defaults, rule).into_iter();
            missing.extend(findings.map(|finding| ConfigDiagnostic::new(&path, None, finding)));
        }
        missing
    }

    /// Settings of one rule whose jobs would lack a permission, each with the fix.
    pub fn find_missing_of(&self, defaults: &JobSettings, rule: &CompilationRule) -> Vec<ConfigFinding> {
        let mut missing: Vec<ConfigFinding> = Vec::new();
        for finding in rule.targets.iter().flat_map(|spec| self.check_target(defaults, rule, spec)) {
            if !missing.contains(&finding) {
                missing.push(finding);
            }
        }
        missing
    }

    fn check_target(&self, defaults: &JobSettings, rule: &CompilationRule, spec: &TargetSpec) -> Vec<ConfigFinding> {
        let layers = [&spec.settings, &rule.settings, defaults];
        if let Some(own_role) = layers.iter().find_map(|settings| settings.role_arn.as_ref()) {
            let arn = own_role.as_str();
            let is_listed = self.roles.iter().any(|listed| covers_arn(listed, arn));
            return if is_listed {
                Vec::new()
            } else {
                vec![describe_missing(rule, arn, "role", "CompilationRoleArns")]
            };
        }
        let output = layers.iter().find_map(|settings| settings.output.as_ref());
        let bucket = output.and_then(|output| output.bucket_name()).filter(|bucket| {
            *bucket != self.artifact_bucket && self.artifact_buckets.iter().all(|listed| listed != bucket)
        });
        let key = layers.iter().find_map(|settings| settings.kms_key_id.as_ref());
        let key = key.map(KmsKeyId::as_str).filter(|key| !self.may_be_listed(key));
        let vpc = layers.iter().any(|settings| settings.vpc.is_some()) && !self.vpc;
        let vpc = vpc.then(|| {
            ConfigFinding::new(
                format!("rule `{}` sets `vpc`, but the stack's compilation role may not use a VPC", rule.name),
                "set the template parameter CompilationVpc to true, or set `role_arn`",
            )
        });
        let bucket = bucket.map(|bucket| describe_missing(rule, bucket, "bucket", "ArtifactBuckets"));
        let key = key.map(|key| describe_missing(rule, key, "KMS key", "KmsKeyArns"));
        [bucket, key, vpc].into_iter().flatten().collect()
    }

    /// Whether the list can contain the key: an alias does not show which key it stands for.
    fn may_be_listed(&self, key: &str) -> bool {
        let is_alias = key.starts_with("alias/") || key.contains(":alias/");
        let id = key.rsplit('/').next().unwrap_or(key);
        self.kms_keys
            .iter()
            .any(|listed| is_alias || listed.rsplit('/').next().is_some_and(|last| covers_arn(last, id)))
    }
}

/// Whether an ARN of a policy, in which `*` and `?` are wildcards, covers the other.
fn covers_arn(listed: &str, arn: &str) -> bool {
    listed == arn || Glob::new(listed).is_ok_and(|glob| glob.compile_matcher().is_match(arn))
}

fn describe_missing(rule: &CompilationRule, name: &str, kind: &str, parameter: &str) -> ConfigFinding {
    let other = if parameter == "CompilationRoleArns" { "" } else { ", or set `role_arn` to a role that may use it" };
    ConfigFinding::new(
        format!("rule `{}` uses the {kind} `{name}`, which the stack may not use", rule.name),
        format!("add it to the template parameter {parameter}{other}"),
    )
}

#[cfg(test)]
mod tests {
    use document::read_document;

    use super::*;

    fn find_missing(access: &StackAccess, settings: &str) -> Vec<String> {
        let text = format!(
            "version: 1\ncompilation:\n  defaults: {{ {settings} }}\n  rules:\n    - {{ name: edge, keys: '**', targets: \
             [ {{ device: ml_c5 }}, {{ device: jetson_nano }} ] }}\n"
        );
        let (config, _) = read_document(&text, CompilationConfig::read_section).unwrap();
        access.find_missing(&config).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn settings_the_role_has_no_permission_for_are_found() {
        let key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd";
        let full = StackAccess::from_parameters("artifacts", |name| {
            let value = match name {
                "ArtifactBuckets" => "other, team",
                "KmsKeyArns" => key,
                "CompilationVpc" => "true",
                "CompilationRoleArns" => "arn:aws:iam::123456789012:role/neo",
                _ => return None,
            };
            Some(value.to_owned())
        });
        let none = StackAccess::from_parameters("artifacts", |_| Some(String::new()));
        for (settings, parameter) in [
            ("output: 's3://team/{job}'", "ArtifactBuckets"),
            ("kms_key_id: alias/models", "KmsKeyArns"),
            ("kms_key_id: 1234abcd", "KmsKeyArns"),
            (&format!("kms_key_id: '{key}'"), "KmsKeyArns"),
            ("vpc: { security_group_ids: [sg-1], subnets: [subnet-1] }", "CompilationVpc"),
            ("role_arn: 'arn:aws:iam::123456789012:role/neo'", "CompilationRoleArns"),
        ] {
            assert_eq!(find_missing(&full, settings), [""; 0], "{settings}");
            let missing = find_missing(&none, settings);
            assert_eq!(missing.len(), 1, "once for both targets: {missing:?}");
            assert!(missing[0].starts_with("compilation.rules[0]: rule `edge` "), "{missing:?}");
            assert!(missing[0].contains(&format!("template parameter {parameter}")), "{missing:?}");
        }
        let wildcards = StackAccess::from_parameters("artifacts", |name| {
            let account = "eu-west-1:123456789012";
            Some(match name {
                "PassableRoleArns" => "arn:aws:iam::123456789012:role/neo-*".to_owned(),
                "KmsKeyArns" => format!("arn:aws:kms:{account}:key/*"),
                _ => return None,
            })
        });
        assert_eq!(find_missing(&wildcards, &format!("kms_key_id: '{key}'")), [""; 0]);
        assert_eq!(find_missing(&wildcards, "role_arn: 'arn:aws:iam::123456789012:role/neo-a'"), [""; 0]);
        assert_eq!(find_missing(&wildcards, "role_arn: 'arn:aws:iam::123456789012:role/other'").len(), 1);
        let other = "kms_key_id: 'arn:aws:kms:eu-west-1:123456789012:key/other'";
        assert_eq!(find_missing(&full, other).len(), 1, "another key than the listed one");
    }

    #[test]
    fn a_role_of_ones_own_needs_no_permission_of_the_stack() {
        let access =
            StackAccess { roles: vec!["arn:aws:iam::123456789012:role/neo".to_owned()], ..StackAccess::default() };
        let settings =
            "role_arn: 'arn:aws:iam::123456789012:role/neo', kms_key_id: alias/models, output: 's3://team/{job}'";
        assert_eq!(find_missing(&access, settings), [""; 0]);
        assert_eq!(find_missing(&StackAccess::default(), "output: '{job}'"), [""; 0]);
    }
}
