//! Prints the inspection of an archive as JSON. `make bench` measures this program.

use std::{env, error::Error, fs::File, io};

use model_archive::{Limits, inspect_archive};

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: inspect model.tar.gz")?;
    let inspection = inspect_archive(File::open(path)?, &Limits::default())?;
    serde_json::to_writer_pretty(io::stdout().lock(), &inspection)?;
    Ok(())
}
