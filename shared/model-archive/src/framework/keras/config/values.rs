//! The values of a layer's configuration that are read. A custom class may use other forms, which
//! are ignored.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use crate::inspection::Dim;

/// Maximum number of input layers and names. Models have one to ten inputs.
pub(super) const MAX_KEPT: usize = 1000;

/// Maximum number of dimensions of an input. TensorFlow's operators take up to 8.
const MAX_DIMS: usize = 64;

/// `"conv2d"`
#[derive(Debug, Default)]
pub(super) struct LayerName(pub Option<String>);

/// `[null, 224, 224, 3]`
pub(super) struct LayerShape(pub Option<Vec<Dim>>);

/// `"float32"`, or since Keras 3 `{"class_name": "DTypePolicy", "config": {"name": "float32"}}`.
#[derive(Debug, Default)]
pub(super) struct LayerDataType(pub Option<String>);

/// `true`
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct LayerFlag(pub bool);

/// Names in nested lists, such as `[["input_1", 0, 0]]`, in the order that Keras uses: for an
/// object, the order of its keys.
pub(super) struct LayerNames(pub Vec<String>);

/// Any JSON value, as far as it is needed.
enum ConfigValue {
    Null,
    Flag(bool),
    Number(i64),
    Text(String),
    List(Option<Vec<Dim>>),
    /// The `name` of the object, or that of its `config`.
    Object(Option<String>),
    Other,
}

impl<'de> Deserialize<'de> for ConfigValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = ConfigValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<ConfigValue, E> {
                Ok(ConfigValue::Null)
            }

            fn visit_bool<E>(self, flag: bool) -> Result<ConfigValue, E> {
                Ok(ConfigValue::Flag(flag))
            }

            fn visit_i64<E>(self, number: i64) -> Result<ConfigValue, E> {
                Ok(ConfigValue::Number(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<ConfigValue, E> {
                Ok(i64::try_from(number).map_or(ConfigValue::Other, ConfigValue::Number))
            }

            fn visit_f64<E>(self, _: f64) -> Result<ConfigValue, E> {
                Ok(ConfigValue::Other)
            }

            fn visit_str<E>(self, text: &str) -> Result<ConfigValue, E> {
                Ok(ConfigValue::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ConfigValue, A::Error> {
                let mut dims = Some(Vec::new());
                while let Some(value) = seq.next_element()? {
                    let dim = match value {
                        ConfigValue::Null => Some(Dim::Unknown),
                        ConfigValue::Number(size) => Some(Dim::from(size)),
                        _ => None,
                    };
                    dims = dims.zip(dim).map(|(mut dims, dim)| {
                        dims.push(dim);
                        dims
                    });
                    dims = dims.filter(|dims| dims.len() <= MAX_DIMS);
                }
                Ok(ConfigValue::List(dims))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ConfigValue, A::Error> {
                let mut name = None;
                while let Some(key) = map.next_key::<String>()? {
                    match (key.as_str(), map.next_value()?) {
                        ("config", ConfigValue::Object(found)) => name = found,
                        ("name", ConfigValue::Text(found)) => name = name.or(Some(found)),
                        _ => {}
                    }
                }
                Ok(ConfigValue::Object(name))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for LayerName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = ConfigValue::deserialize(deserializer)?;
        Ok(Self(if let ConfigValue::Text(name) = value { Some(name) } else { None }))
    }
}

impl<'de> Deserialize<'de> for LayerFlag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(matches!(ConfigValue::deserialize(deserializer)?, ConfigValue::Flag(true))))
    }
}

impl<'de> Deserialize<'de> for LayerShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = ConfigValue::deserialize(deserializer)?;
        Ok(Self(if let ConfigValue::List(dims) = value { dims } else { None }))
    }
}

impl<'de> Deserialize<'de> for LayerDataType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match ConfigValue::deserialize(deserializer)? {
            ConfigValue::Text(name) => Some(name),
            ConfigValue::Object(name) => name,
            _ => None,
        }))
    }
}

impl<'de> Deserialize<'de> for LayerNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNesting;

        impl<'de> Visitor<'de> for AnyNesting {
            type Value = LayerNames;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names, or lists or objects of names")
            }

            fn visit_str<E>(self, name: &str) -> Result<LayerNames, E> {
                Ok(LayerNames(vec![name.to_owned()]))
            }

            fn visit_i64<E>(self, _: i64) -> Result<LayerNames, E> {
                Ok(LayerNames(Vec::new()))
            }

            fn visit_u64<E>(self, _: u64) -> Result<LayerNames, E> {
                Ok(LayerNames(Vec::new()))
            }

            fn visit_unit<E>(self) -> Result<LayerNames, E> {
                Ok(LayerNames(Vec::new()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<LayerNames, A::Error> {
                let mut all = Vec::new();
                while let Some(LayerNames(names)) = seq.next_element()? {
                    all.extend(names);
                    all.truncate(MAX_KEPT);
                }
                Ok(LayerNames(all))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LayerNames, A::Error> {
                let mut all: Vec<(String, Vec<String>)> = Vec::new();
                while let Some((key, LayerNames(names))) = map.next_entry()? {
                    if all.len() < MAX_KEPT {
                        all.push((key, names));
                    }
                }
                all.sort();
                let names = all.into_iter().flat_map(|(_, names)| names).take(MAX_KEPT);
                Ok(LayerNames(names.collect()))
            }
        }

        deserializer.deserialize_any(AnyNesting)
    }
}
