//! The stack that a command line names: its outputs and its parameters.

use std::{collections::BTreeMap, env};

use configuration::ConfigDocument;
use document::ConfigDiagnostic;
use neo::{ModelBuckets, StackAccess};

/// A stack of AWS CloudFormation.
#[derive(Debug, Default)]
pub(crate) struct StackDescription {
    pub name: String,
    pub arn: String,
    pub outputs: BTreeMap<String, String>,
    pub parameters: BTreeMap<String, String>,
}

impl StackDescription {
    /// The account, from the ARN.
    pub fn account(&self) -> Option<&str> {
        self.arn.split(':').nth(4).filter(|account| !account.is_empty())
    }

    /// The Region, from the ARN.
    pub fn region(&self) -> Option<&str> {
        self.arn.split(':').nth(3).filter(|region| !region.is_empty())
    }

    /// What its compilation role may use.
    pub fn find_access(&self) -> StackAccess {
        let artifact_bucket = self.outputs.get("ArtifactBucketName").cloned().unwrap_or_default();
        StackAccess::from_parameters(artifact_bucket, |name| self.parameters.get(name).cloned())
    }

    /// The buckets whose uploads it compiles.
    pub fn model_buckets(&self) -> ModelBuckets {
        let own = self.outputs.get("ModelBucketName").cloned().unwrap_or_default();
        let listed = self.parameters.get("ModelBuckets").map_or("", String::as_str).split(',').map(str::trim);
        ModelBuckets::new(own, listed.filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// The errors for which this stack would reject the configuration, or a rule of it.
    pub fn find_errors(&self, document: &ConfigDocument) -> Vec<ConfigDiagnostic> {
        let mut errors = document.compilation.find_unknown_buckets(&self.model_buckets());
        if let (Some(account), Some(region)) = (self.account(), self.region()) {
            errors.extend(document.compilation.find_foreign_groups(account, region));
        }
        errors
    }
}

/// The value of an output: of the stack, or without one, of the environment variable of this name.
pub(crate) fn find_output(stack: Option<&StackDescription>, output: &str) -> Option<String> {
    let value = match stack {
        Some(stack) => stack.outputs.get(output).cloned(),
        None => env::var(output).ok(),
    };
    value.filter(|value| !value.is_empty())
}
