//! The order of an image's dimensions: channels before or after height and width.

use model_archive::{Framework, Input, Layout};

use super::{InputShape, Inputs, model::sizes};

/// Channels of an image: grey, colour, colour with transparency.
const CHANNELS: [u64; 3] = [1, 3, 4];

/// The order in which a rule's inputs are written, where that is not the one Neo expects of the framework.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedLayout {
    /// Batch, channels, height, width.
    Nchw,
    /// Batch, height, width, channels.
    Nhwc,
}

/// A shape that reads like images in the other order than the framework's.
pub(crate) struct Misplaced {
    /// The input.
    pub name: String,
    /// Its shape as written.
    pub shape: Vec<u64>,
    /// The order it reads like.
    pub reads_like: Layout,
    /// The same images in the framework's order.
    pub meant: Vec<u64>,
}

/// The order that a shape reads like; none if it could be either, or is no image.
pub(super) fn reads_like(shape: &[Option<u64>]) -> Option<Layout> {
    let [_, first, middle, last] = shape else { return None };
    let channels = |size: &Option<u64>| size.is_some_and(|size| CHANNELS.contains(&size));
    // An open dimension is one of height and width: channels are part of the weights.
    let extent = |size: &Option<u64>| !channels(size);
    if channels(first) && extent(middle) && extent(last) {
        Some(Layout::Nchw)
    } else if extent(first) && extent(middle) && channels(last) {
        Some(Layout::Nhwc)
    } else {
        None
    }
}

fn channels_first<T: Copy>(shape: &[T]) -> Vec<T> {
    match shape {
        [batch, height, width, channels] => vec![*batch, *channels, *height, *width],
        other => other.to_vec(),
    }
}

fn channels_last<T: Copy>(shape: &[T]) -> Vec<T> {
    match shape {
        [batch, channels, height, width] => vec![*batch, *height, *width, *channels],
        other => other.to_vec(),
    }
}

/// The inputs whose shapes read like the other order than Neo expects of the framework, unless the model itself has them
/// in that order.
pub(crate) fn misplaced(framework: Framework, inputs: &Inputs, model: &[Input]) -> Vec<Misplaced> {
    let shapes = inputs.shapes();
    let misplaced = shapes.iter().filter_map(|(name, shape)| {
        let InputShape::Fixed(shape) = shape else { return None };
        let open: Vec<_> = shape.iter().copied().map(Some).collect();
        let reads_like = reads_like(&open)?;
        let meant = match (framework.layout(), reads_like) {
            (Layout::Nhwc, Layout::Nchw) => channels_last(shape),
            (Layout::Nchw, Layout::Nhwc) => channels_first(shape),
            _ => return None,
        };
        let own = model.iter().find(|input| format!("`{}`", input.name) == *name);
        if own.is_some_and(|input| self::reads_like(&sizes(input)) == Some(reads_like)) {
            return None;
        }
        Some(Misplaced { name: name.clone(), shape: shape.clone(), reads_like, meant })
    });
    misplaced.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_told_by_their_channels() {
        for (shape, layout) in [
            (vec![1, 3, 224, 224], Some(Layout::Nchw)),
            (vec![1, 224, 224, 3], Some(Layout::Nhwc)),
            (vec![1, 28, 28, 1], Some(Layout::Nhwc)),
            (vec![1, 3, 3, 3], None),
            (vec![1, 16, 16, 16], None),
            (vec![1, 3, 224], None),
        ] {
            let open: Vec<_> = shape.iter().copied().map(Some).collect();
            assert_eq!(reads_like(&open), layout, "{shape:?}");
        }
        assert_eq!(reads_like(&[None, Some(3), None, None]), Some(Layout::Nchw));
    }
}
