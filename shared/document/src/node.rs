//! A YAML or JSON document as a tree that keeps the position of every value.

use std::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

/// Maximum nesting of a document: twice what its deepest key needs. Reading is recursive, and a
/// thread of a Lambda function has 2 MiB of stack.
pub(crate) const MAX_DEPTH: usize = 32;

/// A position in a document; line and column start at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    pub line: u64,
    /// In characters.
    pub column: u64,
}

/// A value and its position in the document.
#[derive(Debug, Clone)]
pub struct YamlNode {
    pub value: YamlValue,
    /// `None` for a value that was not read from a document, such as JSON.
    pub position: Option<Position>,
}

/// A value of YAML or JSON. It can be a credential, so `Debug` shows only its type.
#[derive(Clone)]
pub enum YamlValue {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<YamlNode>),
    /// In the order of the document; may contain a key twice.
    Map(Vec<(YamlKey, YamlNode)>),
}

#[derive(Debug, Clone)]
pub struct YamlKey {
    pub name: String,
    pub position: Option<Position>,
}

impl fmt::Debug for YamlValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(_) => f.write_str("boolean"),
            Self::Integer(_) | Self::Float(_) => f.write_str("number"),
            Self::Text(_) => f.write_str("text"),
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Map(entries) => f.debug_list().entries(entries).finish(),
        }
    }
}

/// The text of a document. It can contain credentials, so `Debug` shows only its length.
#[derive(Clone, Default)]
pub struct DocumentText(String);

impl DocumentText {
    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for DocumentText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for DocumentText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl FromStr for YamlNode {
    type Err = serde_saphyr::Error;

    /// Parses one YAML document.
    fn from_str(text: &str) -> Result<Self, serde_saphyr::Error> {
        // The reader reports duplicate keys, with the position of the second one.
        let options = serde_saphyr::options! {
            duplicate_keys: DuplicateKeyPolicy::PassThrough,
            budget: serde_saphyr::budget! { max_depth: MAX_DEPTH },
        };
        serde_saphyr::from_str_with_options(text, options)
    }
}

impl YamlNode {
    /// The value as an error message shows it after "found".
    pub fn describe_value(&self) -> String {
        match &self.value {
            YamlValue::Null => "nothing".to_owned(),
            YamlValue::Bool(value) => format!("`{value}`"),
            YamlValue::Integer(value) => value.to_string(),
            YamlValue::Float(value) => format!("{value:?}"),
            YamlValue::Text(text) => format!("`{text}`"),
            YamlValue::List(_) => "a list".to_owned(),
            YamlValue::Map(_) => "a map".to_owned(),
        }
    }

    /// The value of a whole number; `1.0` is one, as in JSON Schema.
    pub(crate) fn to_integer(&self) -> Option<i128> {
        match self.value {
            YamlValue::Integer(value) => Some(value),
            #[expect(clippy::cast_possible_truncation, reason = "it is small and has no fraction")]
            YamlValue::Float(value) if value.fract() == 0.0 && value.abs() < f64::from(u32::MAX) => Some(value as i128),
            _ => None,
        }
    }

    /// Converts the value to JSON, without positions.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            YamlValue::Null => serde_json::Value::Null,
            YamlValue::Bool(value) => (*value).into(),
            YamlValue::Integer(value) => {
                serde_json::Number::from_i128(*value).map_or(serde_json::Value::Null, Into::into)
            }
            YamlValue::Float(value) => (*value).into(),
            YamlValue::Text(text) => text.clone().into(),
            YamlValue::List(items) => items.iter().map(Self::to_json).collect(),
            YamlValue::Map(entries) => {
                let entries = entries.iter().map(|(key, node)| (key.name.clone(), node.to_json()));
                serde_json::Value::Object(entries.collect())
            }
        }
    }
}

impl From<serde_json::Value> for YamlNode {
    fn from(json: serde_json::Value) -> Self {
        let value = match json {
            serde_json::Value::Null => YamlValue::Null,
            serde_json::Value::Bool(value) => YamlValue::Bool(value),
            serde_json::Value::Number(number) => match number.as_i128() {
                Some(integer) => YamlValue::Integer(integer),
                None => YamlValue::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => YamlValue::Text(text),
            serde_json::Value::Array(items) => YamlValue::List(items.into_iter().map(Into::into).collect()),
            serde_json::Value::Object(entries) => {
                let key = |name| YamlKey { name, position: None };
                YamlValue::Map(entries.into_iter().map(|(name, json)| (key(name), json.into())).collect())
            }
        };
        Self { value, position: None }
    }
}

impl<'de> Deserialize<'de> for YamlNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<YamlValue>::deserialize(deserializer)?;
        let position = start_position(&spanned);
        Ok(Self { value: spanned.value, position })
    }
}

fn start_position<T>(spanned: &Spanned<T>) -> Option<Position> {
    let at = spanned.referenced;
    (at.line() > 0).then(|| Position { line: at.line(), column: at.column() })
}

impl<'de> Deserialize<'de> for YamlValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = YamlValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<YamlValue, E> {
        Ok(YamlValue::Null)
    }

    fn visit_none<E: Error>(self) -> Result<YamlValue, E> {
        Ok(YamlValue::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<YamlValue, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<YamlValue, E> {
        Ok(YamlValue::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<YamlValue, E> {
        Ok(YamlValue::Integer(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<YamlValue, E> {
        Ok(YamlValue::Integer(value.into()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<YamlValue, E> {
        Ok(YamlValue::Integer(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<YamlValue, E> {
        Ok(YamlValue::Float(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<YamlValue, E> {
        Ok(YamlValue::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<YamlValue, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(YamlValue::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<YamlValue, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, node)) = map.next_entry::<Spanned<String>, YamlNode>()? {
            let position = start_position(&key);
            entries.push((YamlKey { name: key.value, position }, node));
        }
        Ok(YamlValue::Map(entries))
    }
}
