//! The element types of tensors, with the same names for all frameworks.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The type of a tensor's elements. In JSON its name, such as `float32`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ElementType {
    Float16,
    Bfloat16,
    Float32,
    Float64,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Bool,
    String,
    Complex64,
    Complex128,
    /// Any other type, by its name in the framework; `unknown` if the file does not specify it.
    Other(String),
}

const NAMED: [(ElementType, &str); 16] = [
    (ElementType::Float16, "float16"),
    (ElementType::Bfloat16, "bfloat16"),
    (ElementType::Float32, "float32"),
    (ElementType::Float64, "float64"),
    (ElementType::Int8, "int8"),
    (ElementType::Int16, "int16"),
    (ElementType::Int32, "int32"),
    (ElementType::Int64, "int64"),
    (ElementType::Uint8, "uint8"),
    (ElementType::Uint16, "uint16"),
    (ElementType::Uint32, "uint32"),
    (ElementType::Uint64, "uint64"),
    (ElementType::Bool, "bool"),
    (ElementType::String, "string"),
    (ElementType::Complex64, "complex64"),
    (ElementType::Complex128, "complex128"),
];

impl ElementType {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => NAMED.iter().find(|(element_type, _)| element_type == known).map_or("unknown", |(_, name)| name),
        }
    }

    pub(crate) fn unknown_type() -> Self {
        Self::Other("unknown".to_owned())
    }
}

impl From<&str> for ElementType {
    fn from(name: &str) -> Self {
        let known = NAMED.iter().find(|(_, known)| *known == name);
        known.map_or_else(|| Self::Other(name.to_owned()), |(element_type, _)| element_type.clone())
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ElementType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ElementType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for (element_type, name) in NAMED {
            assert_eq!(ElementType::from(name), element_type);
            assert_eq!(element_type.to_string(), name);
        }
        assert_eq!(ElementType::from("int4").as_str(), "int4");
    }
}
