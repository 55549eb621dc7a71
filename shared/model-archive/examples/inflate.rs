//! Decompresses an archive without inspecting it. `make bench` compares `inspect` with it, because
//! no reader can be faster.

use std::{
    env,
    error::Error,
    fs::File,
    io::{self, BufReader, Read},
};

use flate2::bufread::GzDecoder;

/// Bytes read or decompressed at a time, as in `inspect_archive`.
const CHUNK: usize = 64 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: inflate model.tar.gz")?;
    let mut archive = GzDecoder::new(BufReader::with_capacity(CHUNK, File::open(path)?));
    let mut chunk = vec![0; CHUNK];
    let mut inflated = 0;
    loop {
        match archive.read(&mut chunk)? {
            0 => break,
            read => inflated += read,
        }
    }
    serde_json::to_writer(io::stdout().lock(), &inflated)?;
    Ok(())
}
