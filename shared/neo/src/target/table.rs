//! The table of targets: what the API accepts, and what AWS documents about each target.
//!
//! Sources: *API* is the service model 2017-07-24 as in botocore 1.44, *cloud* the developer guide
//! page "Supported Instance Types and Frameworks", *edge* its pages "Supported Frameworks, Devices,
//! Systems, and Architectures", *SDK* the last 2.x release of the SageMaker Python SDK, which sends
//! `FrameworkVersion` only where the service accepts it.

use model_archive::Framework::{Darknet, Keras, Mxnet, Onnx, Pytorch, Sklearn, Tensorflow, Tflite, Xgboost};

use super::{
    FrameworkSupport,
    TargetFamily::{
        Ambarella, Android, CloudCpu, CloudGpu, CoreMl, Edge, ElasticInference, Jetson, Linux, LinuxNvidia, Neuron,
    },
    TargetRow,
};

/// SKLEARN is in the API's list of frameworks and in no documentation: it is accepted everywhere,
/// with a warning.
const SKLEARN: FrameworkSupport = FrameworkSupport::new(Sklearn, &[]);

const CLOUD: &[FrameworkSupport] = &[
    FrameworkSupport::new(Tensorflow, &["1.15.3", "2.9"]),
    FrameworkSupport::new(Keras, &["2.2.4"]),
    FrameworkSupport::new(Mxnet, &["1.8.0"]),
    FrameworkSupport::new(Onnx, &["1.7.0"]),
    FrameworkSupport::new(Pytorch, &["1.4", "1.5", "1.6", "1.7", "1.8", "1.12", "1.13", "2.0"]),
    FrameworkSupport::new(Xgboost, &["1.3.3"]),
    SKLEARN,
];
const INF1: &[FrameworkSupport] = &[
    FrameworkSupport::new(Tensorflow, &["1.15", "2.5"]),
    FrameworkSupport::new(Mxnet, &["1.5", "1.8"]),
    FrameworkSupport::new(Pytorch, &["1.7", "1.8", "1.9"]),
];
const NEURON: &[FrameworkSupport] = &[FrameworkSupport::new(Pytorch, &[]), FrameworkSupport::new(Tensorflow, &[])];
const EDGE: &[FrameworkSupport] = &[
    FrameworkSupport::new(Tensorflow, &["1.15", "2.4"]),
    FrameworkSupport::new(Keras, &["2.2"]),
    FrameworkSupport::new(Mxnet, &["1.8"]),
    FrameworkSupport::new(Onnx, &["1.7"]),
    FrameworkSupport::new(Pytorch, &["1.7", "1.8"]),
    FrameworkSupport::new(Xgboost, &["1.3"]),
    FrameworkSupport::new(Tflite, &["1.15"]),
    FrameworkSupport::new(Darknet, &[]),
    SKLEARN,
];
const COREML: &[FrameworkSupport] =
    &[FrameworkSupport::new(Tensorflow, &["1.15", "2.4"]), FrameworkSupport::new(Pytorch, &["1.7", "1.8"])];

const NO_VERSION: &[model_archive::Framework] = &[];

