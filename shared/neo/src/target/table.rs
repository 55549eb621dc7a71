//! The table of targets: what the API can be asked to compile for, and what AWS says of it.
//!
//! Sources: *API* is the service model 2017-07-24 as botocore 1.44 has it, *cloud* the developer guide's page "Supported
//! Instance Types and Frameworks", *edge* its pages "Supported Frameworks, Devices, Systems, and Architectures", *SDK* the
//! last 2.x release of the SageMaker Python SDK, which sends `FrameworkVersion` just where the service takes it.

use model_archive::Framework::{Darknet, Keras, Mxnet, Onnx, Pytorch, Sklearn, Tensorflow, Tflite, Xgboost};

use super::{
    Family::{
        Ambarella, Android, CloudCpu, CloudGpu, CoreMl, Edge, ElasticInference, Jetson, Linux, LinuxNvidia, Neuron,
    },
    Support, TargetRow,
};

const fn support(framework: model_archive::Framework, versions: &'static [&'static str]) -> Support {
    Support { framework, versions }
}

/// SKLEARN is in the API's list of frameworks and in no documentation: it is let through everywhere, with a warning.
const SKLEARN: Support = support(Sklearn, &[]);

const CLOUD: &[Support] = &[
    support(Tensorflow, &["1.15.3", "2.9"]),
    support(Keras, &["2.2.4"]),
    support(Mxnet, &["1.8.0"]),
    support(Onnx, &["1.7.0"]),
    support(Pytorch, &["1.4", "1.5", "1.6", "1.7", "1.8", "1.12", "1.13", "2.0"]),
    support(Xgboost, &["1.3.3"]),
    SKLEARN,
];
const INF1: &[Support] =
    &[support(Tensorflow, &["1.15", "2.5"]), support(Mxnet, &["1.5", "1.8"]), support(Pytorch, &["1.7", "1.8", "1.9"])];
const NEURON: &[Support] = &[support(Pytorch, &[]), support(Tensorflow, &[])];
const EDGE: &[Support] = &[
    support(Tensorflow, &["1.15", "2.4"]),
    support(Keras, &["2.2"]),
    support(Mxnet, &["1.8"]),
    support(Onnx, &["1.7"]),
    support(Pytorch, &["1.7", "1.8"]),
    support(Xgboost, &["1.3"]),
    support(Tflite, &["1.15"]),
    support(Darknet, &[]),
    SKLEARN,
];
const COREML: &[Support] = &[support(Tensorflow, &["1.15", "2.4"]), support(Pytorch, &["1.7", "1.8"])];

const NO_VERSION: &[model_archive::Framework] = &[];

