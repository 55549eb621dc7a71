//! Shapes of the model in the form the checker walks.

use std::collections::{BTreeMap, HashMap};

use super::pattern::Pattern;
use super::raw::{RawShape, Reference};
use super::{Constraint, ModelError};

/// One shape; it names the shapes below it.
#[derive(Debug)]
pub(super) enum Shape {
    Structure { members: BTreeMap<String, String>, required: Vec<String>, union: bool },
    List { member: String, length: Bounds },
    Map { key: String, value: String, length: Bounds },
    Text { pattern: Option<Pattern>, values: Option<Vec<String>>, length: Bounds },
    Whole { smallest: i64, largest: i64, range: Bounds },
    Fraction { range: Bounds },
    Boolean,
    Timestamp,
    Blob { length: Bounds },
}

/// An inclusive range, open where the model gives no limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    min: Option<f64>,
    max: Option<f64>,
}

impl Bounds {
    /// The constraint a length breaks, if any.
    pub fn length(self, length: usize) -> Option<Constraint> {
        #[allow(clippy::cast_precision_loss)] // a request is far below 2^52 bytes
        let length = length as f64;
        match self {
            Self { max: Some(max), .. } if length > max => Some(Constraint::MaxLength(max)),
            Self { min: Some(min), .. } if length < min => Some(Constraint::MinLength(min)),
            _ => None,
        }
    }

    /// The constraint a number breaks, if any.
    pub fn value(self, value: f64) -> Option<Constraint> {
        match self {
            Self { max: Some(max), .. } if value > max => Some(Constraint::MaxValue(max)),
            Self { min: Some(min), .. } if value < min => Some(Constraint::MinValue(min)),
            _ => None,
        }
    }
}

/// The shapes that can be reached from `roots`.
pub(super) fn reachable<'a>(
    roots: impl Iterator<Item = &'a String>,
    mut raw: HashMap<String, RawShape>,
) -> Result<HashMap<String, Shape>, ModelError> {
    let mut shapes = HashMap::new();
    let mut open: Vec<String> = roots.cloned().collect();
    while let Some(name) = open.pop() {
        if shapes.contains_key(&name) {
            continue;
        }
        let Some(found) = raw.remove(&name) else {
            return Err(ModelError::Shape { shape: name, problem: "is referred to but not defined".to_owned() });
        };
        let shape = Shape::from_raw(&name, found)?;
        open.extend(shape.below().cloned());
        shapes.insert(name, shape);
    }
    Ok(shapes)
}

impl Shape {
    fn from_raw(name: &str, raw: RawShape) -> Result<Self, ModelError> {
        let bounds = Bounds { min: raw.min, max: raw.max };
        let target = |reference: Option<Reference>, role: &str| {
            reference
                .map(|reference| reference.shape)
                .ok_or_else(|| ModelError::Shape { shape: name.to_owned(), problem: format!("has no {role}") })
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
            "string" => Self::Text { pattern: raw.pattern.map(Pattern::new), values: raw.values, length: bounds },
            "integer" => whole(i64::from(i32::MIN), i64::from(i32::MAX)),
            "long" => whole(i64::MIN, i64::MAX),
            "float" | "double" => Self::Fraction { range: bounds },
            "boolean" => Self::Boolean,
            "timestamp" => Self::Timestamp,
            "blob" => Self::Blob { length: bounds },
            other => {
                return Err(ModelError::Shape { shape: name.to_owned(), problem: format!("has the type {other}") });
            }
        })
    }

    fn below(&self) -> Box<dyn Iterator<Item = &String> + '_> {
        match self {
            Self::Structure { members, .. } => Box::new(members.values()),
            Self::List { member, .. } => Box::new(std::iter::once(member)),
            Self::Map { key, value, .. } => Box::new([key, value].into_iter()),
            _ => Box::new(std::iter::empty()),
        }
    }
}
