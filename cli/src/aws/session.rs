//! The account, the Region and the stack that a command works on.

use std::time::SystemTime;

use automation::{Aws, config::ConfigSource, objects::S3Objects};
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError};

use super::stack::read_account;
use crate::{
    args::{AwsArgs, StackArgs},
    error::CliError,
    stack_description::{StackDescription, find_output},
};

/// Object key of the configuration: the default of the template parameter of this name.
const CONFIG_KEY: (&str, &str) = ("ConfigKey", "automation.yaml");

/// Credentials and Region, and the stack whose outputs name its resources.
#[derive(Debug)]
pub(crate) struct AwsSession {
    aws: Aws,
    stack: Option<StackDescription>,
}

impl AwsSession {
    /// Loads the credentials and the Region before the first call, so that every command fails in
    /// the same way without them.
    pub async fn open(args: &AwsArgs) -> Result<Self, CliError> {
        let aws = Aws::load_profile(args.profile.as_deref(), args.region.as_deref()).await;
        if aws.config().region().is_none() {
            return Err(CliError::NoRegion);
        }
        let credentials = match aws.config().credentials_provider() {
            Some(provider) => provider.provide_credentials().await,
            None => Err(CredentialsError::not_loaded_no_source()),
        };
        let credentials =
            credentials.map_err(|source| CliError::Credentials { profile: args.profile.clone(), source })?;
        if credentials.expiry().is_some_and(|expiry| expiry <= SystemTime::now()) {
            return Err(CliError::ExpiredCredentials);
        }
        Ok(Self { aws, stack: None })
    }

    /// Opens a session, and describes the stack if one is named.
    pub async fn open_stack(args: &StackArgs) -> Result<Self, CliError> {
        let mut session = Self::open(&args.aws).await?;
        if let Some(name) = &args.stack {
            session.stack = Some(StackDescription::load(session.config(), name).await?);
        }
        Ok(session)
    }

    /// The stack that the command line names, if nothing else of the session is needed.
    pub fn into_stack(self) -> Option<StackDescription> {
        self.stack
    }

    /// The stack that the command line names.
    pub fn stack(&self) -> Option<&StackDescription> {
        self.stack.as_ref()
    }

    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    pub fn config(&self) -> &SdkConfig {
        self.aws.config()
    }

    /// The value of an output: of the stack, or without one, of the environment variable of this
    /// name.
    pub fn find_output(&self, output: &str) -> Option<String> {
        find_output(self.stack(), output)
    }

    /// The stack's ledger table; `option` is what the command line says.
    pub fn find_ledger_table(&self, option: Option<&str>) -> Result<String, CliError> {
        option.map(str::to_owned).or_else(|| self.find_output("LedgerTableName")).ok_or(CliError::MissingOutput {
            what: "stack's ledger table",
            option: "--table",
            output: "LedgerTableName",
        })
    }

    /// Where the active configuration is; `None` if the bucket is not known.
    pub fn find_config_source(&self, bucket: Option<&str>) -> Option<ConfigSource<S3Objects>> {
        let bucket = bucket.map(str::to_owned).or_else(|| self.find_output("ConfigBucketName"))?;
        let (parameter, default) = CONFIG_KEY;
        let key = self.stack.as_ref().and_then(|stack| stack.parameters.get(parameter).cloned());
        Some(ConfigSource::new(self.aws.s3(), bucket, key.unwrap_or_else(|| default.to_owned())))
    }

    /// Describes in one line what a command is about to change: account, Region, stack and
    /// configuration.
    ///
    /// `configuration` is what the command works with; by default, the active version.
    pub async fn describe_place(&self, configuration: Option<String>) -> Result<String, CliError> {
        let account = match self.stack.as_ref().and_then(StackDescription::account) {
            Some(account) => account.to_owned(),
            None => read_account(self.config()).await?,
        };
        let region = self.aws.region().unwrap_or_default();
        let stack = self.stack.as_ref().map(|stack| format!(", stack {}", stack.name)).unwrap_or_default();
        let configuration = match configuration {
            Some(configuration) => Some(configuration),
            None => self.describe_active_version().await,
        };
        let configuration = configuration.map(|text| format!(", configuration {text}")).unwrap_or_default();
        Ok(format!("Account {account}, Region {region}{stack}{configuration}"))
    }

    /// Describes the active version; `None` if the bucket is not known.
    async fn describe_active_version(&self) -> Option<String> {
        let loaded = self.find_config_source(None)?.load_active().await;
        Some(match loaded {
            Ok(config) => describe_version(config.version()),
            Err(error) => format!("unknown ({error})"),
        })
    }
}

/// Describes a version of the configuration, which has no version ID in a bucket without
/// versioning.
pub(crate) fn describe_version(version: Option<&str>) -> String {
    format!("version {}", version.unwrap_or("null"))
}
