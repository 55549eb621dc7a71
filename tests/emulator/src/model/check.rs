//! The walk of a request along its shape.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::shape::{Bounds, Shape};
use super::{Constraint, Violation};

/// Epoch seconds of the first and the last day that a timestamp of the service can name (years 1 to 9999).
const TIMESTAMPS: std::ops::RangeInclusive<f64> = -62_135_596_800.0..=253_402_300_799.0;

pub(super) fn check(shapes: &HashMap<String, Shape>, input: &str, body: &Value) -> Vec<Violation> {
    let mut checker = Checker { shapes, found: Vec::new() };
    checker.member("", input, body);
    checker.found
}

struct Checker<'a> {
    shapes: &'a HashMap<String, Shape>,
    found: Vec<Violation>,
}

impl Checker<'_> {
    fn member(&mut self, path: &str, shape: &str, value: &Value) {
        // Every shape that a loaded one refers to is loaded: `reachable` fails otherwise.
        match self.shapes.get(shape) {
            Some(Shape::Structure { members, required, union }) => match value {
                Value::Object(fields) => {
                    self.structure(path, shape, members, required, fields);
                    if *union && fields.values().filter(|field| !field.is_null()).count() != 1 {
                        self.found.push(Violation::at(path, value, Constraint::OneMember));
                    }
                }
                _ => self.found.push(Violation::at(path, value, Constraint::Type("Structure"))),
            },
            Some(Shape::List { member, length }) => self.list(path, member, *length, value),
            Some(Shape::Map { key, value: of, length }) => self.map(path, key, of, *length, value),
            Some(scalar) => {
                self.found.extend(broken(scalar, value).into_iter().map(|broken| Violation::at(path, value, broken)));
            }
            None => {}
        }
    }

    fn structure(
        &mut self,
        path: &str,
        shape: &str,
        members: &std::collections::BTreeMap<String, String>,
        required: &[String],
        fields: &Map<String, Value>,
    ) {
        for name in required {
            if fields.get(name).is_none_or(Value::is_null) {
                self.found.push(Violation::at(&below(path, name), &Value::Null, Constraint::NotNull));
            }
        }
        for (name, member) in members {
            if let Some(value) = fields.get(name).filter(|value| !value.is_null()) {
                self.member(&below(path, name), member, value);
            }
        }
        for (name, value) in fields.iter().filter(|(name, _)| !members.contains_key(*name)) {
            let unknown = Constraint::KnownMember { structure: shape.to_owned() };
            self.found.push(Violation::at(&below(path, name), value, unknown));
        }
    }

    fn list(&mut self, path: &str, member: &str, length: Bounds, value: &Value) {
        let Value::Array(items) = value else {
            return self.found.push(Violation::at(path, value, Constraint::Type("List")));
        };
        self.found.extend(length.length(items.len()).map(|broken| Violation::at(path, value, broken)));
        let broken = self.scalars(member, items.iter());
        if !broken.is_empty() {
            self.found.push(Violation::at(path, value, Constraint::Elements(broken)));
        }
        if self.nests(member) {
            for (index, item) in items.iter().enumerate() {
                self.member(&format!("{path}.{}.member", index + 1), member, item);
            }
        }
    }

    fn map(&mut self, path: &str, key: &str, of: &str, length: Bounds, value: &Value) {
        let Value::Object(entries) = value else {
            return self.found.push(Violation::at(path, value, Constraint::Type("Map")));
        };
        self.found.extend(length.length(entries.len()).map(|broken| Violation::at(path, value, broken)));
        let keys: Vec<Value> = entries.keys().map(|key| Value::String(key.clone())).collect();
        let broken = self.scalars(key, keys.iter());
        if !broken.is_empty() {
            self.found.push(Violation::at(path, value, Constraint::Keys(broken)));
        }
        let broken = self.scalars(of, entries.values());
        if !broken.is_empty() {
            self.found.push(Violation::at(path, value, Constraint::Values(broken)));
        }
        if self.nests(of) {
            for (key, entry) in entries {
                self.member(&format!("{path}.{key}.member"), of, entry);
            }
        }
    }

    fn nests(&self, shape: &str) -> bool {
        matches!(self.shapes.get(shape), Some(Shape::Structure { .. } | Shape::List { .. } | Shape::Map { .. }))
    }

    /// What scalars of a collection break, each constraint once; the service reports them at the collection.
    fn scalars<'v>(&self, shape: &str, values: impl Iterator<Item = &'v Value>) -> Vec<Constraint> {
        let mut all = Vec::new();
        if let Some(scalar) = self.shapes.get(shape).filter(|_| !self.nests(shape)) {
            for broken in values.flat_map(|value| broken(scalar, value)) {
                if !all.contains(&broken) {
                    all.push(broken);
                }
            }
        }
        all
    }
}

/// The constraints of a scalar shape that a value breaks.
fn broken(shape: &Shape, value: &Value) -> Vec<Constraint> {
    let mut all = Vec::new();
    match (shape, value) {
        (Shape::Text { pattern, values, length }, Value::String(text)) => {
            all.extend(values.as_ref().filter(|values| !values.contains(text)).cloned().map(Constraint::Enum));
            all.extend(length.length(text.chars().count()));
            if let Some(pattern) = pattern.as_ref().filter(|pattern| !pattern.allows(text)) {
                all.push(Constraint::Pattern(pattern.as_str().to_owned()));
            }
        }
        (Shape::Text { .. }, _) => all.push(Constraint::Type("String")),
        (Shape::Whole { smallest, largest, range }, value) => match value.as_i64() {
            #[allow(clippy::cast_precision_loss)] // the model's limits are far below 2^52
            Some(number) if (*smallest..=*largest).contains(&number) => all.extend(range.value(number as f64)),
            _ => all.push(Constraint::Type(if *largest > i64::from(i32::MAX) { "Long" } else { "Integer" })),
        },
        (Shape::Fraction { range }, value) => match value.as_f64() {
            Some(number) => all.extend(range.value(number)),
            None => all.push(Constraint::Type("Double")),
        },
        (Shape::Boolean, value) => all.extend((!value.is_boolean()).then_some(Constraint::Type("Boolean"))),
        (Shape::Timestamp, value) => {
            if !value.as_f64().is_some_and(|seconds| TIMESTAMPS.contains(&seconds)) {
                all.push(Constraint::Type("Timestamp"));
            }
        }
        (Shape::Blob { length }, value) => {
            match value.as_str().map(|text| data_encoding::BASE64.decode(text.as_bytes())) {
                Some(Ok(bytes)) => all.extend(length.length(bytes.len())),
                _ => all.push(Constraint::Type("Blob")),
            }
        }
        (Shape::Structure { .. } | Shape::List { .. } | Shape::Map { .. }, _) => {}
    }
    all
}

/// The service writes members in lower camel case: `OutputConfig.TargetDevice` is `outputConfig.targetDevice`.
fn below(path: &str, member: &str) -> String {
    let mut characters = member.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    let name: String = first.into_iter().chain(characters).collect();
    if path.is_empty() { name } else { format!("{path}.{name}") }
}
