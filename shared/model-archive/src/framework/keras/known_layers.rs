//! The layers of Keras 2.2.4, the newest version that AWS documents for Neo. Its loader fails with
//! "Unknown layer" for any other.

/// Maximum number of unknown classes that are listed.
const MAX_LISTED: usize = 5;

/// The classes that `keras.layers.deserialize` of Keras 2.2.4 finds, with those that it reads for
/// Keras 1, in alphabetical order.
const KNOWN: [&str; 110] = [
    "Activation",
    "ActivityRegularization",
    "Add",
    "AlphaDropout",
    "AtrousConvolution1D",
    "AtrousConvolution2D",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "ConvLSTM2D",
    "ConvLSTM2DCell",
    "ConvRNN2D",
    "ConvRecurrent2D",
    "Convolution1D",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "CuDNNGRU",
    "CuDNNLSTM",
    "Deconvolution2D",
    "Deconvolution3D",
    "Dense",
    "DepthwiseConv2D",
    "Dot",
    "Dropout",
    "ELU",
    "Embedding",
    "Flatten",
    "GRU",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "Highway",
    "InputLayer",
    "LSTM",
    "LSTMCell",
    "Lambda",
    "LeakyReLU",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "MaxoutDense",
    "Merge",
    "Minimum",
    "Model",
    "Multiply",
    "Network",
    "PReLU",
    "Permute",
    "RNN",
    "ReLU",
    "Recurrent",
    "RepeatVector",
    "Reshape",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "Sequential",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "StackedRNNCells",
    "Subtract",
    "ThresholdedReLU",
    "TimeDistributed",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "Wrapper",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
];

/// Classes of layers that Keras 2.2.4 does not have.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NamesOfLayers(pub Vec<String>);

impl NamesOfLayers {
    pub fn add_class(&mut self, class: Option<&str>) {
        if let Some(class) = class.filter(|class| KNOWN.binary_search(class).is_err()) {
            self.add(class);
        }
    }

    pub fn add_all(&mut self, Self(classes): Self) {
        for class in &classes {
            self.add(class);
        }
    }

    fn add(&mut self, class: &str) {
        if self.0.len() < MAX_LISTED && !self.0.iter().any(|known| known == class) {
            self.0.push(class.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_sorted_for_the_search() {
        assert!(KNOWN.is_sorted());
    }
}