/// Every target, in the order of the API: 37 devices, then the platforms that the developer guide
/// documents.
pub static TARGETS: [TargetRow; 55] = [
    TargetRow::from_device("lambda", CloudCpu, CLOUD, "API; SDK: no FrameworkVersion").with_versions_of(NO_VERSION),
    TargetRow::from_device("ml_m4", CloudCpu, CLOUD, "cloud"),
    TargetRow::from_device("ml_m5", CloudCpu, CLOUD, "cloud"),
    TargetRow::from_device("ml_m6g", CloudCpu, CLOUD, "API; not in the guide's table"),
    TargetRow::from_device("ml_c4", CloudCpu, CLOUD, "cloud"),
    TargetRow::from_device("ml_c5", CloudCpu, CLOUD, "cloud"),
    TargetRow::from_device("ml_c6g", CloudCpu, CLOUD, "API; not in the guide's table"),
    TargetRow::from_device("ml_p2", CloudGpu, CLOUD, "cloud"),
    TargetRow::from_device("ml_p3", CloudGpu, CLOUD, "cloud"),
    TargetRow::from_device("ml_g4dn", CloudGpu, CLOUD, "cloud"),
    TargetRow::from_device("ml_inf1", Neuron, INF1, "cloud; SDK").with_versions_of(&[Pytorch, Tensorflow, Mxnet]),
    TargetRow::from_device("ml_inf2", Neuron, NEURON, "cloud; SDK #3909").only_in(&["us-east-2"]),
    TargetRow::from_device("ml_trn1", Neuron, NEURON, "cloud; SDK #3909").only_in(&["us-east-1"]),
    TargetRow::from_device("ml_eia2", ElasticInference, CLOUD, "API; Elastic Inference is closed since April 2023")
        .with_versions_of(NO_VERSION)
        .replaced_by("ml_inf1 or ml_c5"),
    TargetRow::from_device("jetson_tx1", Jetson, EDGE, "edge"),
    TargetRow::from_device("jetson_tx2", Jetson, EDGE, "edge"),
    TargetRow::from_device("jetson_nano", Jetson, EDGE, "edge"),
    TargetRow::from_device("jetson_xavier", Jetson, EDGE, "edge"),
    TargetRow::from_device("rasp3b", Edge, EDGE, "edge"),
    TargetRow::from_device("rasp4b", Edge, EDGE, "edge"),
    TargetRow::from_device("imx8qm", Edge, EDGE, "edge"),
    TargetRow::from_device("deeplens", Edge, EDGE, "API; AWS DeepLens ended in January 2024")
        .replaced_by("the platform LINUX, X86_64, INTEL_GRAPHICS"),
    TargetRow::from_device("rk3399", Edge, EDGE, "edge"),
    TargetRow::from_device("rk3288", Edge, EDGE, "edge"),
    TargetRow::from_device("aisage", Edge, EDGE, "edge"),
    TargetRow::from_device("sbe_c", Edge, EDGE, "edge"),
    TargetRow::from_device("qcs605", Edge, EDGE, "edge"),
    TargetRow::from_device("qcs603", Edge, EDGE, "edge"),
    TargetRow::from_device("sitara_am57x", Edge, EDGE, "edge; SDK: no FrameworkVersion").with_versions_of(NO_VERSION),
    TargetRow::from_device("amba_cv2", Ambarella, EDGE, "edge; SDK: no FrameworkVersion").with_versions_of(NO_VERSION),
    TargetRow::from_device("amba_cv22", Ambarella, EDGE, "edge; SDK: no FrameworkVersion").with_versions_of(NO_VERSION),
    TargetRow::from_device("amba_cv25", Ambarella, EDGE, "edge; SDK: no FrameworkVersion").with_versions_of(NO_VERSION),
    TargetRow::from_device("x86_win32", Edge, EDGE, "edge"),
    TargetRow::from_device("x86_win64", Edge, EDGE, "edge"),
    TargetRow::from_device("coreml", CoreMl, COREML, "API, DataInputConfig; SDK: no FrameworkVersion")
        .with_versions_of(NO_VERSION),
    TargetRow::from_device("jacinto_tda4vm", Edge, EDGE, "edge; SDK: no FrameworkVersion").with_versions_of(NO_VERSION),
    TargetRow::from_device("imx8mplus", Edge, EDGE, "edge; SDK: no FrameworkVersion").with_versions_of(NO_VERSION),
    TargetRow::from_platform("LINUX", "X86_64", None, Linux, EDGE, "edge"),
    TargetRow::from_platform("LINUX", "ARM64", None, Linux, EDGE, "edge"),
    TargetRow::from_platform("LINUX", "ARM_EABIHF", None, Linux, EDGE, "edge"),
    TargetRow::from_platform("LINUX", "ARM_EABI", None, Linux, EDGE, "edge"),
    TargetRow::from_platform("LINUX", "X86_64", Some("NVIDIA"), LinuxNvidia, EDGE, "edge; API, CompilerOptions"),
    TargetRow::from_platform("LINUX", "ARM64", Some("NVIDIA"), LinuxNvidia, EDGE, "edge; API, CompilerOptions"),
    TargetRow::from_platform("LINUX", "X86_64", Some("INTEL_GRAPHICS"), Linux, EDGE, "edge"),
    TargetRow::from_platform("LINUX", "ARM64", Some("MALI"), Linux, EDGE, "edge"),
    TargetRow::from_platform("LINUX", "ARM_EABIHF", Some("MALI"), Linux, EDGE, "edge"),
    TargetRow::from_platform("LINUX", "ARM_EABI", Some("MALI"), Linux, EDGE, "edge"),
    TargetRow::from_platform("ANDROID", "X86_64", None, Android, EDGE, "edge"),
    TargetRow::from_platform("ANDROID", "X86", None, Android, EDGE, "edge"),
    TargetRow::from_platform("ANDROID", "ARM64", None, Android, EDGE, "edge"),
    TargetRow::from_platform("ANDROID", "ARM_EABI", None, Android, EDGE, "edge"),
    TargetRow::from_platform("ANDROID", "X86_64", Some("INTEL_GRAPHICS"), Android, EDGE, "edge"),
    TargetRow::from_platform("ANDROID", "X86", Some("INTEL_GRAPHICS"), Android, EDGE, "edge"),
    TargetRow::from_platform("ANDROID", "ARM64", Some("MALI"), Android, EDGE, "edge"),
    TargetRow::from_platform("ANDROID", "ARM_EABI", Some("MALI"), Android, EDGE, "edge"),
];

/// The name of every `TargetDevice` of the API, in its order.
pub fn device_names() -> impl Iterator<Item = &'static str> + Clone {
    TARGETS.iter().filter_map(TargetRow::device_name)
}
