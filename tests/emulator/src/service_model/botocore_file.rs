//! The parts of botocore's `service-2.json.gz` that describe requests.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::Read,
    path::Path,
};

use serde::Deserialize;

use super::ModelError;

#[derive(Deserialize)]
pub(super) struct RawModel {
    pub operations: HashMap<String, RawOperation>,
    pub shapes: HashMap<String, RawShape>,
}

#[derive(Deserialize)]
pub(super) struct RawOperation {
    pub input: Option<ShapeReference>,
}

#[derive(Deserialize)]
pub(super) struct ShapeReference {
    pub shape: String,
}

#[derive(Deserialize)]
pub(super) struct RawShape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub members: BTreeMap<String, ShapeReference>,
    #[serde(default)]
    pub required: Vec<String>,
    #[serde(default)]
    pub union: bool,
    pub member: Option<ShapeReference>,
    pub key: Option<ShapeReference>,
    pub value: Option<ShapeReference>,
    pub pattern: Option<String>,
    #[serde(rename = "enum")]
    pub values: Option<Vec<String>>,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

impl RawModel {
    pub fn read_file(path: &Path) -> Result<Self, ModelError> {
        let unreadable = |source| ModelError::Read { path: path.to_owned(), source };
        let mut json = Vec::new();
        flate2::read::GzDecoder::new(File::open(path).map_err(unreadable)?)
            .read_to_end(&mut json)
            .map_err(unreadable)?;
        serde_json::from_slice(&json).map_err(|source| ModelError::Parse { path: path.to_owned(), source })
    }
}
