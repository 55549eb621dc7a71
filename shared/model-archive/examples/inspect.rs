//! What is in an archive, as JSON: the crate alone, as `make bench` measures it.

use std::{env, error::Error, fs::File, io};

use model_archive::{Limits, inspect};

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: inspect model.tar.gz")?;
    let inspection = inspect(File::open(path)?, &Limits::default())?;
    serde_json::to_writer_pretty(io::stdout().lock(), &inspection)?;
    Ok(())
}
