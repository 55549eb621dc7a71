//! Shapes of the service model, in the form that the checker uses.

use std::collections::{BTreeMap, HashMap};

use super::{
    ModelConstraint, ModelError,
    botocore_file::{RawShape, ShapeReference},
    pattern::ModelPattern,
};

/// A shape. Nested shapes are referenced by name.
#[derive(Debug)]
pub(super) enum ModelShape {
    Structure { members: BTreeMap<String, String>, required: Vec<String>, union: bool },
    List { member: String, length: ShapeBounds },
    Map { key: String, value: String, length: ShapeBounds },
    Text { pattern: Option<ModelPattern>, values: Option<Vec<String>>, length: ShapeBounds },
    Whole { smallest: i64, largest: i64, range: ShapeBounds },
    Fraction { range: ShapeBounds },
    Boolean,
    Timestamp,
    Blob { length: ShapeBounds },
}

/// An inclusive range; `None` where the model has no limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShapeBounds {
    min: Option<f64>,
    max: Option<f64>,
}

impl ShapeBounds {
    /// The constraint that a length violates, if any.
    pub fn check_length(self, length: usize) -> Option<ModelConstraint> {
        #[allow(clippy::cast_precision_loss)] // requests are far smaller than 2^52 bytes
        let length = length as f64;
        match self {
            Self { max: Some(max), .. } if length > max => Some(ModelConstraint::MaxLength(max)),
            Self { min: Some(min), .. } if length < min => Some(ModelConstraint::MinLength(min)),
            _ => None,
        }
    }

    /// The constraint that a number violates, if any.
    pub fn check_value(self, value: f64) -> Option<ModelConstraint> {
        match self {
            Self { max: Some(max), .. } if value > max => Some(ModelConstraint::MaxValue(max)),
            Self { min: Some(min), .. } if value < min => Some(ModelConstraint::MinValue(min)),
            _ => None,
        }
    }
}

/// Collects the shapes that are reachable from `roots`.
pub(super) fn collect_reachable<'a>(
    roots: impl Iterator<Item = &'a String>,
    mut raw: HashMap<String, RawShape>,
) -> Result<HashMap<String, ModelShape>, ModelError> {
    let mut shapes = HashMap::new();
    let mut open: Vec<String> = roots.cloned().collect();
    while let Some(name) = open.pop() {
        if shapes.contains_key(&name) {
            continue;
        }
        let Some(found) = raw.remove(&name) else {
            return Err(ModelError::ModelShape { shape: name, problem: "is referenced but not defined".to_owned() });
        };
        let shape = ModelShape::from_raw(&name, found)?;
        open.extend(shape.nested_shapes().cloned());
        shapes.insert(name, shape);
    }
    Ok(shapes)
}

impl ModelShape {
    fn from_raw(name: &str, raw: RawShape) -> Result<Self, ModelError> {
        let bounds = ShapeBounds { min: raw.min, max: raw.max };
        let target = |reference: Option<ShapeReference>, role: &str| {
            reference
                .map(|reference| reference.shape)
                .ok_or_else(|| ModelError::ModelShape { shape: name.to_owned(), problem: format!("has no {role}") })
        };
        let whole = |smallest, largest| Self::Whole { smallest, largest, range: bounds };
        Ok(match raw.kind.as_str() {
            "structure" => Self::Structure {
                members: raw.members.into_iter().map(|(name, member)| (name, member.shape)).collect(),
                required: raw.required,
                union: raw.union,
            },
            "list" => Self::List { member: target(raw.member, "member")?, length: bounds },
            "map" => Self::Map { key: target(raw.key, "key")?, value: target(raw.value, "value")?, length: bounds },
            "string" => Self::Text { pattern: raw.pattern.map(ModelPattern::new), values: raw.values, length: bounds },
            "integer" => whole(i64::from(i32::MIN), i64::from(i32::MAX)),
            "long" => whole(i64::MIN, i64::MAX),
            "float" | "double" => Self::Fraction { range: bounds },
            "boolean" => Self::Boolean,
            "timestamp" => Self::Timestamp,
            "blob" => Self::Blob { length: bounds },
            other => {
                return Err(ModelError::ModelShape {
                    shape: name.to_owned(),
                    problem: format!("has the type {other}"),
                });
            }
        })
    }

    fn nested_shapes(&self) -> Box<dyn Iterator<Item = &String> + '_> {
        match self {
            Self::Structure { members, .. } => Box::new(members.values()),
            Self::List { member, .. } => Box::new(std::iter::once(member)),
            Self::Map { key, value, .. } => Box::new([key, value].into_iter()),
            _ => Box::new(std::iter::empty()),
        }
    }
}
