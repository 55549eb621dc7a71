//! Peak memory stays below 32 MiB, even for a stream of gigabytes.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

use std::io::{self, Read};

use flate2::Crc;
use model_archive::{Inspection, Limits, inspect_archive};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MAX_MEMORY: usize = 32 << 20;

/// Payload of a stored deflate block.
const BLOCK: usize = 65_535;

/// A gzip stream of stored blocks, generated while it is read.
struct StoredGzip<I> {
    parts: I,
    pending: Vec<u8>,
    at: usize,
    crc: Crc,
    ended: bool,
}

impl<I: Iterator<Item = Vec<u8>>> StoredGzip<I> {
    fn new(parts: I) -> Self {
        let pending = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
        Self { parts, pending, at: 0, crc: Crc::new(), ended: false }
    }
}

impl<I: Iterator<Item = Vec<u8>>> Read for StoredGzip<I> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // Repeats after an empty part.
        while self.at == self.pending.len() && !self.ended {
            self.at = 0;
            self.pending.clear();
            if let Some(part) = self.parts.next() {
                self.crc.update(&part);
                for block in part.chunks(BLOCK) {
                    let length = u16::try_from(block.len()).unwrap();
                    self.pending.push(0);
                    self.pending.extend(length.to_le_bytes());
                    self.pending.extend((!length).to_le_bytes());
                    self.pending.extend(block);
                }
            } else {
                self.ended = true;
                self.pending.extend([1, 0, 0, 0xff, 0xff]);
                self.pending.extend(self.crc.sum().to_le_bytes());
                self.pending.extend(self.crc.amount().to_le_bytes());
            }
        }
        let read = (&self.pending[self.at..]).read(into)?;
        self.at += read;
        Ok(read)
    }
}

fn varint_bytes(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

fn delimited(number: u8, body: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2][..], &varint_bytes(body.len() as u64), body].concat()
}

