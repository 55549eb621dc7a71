//! The values of a layer's configuration that come in several forms.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::MAX_KEPT;
use crate::Dim;

/// Most dimensions of an input. TensorFlow's operators take up to 8.
const MAX_DIMS: usize = 64;

/// `[null, 224, 224, 3]`
pub(super) struct Shape(pub Vec<Dim>);

/// `"float32"`, or since Keras 3 `{"class_name": "DTypePolicy", "config": {"name": "float32"}}`.
pub(super) struct DataType(pub Option<String>);

/// Names within lists within lists, such as `[["input_1", 0, 0]]`.
pub(super) struct Names(pub Vec<String>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sizes;

        impl<'de> Visitor<'de> for Sizes {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of sizes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut dims = Vec::new();
                while let Some(size) = seq.next_element::<Option<i64>>()? {
                    if dims.len() == MAX_DIMS {
                        return Err(serde::de::Error::custom(format!("a shape has more than {MAX_DIMS} dimensions")));
                    }
                    let size = size.and_then(|size| u64::try_from(size).ok()).filter(|size| *size > 0);
                    dims.push(size.map_or(Dim::Unknown, Dim::Known));
                }
                Ok(Shape(dims))
            }
        }

        deserializer.deserialize_seq(Sizes)
    }
}

impl<'de> Deserialize<'de> for DataType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Policy {
            name: Option<String>,
        }

        struct NameOrPolicy;

        impl<'de> Visitor<'de> for NameOrPolicy {
            type Value = DataType;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a type's name or policy")
            }

            fn visit_unit<E>(self) -> Result<DataType, E> {
                Ok(DataType(None))
            }

            fn visit_str<E>(self, name: &str) -> Result<DataType, E> {
                Ok(DataType(Some(name.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DataType, A::Error> {
                let mut name = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key == "config" {
                        name = map.next_value::<Option<Policy>>()?.and_then(|policy| policy.name);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(DataType(name))
            }
        }

        deserializer.deserialize_any(NameOrPolicy)
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
                let mut all = Vec::new();
                while let Some((IgnoredAny, Names(names))) = map.next_entry()? {
                    all.extend(names);
                    all.truncate(MAX_KEPT);
                }
                Ok(Names(all))
            }
        }

        deserializer.deserialize_any(Collect)
    }
}