/// Every target there is, in the order of the API's own list: 37 devices, then the platforms that the guide documents.
pub static TARGETS: [TargetRow; 55] = [
    TargetRow::device("lambda", CloudCpu, CLOUD, "API; SDK: no FrameworkVersion").versioned(NO_VERSION),
    TargetRow::device("ml_m4", CloudCpu, CLOUD, "cloud"),
    TargetRow::device("ml_m5", CloudCpu, CLOUD, "cloud"),
    TargetRow::device("ml_m6g", CloudCpu, CLOUD, "API; not in the guide's table"),
    TargetRow::device("ml_c4", CloudCpu, CLOUD, "cloud"),
    TargetRow::device("ml_c5", CloudCpu, CLOUD, "cloud"),
    TargetRow::device("ml_c6g", CloudCpu, CLOUD, "API; not in the guide's table"),
    TargetRow::device("ml_p2", CloudGpu, CLOUD, "cloud"),
    TargetRow::device("ml_p3", CloudGpu, CLOUD, "cloud"),
    TargetRow::device("ml_g4dn", CloudGpu, CLOUD, "cloud"),
    TargetRow::device("ml_inf1", Neuron, INF1, "cloud; SDK").versioned(&[Pytorch, Tensorflow, Mxnet]),
    TargetRow::device("ml_inf2", Neuron, NEURON, "cloud; SDK #3909").only_in(&["us-east-2"]),
    TargetRow::device("ml_trn1", Neuron, NEURON, "cloud; SDK #3909").only_in(&["us-east-1"]),
    TargetRow::device("ml_eia2", ElasticInference, CLOUD, "API; Elastic Inference is closed since April 2023")
        .versioned(NO_VERSION)
        .retired("ml_inf1 or ml_c5"),
    TargetRow::device("jetson_tx1", Jetson, EDGE, "edge"),
    TargetRow::device("jetson_tx2", Jetson, EDGE, "edge"),
    TargetRow::device("jetson_nano", Jetson, EDGE, "edge"),
    TargetRow::device("jetson_xavier", Jetson, EDGE, "edge"),
    TargetRow::device("rasp3b", Edge, EDGE, "edge"),
    TargetRow::device("rasp4b", Edge, EDGE, "edge"),
    TargetRow::device("imx8qm", Edge, EDGE, "edge"),
    TargetRow::device("deeplens", Edge, EDGE, "API; AWS DeepLens ended in January 2024")
        .retired("the platform LINUX, X86_64, INTEL_GRAPHICS"),
    TargetRow::device("rk3399", Edge, EDGE, "edge"),
    TargetRow::device("rk3288", Edge, EDGE, "edge"),
    TargetRow::device("aisage", Edge, EDGE, "edge"),
    TargetRow::device("sbe_c", Edge, EDGE, "edge"),
    TargetRow::device("qcs605", Edge, EDGE, "edge"),
    TargetRow::device("qcs603", Edge, EDGE, "edge"),
    TargetRow::device("sitara_am57x", Edge, EDGE, "edge; SDK: no FrameworkVersion").versioned(NO_VERSION),
    TargetRow::device("amba_cv2", Ambarella, EDGE, "edge; SDK: no FrameworkVersion").versioned(NO_VERSION),
    TargetRow::device("amba_cv22", Ambarella, EDGE, "edge; SDK: no FrameworkVersion").versioned(NO_VERSION),
    TargetRow::device("amba_cv25", Ambarella, EDGE, "edge; SDK: no FrameworkVersion").versioned(NO_VERSION),
    TargetRow::device("x86_win32", Edge, EDGE, "edge"),
    TargetRow::device("x86_win64", Edge, EDGE, "edge"),
    TargetRow::device("coreml", CoreMl, COREML, "API, DataInputConfig; SDK: no FrameworkVersion").versioned(NO_VERSION),
    TargetRow::device("jacinto_tda4vm", Edge, EDGE, "edge; SDK: no FrameworkVersion").versioned(NO_VERSION),
    TargetRow::device("imx8mplus", Edge, EDGE, "edge; SDK: no FrameworkVersion").versioned(NO_VERSION),
    TargetRow::platform("LINUX", "X86_64", None, Linux, EDGE, "edge"),
    TargetRow::platform("LINUX", "ARM64", None, Linux, EDGE, "edge"),
    TargetRow::platform("LINUX", "ARM_EABIHF", None, Linux, EDGE, "edge"),
    TargetRow::platform("LINUX", "ARM_EABI", None, Linux, EDGE, "edge"),
    TargetRow::platform("LINUX", "X86_64", Some("NVIDIA"), LinuxNvidia, EDGE, "edge; API, CompilerOptions"),
    TargetRow::platform("LINUX", "ARM64", Some("NVIDIA"), LinuxNvidia, EDGE, "edge; API, CompilerOptions"),
    TargetRow::platform("LINUX", "X86_64", Some("INTEL_GRAPHICS"), Linux, EDGE, "edge"),
    TargetRow::platform("LINUX", "ARM64", Some("MALI"), Linux, EDGE, "edge"),
    TargetRow::platform("LINUX", "ARM_EABIHF", Some("MALI"), Linux, EDGE, "edge"),
    TargetRow::platform("LINUX", "ARM_EABI", Some("MALI"), Linux, EDGE, "edge"),
    TargetRow::platform("ANDROID", "X86_64", None, Android, EDGE, "edge"),
    TargetRow::platform("ANDROID", "X86", None, Android, EDGE, "edge"),
    TargetRow::platform("ANDROID", "ARM64", None, Android, EDGE, "edge"),
    TargetRow::platform("ANDROID", "ARM_EABI", None, Android, EDGE, "edge"),
    TargetRow::platform("ANDROID", "X86_64", Some("INTEL_GRAPHICS"), Android, EDGE, "edge"),
    TargetRow::platform("ANDROID", "X86", Some("INTEL_GRAPHICS"), Android, EDGE, "edge"),
    TargetRow::platform("ANDROID", "ARM64", Some("MALI"), Android, EDGE, "edge"),
    TargetRow::platform("ANDROID", "ARM_EABI", Some("MALI"), Android, EDGE, "edge"),
];

/// The name of every `TargetDevice` of the API, in its order.
pub fn devices() -> impl Iterator<Item = &'static str> + Clone {
    TARGETS.iter().filter_map(TargetRow::device_name)
}
