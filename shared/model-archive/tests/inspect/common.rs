//! Builds and inspects archives for tests.

use std::{
    io::{Read, Write},
    path::Path,
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use model_archive::{Inspection, Limits, inspect_archive};

/// Reads a file below `tests/models`.
pub fn read_fixture(path: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/models").join(path);
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Extracts the members of an archive below `tests/models`.
pub fn extract_fixture(path: &str) -> Vec<(String, Vec<u8>)> {
    let data = read_fixture(path);
    let mut archive = tar::Archive::new(GzDecoder::new(data.as_slice()));
    let files = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut data = Vec::new();
        entry.read_to_end(&mut data).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), data)
    });
    files.collect()
}

/// The index of the variables of the SavedModel `saved-fixed`, and the only file with their values.
pub fn saved_variables() -> [Vec<u8>; 2] {
    let members = extract_fixture("tensorflow/suite.tar.gz");
    ["index", "data-00000-of-00001"].map(|end| {
        let path = format!("saved-fixed/variables/variables.{end}");
        members.iter().find(|(name, _)| *name == path).unwrap_or_else(|| panic!("no {path}")).1.clone()
    })
}

/// One model of the ONNX suite.
pub fn onnx_model(path: &str) -> Vec<u8> {
    extract_fixture("onnx/suite.tar.gz")
        .into_iter()
        .find(|(name, _)| name == path)
        .unwrap_or_else(|| panic!("no {path}"))
        .1
}

pub fn gzip_bytes(data: &[u8]) -> Vec<u8> {
    gzip_at(Compression::fast(), data)
}

/// Gzip without compression.
pub fn gzip_stored(data: &[u8]) -> Vec<u8> {
    gzip_at(Compression::none(), data)
}

fn gzip_at(level: Compression, data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A tar header with an unchanged path.
pub fn tar_header(path: &str, size: usize, kind: tar::EntryType) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_entry_type(kind);
    header.set_cksum();
    header
}

/// A tar header, the content after it, and the padding.
pub fn tar_member(path: &str, data: &[u8], kind: tar::EntryType) -> Vec<u8> {
    let mut bytes = tar_header(path, data.len(), kind).as_bytes().to_vec();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

pub fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, data) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        builder.append_data(&mut header, path, *data).unwrap();
    }
    builder.into_inner().unwrap()
}

pub fn tar_gz(files: &[(&str, &[u8])]) -> Vec<u8> {
    gzip_bytes(&tar_of(files))
}

pub fn inspect_bytes(archive: &[u8]) -> Inspection {
    inspect_archive(archive, &Limits::default()).unwrap()
}

pub fn inspect_members(files: &[(&str, &[u8])]) -> Inspection {
    inspect_bytes(&tar_gz(files))
}

/// A tar archive with files and links, each with its content or its target.
pub fn archive_with_links(files: &[(&str, &[u8])], links: &[(&str, &str)]) -> Inspection {
    let mut tar: Vec<u8> =
        files.iter().flat_map(|(path, data)| tar_member(path, data, tar::EntryType::Regular)).collect();
    for (path, target) in links {
        let mut header = tar_header(path, 0, tar::EntryType::Symlink);
        header.set_link_name(target).unwrap();
        header.set_cksum();
        tar.extend(header.as_bytes());
    }
    inspect_bytes(&gzip_bytes(&tar))
}

pub fn problem_codes(inspection: &Inspection) -> Vec<&str> {
    inspection.problems.iter().map(|problem| problem.code.as_ref()).collect()
}

/// An inspected model in the form of the reference answers in `suite.json`.
pub fn reference_form(inspection: &Inspection) -> serde_json::Value {
    let model = inspection.model.as_ref().unwrap_or_else(|| panic!("{inspection:#?}"));
    serde_json::json!({ "format_version": model.format_version, "producer": model.producer, "inputs": model.inputs })
}