fn file_header(path: &str, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path(path).unwrap();
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// A model with `gibibytes` of weights and 100 000 small weights that are inputs too. Its real
/// inputs are the first and the last one.
fn large_model(gibibytes: u64) -> (u64, impl Iterator<Item = Vec<u8>>) {
    const MIB: u64 = 1 << 20;
    let weights = gibibytes * 1024;
    let input = |name: &str| delimited(11, &delimited(1, name.as_bytes()));
    let small: Vec<u8> = (0..100_000)
        .flat_map(|number| {
            let name = format!("layer.{number}.weight");
            [delimited(5, &delimited(8, name.as_bytes())), input(&name)].concat()
        })
        .collect();
    let small = std::sync::Arc::new(small);
    let tensor_head = [&[9 << 3 | 2][..], &varint_bytes(MIB)].concat();
    let tensor_size = tensor_head.len() as u64 + MIB;
    let weight_head = [&[5 << 3 | 2][..], &varint_bytes(tensor_size), &tensor_head].concat();
    let (first, last) = (input("first"), input("last"));
    let graph = (first.len() + small.len() + last.len()) as u64 + weights * (weight_head.len() as u64 + MIB);
    let start = [&b"\x08\x08\x3a"[..], &varint_bytes(graph), &first].concat();
    let size = start.len() as u64 + graph - first.len() as u64;
    let noise: Vec<u8> = (0..MIB).map(|at| u8::try_from((at * 2_654_435_761) >> 13 & 0xff).unwrap()).collect();
    let large = (0..weights).map(move |_| [&weight_head[..], &noise].concat());
    let parts = std::iter::once(start)
        .chain(std::iter::once_with(move || small.to_vec()))
        .chain(large)
        .chain(std::iter::once(last));
    (size, parts)
}

/// An archive of one file.
fn archive_of(path: &str, size: u64, parts: impl Iterator<Item = Vec<u8>> + 'static) -> Box<dyn Read> {
    let padding = vec![0; usize::try_from(size.next_multiple_of(512) - size).unwrap() + 1024];
    Box::new(StoredGzip::new(std::iter::once(file_header(path, size)).chain(parts).chain(std::iter::once(padding))))
}

/// An archive of one file that repeats a part, with other bytes before and after.
fn archive_of_repeats(path: &str, before: &[u8], part: &[u8], count: usize, after: &[u8]) -> Box<dyn Read> {
    // Few large parts are generated faster than many small ones.
    let chunk = part.repeat(1000);
    let size = before.len() + chunk.len() * count.div_ceil(1000) + after.len();
    let parts = std::iter::once(before.to_vec()).chain(std::iter::repeat_n(chunk, count.div_ceil(1000)));
    archive_of(path, size as u64, parts.chain(std::iter::once(after.to_vec())))
}

/// Inspects an archive and returns the peak memory, in bytes.
fn measure_peak(stream: impl Read) -> (Inspection, usize) {
    // Memory of the test itself, such as the parts of the stream.
    let held = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let inspection = inspect_archive(stream, &Limits::default()).unwrap();
    (inspection, MEMORY.peak_usage() - held)
}

/// A file that is generated in parts while it is read, because memory of the test must not count.
struct GeneratedFile {
    path: String,
    size: usize,
    parts: Box<dyn Iterator<Item = Vec<u8>>>,
}

impl GeneratedFile {
    /// All parts must have the same size.
    fn new(path: &str, before: Vec<u8>, count: usize, part: impl Fn(usize) -> Vec<u8> + 'static) -> Self {
        let size = before.len() + count * part(0).len();
        Self { path: path.to_owned(), size, parts: Box::new(std::iter::once(before).chain((0..count).map(part))) }
    }
}

fn archive_of_files(members: impl IntoIterator<Item = GeneratedFile> + 'static) -> Box<dyn Read> {
    let parts = members.into_iter().flat_map(|GeneratedFile { path, size, parts }| {
        let padding = vec![0; size.next_multiple_of(512) - size];
        std::iter::once(file_header(&path, size as u64)).chain(parts).chain(std::iter::once(padding))
    });
    Box::new(StoredGzip::new(parts.chain(std::iter::once(vec![0; 1024]))))
}

/// An ONNX file close to every limit: inputs with thousands of named dimensions, and almost the
/// maximum number of weights.
fn onnx_at_the_limits(path: &str) -> GeneratedFile {
    let dims = delimited(1, &delimited(2, b"d")).repeat(8193);
    let input = delimited(2, &delimited(1, &delimited(2, &dims)));
    let inputs: Vec<u8> =
        (b'a'..b'o').flat_map(|name| delimited(11, &[delimited(1, &[name]), input.clone()].concat())).collect();
    let weights = |part: usize| -> Vec<u8> {
        let names = (0..1000).map(move |number| format!("{:06}", 1000 * part + number));
        names.flat_map(|name| delimited(5, &delimited(8, name.as_bytes()))).collect()
    };
    let graph = inputs.len() + 249 * weights(0).len();
    GeneratedFile::new(path, [&b"\x08\x08\x3a"[..], &varint_bytes(graph as u64), &inputs].concat(), 249, weights)
}

/// A `SavedModel` in text with many signatures that all have inputs.
fn many_signatures() -> GeneratedFile {
    let dims = "dim { name: 'a' } ".repeat(250);
    let input = format!("inputs {{ key: 'x' value {{ tensor_shape {{ {dims} }} }} }} ");
    // Each signature consists of its start, 500 inputs and its end.
    let part = move |number: usize| match number % 502 {
        0 => format!("{:<width$}", "signature_def { value { ", width = input.len()).into_bytes(),
        501 => format!("{:<width$}", "} } ", width = input.len()).into_bytes(),
        _ => input.clone().into_bytes(),
    };
    GeneratedFile::new("saved_model.pbtxt", b"meta_graphs { ".to_vec(), 60 * 502, part)
}

/// An HDF5 file whose root group repeats the same four megabytes of attributes endlessly.
fn circular_header() -> Vec<u8> {
    let attributes = hdf5_message(12, &vec![0; 65_528]).repeat(63);
    let again = continuation(attributes.len() + 24);
    hdf5_with(&[attributes, again].concat())
}

/// An HDF5 file with thousands of attributes of one name that all share the same megabyte.
fn many_of_one_name() -> Vec<u8> {
    // Version 1: name, type and space have 13, 16 and 4 bytes, padded to 16, 16 and 8. The value is
    // a string in a heap.
    let mut attribute = b"\x01\0\x0d\0\x10\0\x04\0model_config\0\0\0\0".to_vec();
    attribute.extend(b"\x19\x01\0\0\x10\0\0\0\x10\0\0\0\x01\0\0\0");
    attribute.extend([0; 8]);
    let heap = 128 + 2000 * (8 + 64);
    attribute.extend((1_u32 << 20).to_le_bytes());
    attribute.extend(u64::to_le_bytes(heap));
    attribute.extend(1_u32.to_le_bytes());
    attribute.resize(64, 0);
    let mut file = hdf5_with(&hdf5_message(12, &attribute).repeat(2000));
    assert_eq!(file.len() as u64, heap);
    file.extend(b"GCOL\x01\0\0\0");
    file.extend((16_u64 + 16 + (1 << 20)).to_le_bytes());
    file.extend(b"\x01\0\0\0\0\0\0\0");
    file.extend((1_u64 << 20).to_le_bytes());
    file.resize(file.len() + (1 << 20), b' ');
    file
}

fn hdf5_message(kind: u16, body: &[u8]) -> Vec<u8> {
    let size = u16::try_from(body.len()).unwrap();
    [&kind.to_le_bytes()[..], &size.to_le_bytes(), &[0; 4], body].concat()
}

/// A continuation that points to the first of the messages of `hdf5_with`.
fn continuation(size: usize) -> Vec<u8> {
    hdf5_message(16, &[128_u64.to_le_bytes(), (size as u64).to_le_bytes()].concat())
}

/// An HDF5 file whose root group has these messages.
fn hdf5_with(messages: &[u8]) -> Vec<u8> {
    // The superblock, the object header of the root group at 80, and its continuation at 128.
    let mut bytes = b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08".to_vec();
    bytes.resize(64, 0);
    bytes.extend(80_u64.to_le_bytes());
    bytes.resize(80, 0);
    bytes.extend([1, 0, 1, 0, 1, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(continuation(messages.len()));
    bytes.resize(128, 0);
    bytes.extend(messages);
    bytes
}

/// A `FlatBuffer` whose first subgraph has `count` inputs, all of them the same tensor with a name
/// of 4 KiB.
fn many_inputs(count: u32) -> Vec<u8> {
    let mut bytes = b"\x18\0\0\0TFL3".to_vec();
    // The vtables of the model (8: subgraphs), the subgraph (tensors, inputs) and the tensor (10:
    // name).
    bytes.extend(b"\x0a\0\x08\0\0\0\0\0\x04\0\0\0\0\0\0\0");
    let at = |bytes: &Vec<u8>| u32::try_from(bytes.len()).unwrap();
    let word = |bytes: &mut Vec<u8>, value: u32| bytes.extend(value.to_le_bytes());
    // The model: its vtable is 16 bytes before it; its subgraphs follow.
    word(&mut bytes, 16);
    word(&mut bytes, 4);
    word(&mut bytes, 1);
    word(&mut bytes, 12);
    bytes.extend(b"\x08\0\x0c\0\x04\0\x08\0");
    // The subgraph, 8 bytes after its vtable.
    word(&mut bytes, 8);
    let tensors = at(&bytes);
    word(&mut bytes, 8);
    word(&mut bytes, 4 + 4 * 3 + 12 + 4 + 4096 + 4);
    // One tensor, 8 bytes further; according to its vtable, it only has a name.
    assert_eq!(at(&bytes), tensors + 8);
    word(&mut bytes, 1);
    word(&mut bytes, 16);
    bytes.extend(b"\x0c\0\x08\0\0\0\0\0\0\0\x04\0");
    word(&mut bytes, 12);
    word(&mut bytes, 4);
    word(&mut bytes, 4096);
    bytes.extend([b'x'; 4096]);
    let inputs = tensors + 4 + 4 + 4 * 3 + 12 + 4 + 4096 + 4;
    bytes.resize(inputs as usize, 0);
    word(&mut bytes, count);
    bytes.resize(bytes.len() + 4 * count as usize, 0);
    bytes
}

fn hostile_archives() -> Vec<(&'static str, Box<dyn Read>, &'static str)> {
    let input = |name: &str| delimited(11, &delimited(1, name.as_bytes()));
    let shapes = delimited(11, &delimited(2, &delimited(1, &delimited(2, &delimited(1, b"").repeat(1000)))));
    let onnx_of = |size: usize| [&b"\x08\x08\x3a"[..], &varint_bytes(size as u64)].concat();
    let inputs = input("x");
    let dims = delimited(2, b"").repeat(40_000);
    let info = delimited(2, &delimited(3, &dims));
    let signature = delimited(5, &delimited(2, &delimited(1, &info)));
    let graphs = delimited(2, &signature).repeat(16);
    let long_name = {
        let mut header = tar::Header::new_gnu();
        header.set_path("L").unwrap();
        header.set_size(4096);
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_cksum();
        [header.as_bytes(), &[b'n'; 4096][..], &file_header("n", 0)].concat()
    };
    let two = [onnx_at_the_limits("a.onnx"), onnx_at_the_limits("b.onnx")];
    let empty = |number: usize| GeneratedFile::new(&format!("folder-{number}/file"), Vec::new(), 0, |_| Vec::new());
    let crowded = (0..98_000).map(empty).chain(std::iter::once_with(|| onnx_at_the_limits("m.onnx")));
    let circular = circular_header();
    let same = many_of_one_name();
    let flat = many_inputs(1_000_000);
    let flat_size = flat.len() as u64;
    vec![
        ("names", Box::new(StoredGzip::new(std::iter::repeat_n(long_name.repeat(10), 2000))), "no-model"),
        (
            "inputs",
            archive_of_repeats("m.onnx", &onnx_of(inputs.len() * 400_000), &inputs, 400_000, b""),
            "model-invalid",
        ),
        ("shapes", archive_of_repeats("m.onnx", &onnx_of(shapes.len() * 2000), &shapes, 2000, b""), "model-invalid"),
        ("signatures", archive_of("saved_model.pb", graphs.len() as u64, std::iter::once(graphs)), "model-invalid"),
        ("text signatures", archive_of_files([many_signatures()]), "model-invalid"),
        ("header", archive_of("m.h5", circular.len() as u64, std::iter::once(circular)), "model-invalid"),
        ("one name", archive_of("m.h5", same.len() as u64, std::iter::once(same)), "model-invalid"),
        ("skipped nesting", archive_of_repeats("m-symbol.json", b"{\"x\":", b"[", 60_000_000, b""), "model-invalid"),
        (
            "skipped nesting",
            archive_of_repeats("xgboost-model", b"{\"learner\":1,\"x\":", b"[", 60_000_000, b""),
            "model-invalid",
        ),
        ("two models", archive_of_files(two), "several-models"),
        ("members before", archive_of_files(crowded), ""),
        ("tensors", archive_of("m.tflite", flat_size, std::iter::once(flat)), "model-invalid"),
        (
            "arguments",
            archive_of_repeats(
                "m-symbol.json",
                b"{\"nodes\":[",
                b"{\"op\":\"null\",\"name\":\"n\"},",
                400_000,
                b"{}]}",
            ),
            "model-invalid",
        ),
        (
            "text",
            archive_of_repeats("m-symbol.json", b"{\"nodes\":[{\"op\":\"", b"nnnnnnnnnn", 4_000_000, b"\"}]}"),
            "model-invalid",
        ),
        ("key", archive_of_repeats("m-symbol.json", b"{\"", b"nnnnnnnnnn", 4_000_000, b"\":1}"), "model-invalid"),
        ("nesting", archive_of_repeats("m-symbol.json", b"{\"nodes\":", b"[", 4_000_000, b""), "model-invalid"),
        ("ubjson", archive_of_repeats("m.model", b"{L\0\0\0\0\0\0\0\x01a", b"[", 4_000_000, b""), "model-invalid"),
        ("text graph", archive_of_repeats("g.pbtxt", b"node {", b" attr {", 4_000_000, b""), "model-invalid"),
        (
            "text dims",
            archive_of_repeats("g.pbtxt", b"node { attr { key: 'shape' value { shape {", b" dim {}", 400_000, b"}}}}"),
            "model-invalid",
        ),
    ]
}

#[test]
fn peak_memory_stays_under_32_mib() {
    for (name, stream, code) in hostile_archives() {
        let (inspection, peak) = measure_peak(stream);
        let codes: Vec<_> = inspection.problems.iter().map(|problem| problem.code.as_ref()).collect();
        assert!(codes.contains(&code) || code.is_empty() && codes.is_empty(), "{name}: {:?}", inspection.problems);
        println!("{name}: {} MiB", peak >> 20);
        assert!(peak < MAX_MEMORY, "{name}: {} MiB", peak >> 20);
    }

    let (size, model) = large_model(3);
    let (inspection, peak) = measure_peak(archive_of("m.onnx", size, model));
    assert!(peak < MAX_MEMORY, "{} MiB", peak >> 20);
    assert_eq!(inspection.problems, []);
    let names: Vec<_> = inspection.model.unwrap().inputs.into_iter().map(|input| input.name).collect();
    assert_eq!(names, ["first", "last"]);
}
