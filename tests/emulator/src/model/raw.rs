//! The parts of botocore's file that say what a request may hold.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::ModelError;

#[derive(Deserialize)]
pub(super) struct RawModel {
    pub operations: HashMap<String, RawOperation>,
    pub shapes: HashMap<String, RawShape>,
}

#[derive(Deserialize)]
pub(super) struct RawOperation {
    pub input: Option<Reference>,
}

#[derive(Deserialize)]
pub(super) struct Reference {
    pub shape: String,
}

#[derive(Deserialize)]
pub(super) struct RawShape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub members: BTreeMap<String, Reference>,
    #[serde(default)]
    pub required: Vec<String>,
    #[serde(default)]
    pub union: bool,
    pub member: Option<Reference>,
    pub key: Option<Reference>,
    pub value: Option<Reference>,
    pub pattern: Option<String>,
    #[serde(rename = "enum")]
    pub values: Option<Vec<String>>,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

impl RawModel {
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let unreadable = |source| ModelError::Read { path: path.to_owned(), source };
        let mut json = Vec::new();
        flate2::read::GzDecoder::new(File::open(path).map_err(unreadable)?)
            .read_to_end(&mut json)
            .map_err(unreadable)?;
        serde_json::from_slice(&json).map_err(|source| ModelError::Parse { path: path.to_owned(), source })
    }
}
