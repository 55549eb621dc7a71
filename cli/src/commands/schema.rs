//! `automation schema`

use crate::{Verdict, error::CliError, output::Output, schema::schema};

pub(crate) fn run(out: &mut Output) -> Result<Verdict, CliError> {
    out.json(&schema())?;
    Ok(Verdict::Good)
}
