//! Sizes for the dynamic dimensions of a model's inputs, as configured.

use std::num::NonZeroU32;

use model_archive::Framework;

use crate::SymbolicDims;

/// The key of [`SymbolicDims`] that applies to every dimension that has no other size.
pub(super) const DEFAULT: &str = "default";

/// The configured sizes of dynamic dimensions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DimensionSizes {
    pub symbolic_dims: SymbolicDims,
    /// The size of a first dimension that `symbolic_dims` does not name.
    pub batch_size: Option<NonZeroU32>,
}

impl DimensionSizes {
    /// Adds the batch size that a file of this framework specifies itself: the TensorFlow Lite
    /// converter writes dynamic dimensions as 1. For heights and widths, that is not what anybody
    /// wants; for a batch, it is.
    #[must_use]
    pub fn with_batch_size_of(mut self, framework: Framework) -> Self {
        if framework == Framework::Tflite && !self.symbolic_dims.0.contains_key(DEFAULT) {
            self.batch_size = self.batch_size.or(Some(NonZeroU32::MIN));
        }
        self
    }

    /// The sizes without the default, which is then only the batch size.
    pub(super) fn with_default_as_batch_size(&self, default: u64) -> Self {
        let mut sizes = self.clone();
        sizes.symbolic_dims.0.shift_remove(DEFAULT);
        let default = u32::try_from(default).ok().and_then(NonZeroU32::new);
        sizes.batch_size = sizes.batch_size.or(default);
        sizes
    }

    /// The size of a dynamic dimension, and where it comes from.
    pub(super) fn find_size(&self, position: usize, name: Option<&str>) -> Option<(u64, SizeSource)> {
        let named = name.and_then(|name| self.symbolic_dims.0.get(name));
        let batch = self.batch_size.filter(|_| position == 0);
        let default = || self.symbolic_dims.0.get(DEFAULT);
        (named.map(|size| (*size, SizeSource::Name)))
            .or_else(|| batch.map(|size| (u64::from(size.get()), SizeSource::BatchSize)))
            .or_else(|| default().map(|size| (*size, SizeSource::Default)))
    }
}

/// The setting that has the size of a dynamic dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SizeSource {
    Name,
    BatchSize,
    Default,
}
