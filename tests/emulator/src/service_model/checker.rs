//! Checks a request recursively against its shape in the service model.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    ModelConstraint, RequestViolation,
    shape::{ModelShape, ShapeBounds},
};

/// Range of timestamps in the service, in epoch seconds (years 1 to 9999).
const TIMESTAMPS: std::ops::RangeInclusive<f64> = -62_135_596_800.0..=253_402_300_799.0;

pub(super) fn check_request(shapes: &HashMap<String, ModelShape>, input: &str, body: &Value) -> Vec<RequestViolation> {
    let mut checker = RequestChecker { shapes, found: Vec::new() };
    checker.check_member("", input, body);
    checker.found
}

struct RequestChecker<'a> {
    shapes: &'a HashMap<String, ModelShape>,
    found: Vec<RequestViolation>,
}

impl RequestChecker<'_> {
    fn check_member(&mut self, path: &str, shape: &str, value: &Value) {
        // All referenced shapes are loaded; otherwise `collect_reachable` fails.
        match self.shapes.get(shape) {
            Some(ModelShape::Structure { members, required, union }) => match value {
                Value::Object(fields) => {
                    self.check_structure(path, shape, members, required, fields);
                    if *union && fields.values().filter(|field| !field.is_null()).count() != 1 {
                        self.found.push(RequestViolation::new(path, value, ModelConstraint::OneMember));
                    }
                }
                _ => self.found.push(RequestViolation::new(path, value, ModelConstraint::Type("Structure"))),
            },
            Some(ModelShape::List { member, length }) => self.check_list(path, member, *length, value),
            Some(ModelShape::Map { key, value: of, length }) => self.check_map(path, key, of, *length, value),
            Some(scalar) => {
                self.found.extend(
                    broken_constraints(scalar, value)
                        .into_iter()
                        .map(|broken| RequestViolation::new(path, value, broken)),
                );
            }
            None => {}
        }
    }

    fn check_structure(
        &mut self,
        path: &str,
        shape: &str,
        members: &std::collections::BTreeMap<String, String>,
        required: &[String],
        fields: &Map<String, Value>,
    ) {
        for name in required {
            if fields.get(name).is_none_or(Value::is_null) {
                self.found.push(RequestViolation::new(
                    &member_path(path, name),
                    &Value::Null,
                    ModelConstraint::NotNull,
                ));
            }
        }
        for (name, member) in members {
            if let Some(value) = fields.get(name).filter(|value| !value.is_null()) {
                self.check_member(&member_path(path, name), member, value);
            }
        }
        for (name, value) in fields.iter().filter(|(name, _)| !members.contains_key(*name)) {
            let unknown = ModelConstraint::KnownMember { structure: shape.to_owned() };
            self.found.push(RequestViolation::new(&member_path(path, name), value, unknown));
        }
    }

    fn check_list(&mut self, path: &str, member: &str, length: ShapeBounds, value: &Value) {
        let Value::Array(items) = value else {
            return self.found.push(RequestViolation::new(path, value, ModelConstraint::Type("List")));
        };
        self.found.extend(length.check_length(items.len()).map(|broken| RequestViolation::new(path, value, broken)));
        let broken = self.check_scalars(member, items.iter());
        if !broken.is_empty() {
            self.found.push(RequestViolation::new(path, value, ModelConstraint::Elements(broken)));
        }
        if self.is_nested(member) {
            for (index, item) in items.iter().enumerate() {
                self.check_member(&format!("{path}.{}.member", index + 1), member, item);
            }
        }
    }

    fn check_map(&mut self, path: &str, key: &str, of: &str, length: ShapeBounds, value: &Value) {
        let Value::Object(entries) = value else {
            return self.found.push(RequestViolation::new(path, value, ModelConstraint::Type("Map")));
        };
        self.found.extend(length.check_length(entries.len()).map(|broken| RequestViolation::new(path, value, broken)));
        let keys: Vec<Value> = entries.keys().map(|key| Value::String(key.clone())).collect();
        let broken = self.check_scalars(key, keys.iter());
        if !broken.is_empty() {
            self.found.push(RequestViolation::new(path, value, ModelConstraint::Keys(broken)));
        }
        let broken = self.check_scalars(of, entries.values());
        if !broken.is_empty() {
            self.found.push(RequestViolation::new(path, value, ModelConstraint::Values(broken)));
        }
        if self.is_nested(of) {
            for (key, entry) in entries {
                self.check_member(&format!("{path}.{key}.member"), of, entry);
            }
        }
    }

    fn is_nested(&self, shape: &str) -> bool {
        matches!(
            self.shapes.get(shape),
            Some(ModelShape::Structure { .. } | ModelShape::List { .. } | ModelShape::Map { .. })
        )
    }

    /// The constraints that scalars of a collection violate, each once. The service reports them
    /// for the collection.
    fn check_scalars<'v>(&self, shape: &str, values: impl Iterator<Item = &'v Value>) -> Vec<ModelConstraint> {
        let mut all = Vec::new();
        if let Some(scalar) = self.shapes.get(shape).filter(|_| !self.is_nested(shape)) {
            for broken in values.flat_map(|value| broken_constraints(scalar, value)) {
                if !all.contains(&broken) {
                    all.push(broken);
                }
            }
        }
        all
    }
}

