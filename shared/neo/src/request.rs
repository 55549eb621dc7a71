//! One compilation job to be started: the message between plan-compilation and start-compilation.

use std::collections::BTreeMap;

use model_archive::Framework;
use serde::{Deserialize, Serialize};

use crate::{ContentId, JobName, ModelId, Target, Upload};

/// The version of the message this release writes and reads.
pub const REQUEST_VERSION: u32 = 1;

/// Everything `CreateCompilationJob` needs but the role, and what its result is reported with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompilationRequest {
    /// Version of this message.
    pub version: u32,
    /// The job's name.
    pub job_name: JobName,
    /// The model version it belongs to.
    pub model: ModelId,
    /// The same bytes compiled the same way have the same one.
    pub content: ContentId,
    /// The model archive.
    pub source: Upload,
    /// The rule that asked for it.
    pub rule: String,
    /// What to compile for.
    pub target: Target,
    /// The model's framework.
    pub framework: Framework,
    /// Sent only where the service takes it.
    pub framework_version: Option<String>,
    /// Input names and shapes as JSON text; none where Neo needs none.
    pub data_input_config: Option<String>,
    /// Compiler options as JSON text.
    pub compiler_options: Option<String>,
    /// `s3://…/` prefix that the artifact is written under.
    pub output_location: String,
    /// Run time limit in seconds.
    pub max_runtime_seconds: u32,
    /// Tags of the job.
    pub tags: BTreeMap<String, String>,
    /// From 1; a retry is the next one.
    pub attempt: u32,
}
