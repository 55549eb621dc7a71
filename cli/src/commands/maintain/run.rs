//! One run of `automation maintain`: its options and its session.

use tokio::sync::OnceCell;

use crate::{args::MaintainArgs, aws::session::AwsSession, error::CliError};

/// One run of the command.
pub(super) struct MaintainRun<'a> {
    pub args: &'a MaintainArgs,
    session: OnceCell<AwsSession>,
}

impl<'a> MaintainRun<'a> {
    pub fn new(args: &'a MaintainArgs) -> Self {
        Self { args, session: OnceCell::new() }
    }

    /// Opens the session when something is about to call AWS: a run with nothing declared does not.
    pub async fn session(&self) -> Result<&AwsSession, CliError> {
        self.session.get_or_try_init(|| AwsSession::open_stack(&self.args.stack)).await
    }

    /// Whether the run only shows something.
    pub fn is_read_only(&self) -> bool {
        self.args.plan || self.args.at.is_some() || self.args.calendar || self.args.export
    }

    /// Describes what the plan of this configuration would be applied to.
    pub async fn describe_place(&self, configuration: &str) -> Result<String, CliError> {
        self.session().await?.describe_place(Some(configuration.to_owned())).await
    }
}