/// The constraints of a scalar shape that a value violates.
fn broken_constraints(shape: &ModelShape, value: &Value) -> Vec<ModelConstraint> {
    let mut all = Vec::new();
    match (shape, value) {
        (ModelShape::Text { pattern, values, length }, Value::String(text)) => {
            all.extend(values.as_ref().filter(|values| !values.contains(text)).cloned().map(ModelConstraint::Enum));
            all.extend(length.check_length(text.chars().count()));
            if let Some(pattern) = pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
                all.push(ModelConstraint::Pattern(pattern.as_str().to_owned()));
            }
        }
        (ModelShape::Text { .. }, _) => all.push(ModelConstraint::Type("String")),
        (ModelShape::Whole { smallest, largest, range }, value) => match value.as_i64() {
            #[allow(clippy::cast_precision_loss)] // limits in the model are far below 2^52
            Some(number) if (*smallest..=*largest).contains(&number) => all.extend(range.check_value(number as f64)),
            _ => all.push(ModelConstraint::Type(if *largest > i64::from(i32::MAX) { "Long" } else { "Integer" })),
        },
        (ModelShape::Fraction { range }, value) => match value.as_f64() {
            Some(number) => all.extend(range.check_value(number)),
            None => all.push(ModelConstraint::Type("Double")),
        },
        (ModelShape::Boolean, value) => all.extend((!value.is_boolean()).then_some(ModelConstraint::Type("Boolean"))),
        (ModelShape::Timestamp, value) => {
            if !value.as_f64().is_some_and(|seconds| TIMESTAMPS.contains(&seconds)) {
                all.push(ModelConstraint::Type("Timestamp"));
            }
        }
        (ModelShape::Blob { length }, value) => {
            match value.as_str().map(|text| data_encoding::BASE64.decode(text.as_bytes())) {
                Some(Ok(bytes)) => all.extend(length.check_length(bytes.len())),
                _ => all.push(ModelConstraint::Type("Blob")),
            }
        }
        (ModelShape::Structure { .. } | ModelShape::List { .. } | ModelShape::Map { .. }, _) => {}
    }
    all
}

/// The service prints members in lower camel case: `OutputConfig.TargetDevice` becomes
/// `outputConfig.targetDevice`.
fn member_path(path: &str, member: &str) -> String {
    let mut characters = member.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    let name: String = first.into_iter().chain(characters).collect();
    if path.is_empty() { name } else { format!("{path}.{name}") }
}
