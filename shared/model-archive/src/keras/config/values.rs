//! The values of a layer's configuration that are read. A class may give them a form of its own: what is of another
//! form is passed over.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use super::MAX_KEPT;
use crate::Dim;

/// Most dimensions of an input. TensorFlow's operators take up to 8.
const MAX_DIMS: usize = 64;

/// `"conv2d"`
#[derive(Debug, Default)]
pub(super) struct Name(pub Option<String>);

/// `[null, 224, 224, 3]`
pub(super) struct Shape(pub Option<Vec<Dim>>);

/// `"float32"`, or since Keras 3 `{"class_name": "DTypePolicy", "config": {"name": "float32"}}`.
#[derive(Debug, Default)]
pub(super) struct DataType(pub Option<String>);

/// Names within lists within lists, such as `[["input_1", 0, 0]]`, in the order that Keras takes them: of an object in
/// that of its keys.
pub(super) struct Names(pub Vec<String>);

/// Any value of JSON, of which no more is kept than is asked for.
enum Value {
    Null,
    Number(i64),
    Text(String),
    List(Option<Vec<Dim>>),
    /// What it has under `config`, `name`.
    Object(Option<String>),
    Other,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Number(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
                Ok(i64::try_from(number).map_or(Value::Other, Value::Number))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut dims = Some(Vec::new());
                while let Some(value) = seq.next_element()? {
                    let dim = match value {
                        Value::Null => Some(Dim::Unknown),
                        Value::Number(size) => {
                            Some(u64::try_from(size).ok().filter(|size| *size > 0).map_or(Dim::Unknown, Dim::Known))
                        }
                        _ => None,
                    };
                    dims = dims.zip(dim).map(|(mut dims, dim)| {
                        dims.push(dim);
                        dims
                    });
                    dims = dims.filter(|dims| dims.len() <= MAX_DIMS);
                }
                Ok(Value::List(dims))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut name = None;
                while let Some(key) = map.next_key::<String>()? {
                    match (key.as_str(), map.next_value()?) {
                        ("config", Value::Object(found)) => name = found,
                        ("name", Value::Text(found)) => name = name.or(Some(found)),
                        _ => {}
                    }
                }
                Ok(Value::Object(name))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(Self(if let Value::Text(name) = value { Some(name) } else { None }))
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(Self(if let Value::List(dims) = value { dims } else { None }))
    }
}

impl<'de> Deserialize<'de> for DataType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(deserializer)? {
            Value::Text(name) => Some(name),
            Value::Object(name) => name,
            _ => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names, or lists or objects of names")
            }

            fn visit_str<E>(self, name: &str) -> Result<Names, E> {
                Ok(Names(vec![name.to_owned()]))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Names, E> {
                Ok(Names(Vec::new()))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Names, E> {
                Ok(Names(Vec::new()))
            }

            fn visit_unit<E>(self) -> Result<Names, E> {
                Ok(Names(Vec::new()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Names, A::Error> {
                let mut all = Vec::new();
                while let Some(Names(names)) = seq.next_element()? {
                    all.extend(names);
                    all.truncate(MAX_KEPT);
                }
                Ok(Names(all))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut all: Vec<(String, Vec<String>)> = Vec::new();
                while let Some((key, Names(names))) = map.next_entry()? {
                    if all.len() < MAX_KEPT {
                        all.push((key, names));
                    }
                }
                all.sort();
                let names = all.into_iter().flat_map(|(_, names)| names).take(MAX_KEPT);
                Ok(Names(names.collect()))
            }
        }

        deserializer.deserialize_any(Collect)
    }
}
