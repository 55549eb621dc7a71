//! One row of the table of targets.

use model_archive::Framework;

use super::{Target, TargetDevice, TargetPlatform};

/// What is compiled for a framework.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Support {
    /// The framework.
    pub framework: Framework,
    /// The versions that AWS documents; empty if it documents none.
    pub versions: &'static [&'static str],
}

/// Targets that take the same compiler options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// An instance that computes on its processor.
    CloudCpu,
    /// An instance with a GPU.
    CloudGpu,
    /// An instance with Inferentia or Trainium.
    Neuron,
    /// Elastic Inference.
    ElasticInference,
    /// A device that computes on its processor, or on an accelerator that takes no options.
    Edge,
    /// A Jetson.
    Jetson,
    /// An Ambarella camera chip.
    Ambarella,
    /// Apple's Core ML.
    CoreMl,
    /// A Linux platform without accelerator, or with one that takes no options.
    Linux,
    /// A Linux platform with an NVIDIA GPU.
    LinuxNvidia,
    /// An Android platform.
    Android,
}

impl Family {
    /// Its name for people.
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

    /// Whether it is an instance of the cloud for which Neo can derive the inputs of a PyTorch model.
    pub const fn derives_inputs(self) -> bool {
        matches!(self, Self::CloudCpu | Self::CloudGpu)
    }
}

#[derive(Debug, Clone, Copy)]
enum Of {
    Device(&'static str),
    Platform(&'static str, &'static str, Option<&'static str>),
}

/// One target and what Neo does for it.
#[derive(Debug, Clone, Copy)]
pub struct TargetRow {
    of: Of,
    /// Decides over compiler options.
    pub family: Family,
    /// The frameworks that are compiled for it.
    pub frameworks: &'static [Support],
    /// The frameworks with which `FrameworkVersion` may be sent.
    pub versioned: &'static [Framework],
    /// The only regions it is compiled in; empty for all of Neo's.
    pub regions: &'static [&'static str],
    /// Of a retired target: what to compile for instead.
    pub successor: Option<&'static str>,
    /// Where this row comes from.
    pub source: &'static str,
}

impl TargetRow {
    pub(super) const fn device(
        name: &'static str,
        family: Family,
        frameworks: &'static [Support],
        source: &'static str,
    ) -> Self {
        Self {
            of: Of::Device(name),
            family,
            frameworks,
            versioned: &[Framework::Pytorch, Framework::Tensorflow],
            regions: &[],
            successor: None,
            source,
        }
    }

    pub(super) const fn platform(
        os: &'static str,
        arch: &'static str,
        accelerator: Option<&'static str>,
        family: Family,
        frameworks: &'static [Support],
        source: &'static str,
    ) -> Self {
        Self { of: Of::Platform(os, arch, accelerator), ..Self::device("", family, frameworks, source) }
    }

    pub(super) const fn versioned(self, versioned: &'static [Framework]) -> Self {
        Self { versioned, ..self }
    }

    pub(super) const fn only_in(self, regions: &'static [&'static str]) -> Self {
        Self { regions, ..self }
    }

    pub(super) const fn retired(self, successor: &'static str) -> Self {
        Self { successor: Some(successor), ..self }
    }

    /// The target as it is displayed: `ml_c5` or `LINUX_ARM64_NVIDIA`.
    pub fn name(&self) -> String {
        self.target().to_string()
    }

    /// The target.
    pub fn target(&self) -> Target {
        match self.of {
            Of::Device(name) => Target::Device(TargetDevice(name.to_owned())),
            Of::Platform(os, arch, accelerator) => Target::Platform(TargetPlatform {
                os: os.to_owned(),
                arch: arch.to_owned(),
                accelerator: accelerator.map(str::to_owned),
            }),
        }
    }

    pub(super) const fn device_name(&self) -> Option<&'static str> {
        match self.of {
            Of::Device(name) => Some(name),
            Of::Platform(..) => None,
        }
    }

    pub(super) fn is_for(&self, target: &Target) -> bool {
        match (self.of, target) {
            (Of::Device(name), Target::Device(device)) => name == device.as_str(),
            (Of::Platform(os, arch, accelerator), Target::Platform(platform)) => {
                os == platform.os && arch == platform.arch && accelerator == platform.accelerator.as_deref()
            }
            _ => false,
        }
    }

    /// What is compiled for this framework; none if it is not among those AWS documents.
    pub fn support(&self, framework: Framework) -> Option<&'static Support> {
        self.frameworks.iter().find(|support| support.framework == framework)
    }

    /// Whether `FrameworkVersion` may be sent.
    pub fn takes_framework_version(&self, framework: Framework) -> bool {
        self.versioned.contains(&framework)
    }
}
