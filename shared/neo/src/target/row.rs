//! One row of the table of targets.

use model_archive::Framework;

use super::{Target, TargetDevice, TargetPlatform};

/// How Neo supports one framework for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameworkSupport {
    pub framework: Framework,
    /// The versions that AWS documents; empty if it documents none.
    pub versions: &'static [&'static str],
}

impl FrameworkSupport {
    pub(super) const fn new(framework: Framework, versions: &'static [&'static str]) -> Self {
        Self { framework, versions }
    }
}

/// Targets that accept the same compiler options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetFamily {
    /// An instance without a GPU or accelerator.
    CloudCpu,
    /// An instance with a GPU.
    CloudGpu,
    /// An instance with Inferentia or Trainium.
    Neuron,
    /// Elastic Inference.
    ElasticInference,
    /// A device that runs models on its CPU, or on an accelerator that has no options.
    Edge,
    /// NVIDIA Jetson.
    Jetson,
    /// An Ambarella camera chip.
    Ambarella,
    /// Apple Core ML.
    CoreMl,
    /// A Linux platform without an accelerator, or with one that has no options.
    Linux,
    /// A Linux platform with an NVIDIA GPU.
    LinuxNvidia,
    /// An Android platform.
    Android,
}

impl TargetFamily {
    /// The display name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CloudCpu => "cloud, CPU",
            Self::CloudGpu => "cloud, GPU",
            Self::Neuron => "cloud, Neuron",
            Self::ElasticInference => "Elastic Inference",
            Self::Edge => "edge",
            Self::Jetson => "edge, Jetson",
            Self::Ambarella => "edge, Ambarella",
            Self::CoreMl => "Core ML",
            Self::Linux => "Linux",
            Self::LinuxNvidia => "Linux, NVIDIA",
            Self::Android => "Android",
        }
    }

    /// Whether these are cloud instances for which Neo can derive the inputs of a PyTorch model.
    pub const fn can_derive_inputs(self) -> bool {
        matches!(self, Self::CloudCpu | Self::CloudGpu)
    }
}

#[derive(Debug, Clone, Copy)]
enum TargetId {
    Device(&'static str),
    Platform(&'static str, &'static str, Option<&'static str>),
}

/// One target and what Neo supports for it.
#[derive(Debug, Clone, Copy)]
pub struct TargetRow {
    id: TargetId,
    /// Determines the compiler options.
    pub family: TargetFamily,
    /// The frameworks that Neo compiles for it.
    pub frameworks: &'static [FrameworkSupport],
    /// The frameworks for which `FrameworkVersion` may be sent.
    pub versioned_frameworks: &'static [Framework],
    /// The only Regions that support it; empty for all of the Regions of Neo.
    pub regions: &'static [&'static str],
    /// What to compile for instead; `None` unless the target is retired.
    pub successor: Option<&'static str>,
    /// The source of this row.
    pub source: &'static str,
}

impl TargetRow {
    pub(super) const fn from_device(
        name: &'static str,
        family: TargetFamily,
        frameworks: &'static [FrameworkSupport],
        source: &'static str,
    ) -> Self {
        Self {
            id: TargetId::Device(name),
            family,
            frameworks,
            versioned_frameworks: &[Framework::Pytorch, Framework::Tensorflow],
            regions: &[],
            successor: None,
            source,
        }
    }

    pub(super) const fn from_platform(
        os: &'static str,
        arch: &'static str,
        accelerator: Option<&'static str>,
        family: TargetFamily,
        frameworks: &'static [FrameworkSupport],
        source: &'static str,
    ) -> Self {
        Self { id: TargetId::Platform(os, arch, accelerator), ..Self::from_device("", family, frameworks, source) }
    }

    pub(super) const fn with_versions_of(self, versioned_frameworks: &'static [Framework]) -> Self {
        Self { versioned_frameworks, ..self }
    }

    pub(super) const fn only_in(self, regions: &'static [&'static str]) -> Self {
        Self { regions, ..self }
    }

    pub(super) const fn replaced_by(self, successor: &'static str) -> Self {
        Self { successor: Some(successor), ..self }
    }

    /// The displayed name: `ml_c5` or `LINUX_ARM64_NVIDIA`.
    pub fn name(&self) -> String {
        self.to_target().to_string()
    }

    pub fn to_target(&self) -> Target {
        match self.id {
            TargetId::Device(name) => Target::Device(TargetDevice(name.to_owned())),
            TargetId::Platform(os, arch, accelerator) => Target::Platform(TargetPlatform {
                os: os.to_owned(),
                arch: arch.to_owned(),
                accelerator: accelerator.map(str::to_owned),
            }),
        }
    }

    pub(super) const fn device_name(&self) -> Option<&'static str> {
        match self.id {
            TargetId::Device(name) => Some(name),
            TargetId::Platform(..) => None,
        }
    }

    pub(super) fn is_for(&self, target: &Target) -> bool {
        match (self.id, target) {
            (TargetId::Device(name), Target::Device(device)) => name == device.as_str(),
            (TargetId::Platform(os, arch, accelerator), Target::Platform(platform)) => {
                os == platform.os && arch == platform.arch && accelerator == platform.accelerator.as_deref()
            }
            _ => false,
        }
    }

    /// The support for this framework; `None` if AWS does not document it for this target.
    pub fn find_support(&self, framework: Framework) -> Option<&'static FrameworkSupport> {
        self.frameworks.iter().find(|support| support.framework == framework)
    }

    /// Whether `FrameworkVersion` may be sent.
    pub fn accepts_framework_version(&self, framework: Framework) -> bool {
        self.versioned_frameworks.contains(&framework)
    }
}
