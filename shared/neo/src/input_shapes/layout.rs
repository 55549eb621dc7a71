//! The layout of an image input: channels before or after height and width.

use model_archive::{Framework, InputLayout, InspectedModel, ModelInput, Warning, quote_name};

use super::{InputShape, InputShapes, model_inputs::known_sizes};

/// Numbers of channels an image can have: grayscale, color, color with transparency.
const CHANNELS: [u64; 3] = [1, 3, 4];

/// The layout in which a rule's inputs are written, where it is not the one Neo expects for the
/// framework.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclaredLayout {
    /// Batch, channels, height, width.
    Nchw,
    /// Batch, height, width, channels.
    Nhwc,
}

/// An input whose shape looks like images in the other layout than the framework's.
pub(crate) struct TransposedInput {
    /// As labeled in messages.
    pub name: String,
    /// As written.
    pub shape: Vec<u64>,
    /// The layout that the shape looks like.
    pub apparent_layout: InputLayout,
    /// The shape of the same images in the framework's layout.
    pub expected_shape: Vec<u64>,
}

/// The layout that a shape looks like; `None` if it could be either, or is not an image.
pub(super) fn detect_layout(shape: &[Option<u64>]) -> Option<InputLayout> {
    let [_, first, middle, last] = shape else { return None };
    let is_channels = |size: &Option<u64>| size.is_some_and(|size| CHANNELS.contains(&size));
    // A dynamic dimension is height or width: the number of channels is fixed by the weights.
    let is_extent = |size: &Option<u64>| !is_channels(size);
    if is_channels(first) && is_extent(middle) && is_extent(last) {
        Some(InputLayout::Nchw)
    } else if is_extent(first) && is_extent(middle) && is_channels(last) {
        Some(InputLayout::Nhwc)
    } else {
        None
    }
}

fn move_channels_first<T: Copy>(shape: &[T]) -> Vec<T> {
    match shape {
        [batch, height, width, channels] => vec![*batch, *channels, *height, *width],
        other => other.to_vec(),
    }
}

fn move_channels_last<T: Copy>(shape: &[T]) -> Vec<T> {
    match shape {
        [batch, channels, height, width] => vec![*batch, *height, *width, *channels],
        other => other.to_vec(),
    }
}

/// Finds the inputs whose shapes look like the other layout than Neo expects for the framework,
/// unless the model itself has them in that layout.
pub(crate) fn find_transposed_inputs(
    framework: Framework,
    inputs: &InputShapes,
    model: &[ModelInput],
) -> Vec<TransposedInput> {
    let shapes = inputs.labeled_shapes();
    let transposed = shapes.iter().filter_map(|(name, shape)| {
        let InputShape::Fixed(shape) = shape else { return None };
        let open: Vec<_> = shape.iter().copied().map(Some).collect();
        let apparent_layout = detect_layout(&open)?;
        let expected_shape = match (framework.layout(), apparent_layout) {
            (InputLayout::Nhwc, InputLayout::Nchw) => move_channels_last(shape),
            (InputLayout::Nchw, InputLayout::Nhwc) => move_channels_first(shape),
            _ => return None,
        };
        let own = model.iter().find(|input| format!("`{}`", input.name) == *name);
        if own.is_some_and(|input| detect_layout(&known_sizes(input)) == Some(apparent_layout)) {
            return None;
        }
        Some(TransposedInput { name: name.clone(), shape: shape.clone(), apparent_layout, expected_shape })
    });
    transposed.collect()
}

/// Warnings about inputs of a model that look like images in the other layout than Neo expects for
/// its framework, whether their dimensions have sizes or not.
pub fn find_layout_warnings(model: &InspectedModel) -> Vec<Warning> {
    let expected = model.framework.layout();
    let unusual = model.inputs.iter().filter(|input| {
        expected != InputLayout::None && detect_layout(&known_sizes(input)).is_some_and(|found| found != expected)
    });
    unusual.map(|input| unusual_layout_warning(&quote_name(&input.name), "", model.framework)).collect()
}

/// `shape` is empty, or ends with a space.
pub(crate) fn unusual_layout_warning(name: &str, shape: &str, framework: Framework) -> Warning {
    let (found, expected) = match framework.layout() {
        InputLayout::Nchw => ("NHWC", "NCHW"),
        InputLayout::Nhwc => ("NCHW", "NHWC"),
        InputLayout::None => ("other", "none"),
    };
    Warning::new(
        "layout-unusual",
        format!(
            "the model's input {name} is {shape}in the order {found}; SageMaker Neo expects {expected} for {framework}. \
             Fix: export the model with its images as {expected}, if the job fails or is slow"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_detected_by_the_channels() {
        for (shape, layout) in [
            (vec![1, 3, 224, 224], Some(InputLayout::Nchw)),
            (vec![1, 224, 224, 3], Some(InputLayout::Nhwc)),
            (vec![1, 28, 28, 1], Some(InputLayout::Nhwc)),
            (vec![1, 3, 3, 3], None),
            (vec![1, 16, 16, 16], None),
            (vec![1, 3, 224], None),
        ] {
            let open: Vec<_> = shape.iter().copied().map(Some).collect();
            assert_eq!(detect_layout(&open), layout, "{shape:?}");
        }
        assert_eq!(detect_layout(&[None, Some(3), None, None]), Some(InputLayout::Nchw));
    }
}
