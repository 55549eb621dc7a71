//! Peak memory stays under 32 MiB on a stream of gigabytes.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

use std::io::{self, Read};

use flate2::Crc;
use model_archive::{Limits, inspect};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MOST: usize = 32 << 20;

/// Payload of a stored deflate block.
const BLOCK: usize = 65_535;

/// A gzip stream of stored blocks, made as it is read.
struct Stored<I> {
    parts: I,
    pending: Vec<u8>,
    at: usize,
    crc: Crc,
    ended: bool,
}

impl<I: Iterator<Item = Vec<u8>>> Stored<I> {
    fn new(parts: I) -> Self {
        let pending = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
        Self { parts, pending, at: 0, crc: Crc::new(), ended: false }
    }
}

impl<I: Iterator<Item = Vec<u8>>> Read for Stored<I> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.pending.len() && !self.ended {
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

fn length(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

fn delimited(number: u8, body: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2][..], &length(body.len() as u64), body].concat()
}

fn file(path: &str, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path(path).unwrap();
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// A model of `gibibytes` of weights, with its input first and last among 100 000 small weights that are inputs too.
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
    let tensor_head = [&[9 << 3 | 2][..], &length(MIB)].concat();
    let tensor_size = tensor_head.len() as u64 + MIB;
    let weight_head = [&[5 << 3 | 2][..], &length(tensor_size), &tensor_head].concat();
    let (first, last) = (input("first"), input("last"));
    let graph = (first.len() + small.len() + last.len()) as u64 + weights * (weight_head.len() as u64 + MIB);
    let start = [&b"\x08\x08\x3a"[..], &length(graph), &first].concat();
    let size = start.len() as u64 + graph - first.len() as u64;
    let noise: Vec<u8> = (0..MIB).map(|at| u8::try_from((at * 2_654_435_761) >> 13 & 0xff).unwrap()).collect();
    let large = (0..weights).map(move |_| [&weight_head[..], &noise].concat());
    let parts = std::iter::once(start)
        .chain(std::iter::once_with(move || small.to_vec()))
        .chain(large)
        .chain(std::iter::once(last));
    (size, parts)
}

#[test]
fn peak_memory_stays_under_32_mib() {
    let (size, model) = large_model(3);
    let padding = vec![0; usize::try_from(size.next_multiple_of(512) - size).unwrap() + 1024];
    let parts = std::iter::once(file("m.onnx", size)).chain(model).chain(std::iter::once(padding));
    let stream = Stored::new(parts);

    // What the test itself holds: one weight, its deflated form and the names.
    let held = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let inspection = inspect(stream, &Limits::default()).unwrap();
    let peak = MEMORY.peak_usage() - held;
    assert!(peak < MOST, "{} MiB", peak >> 20);

    assert_eq!(inspection.problems, []);
    let names: Vec<_> = inspection.model.unwrap().inputs.into_iter().map(|input| input.name).collect();
    assert_eq!(names, ["first", "last"]);
}
