//! `automation schema`

use crate::{error::CliError, output::CliOutput, schema::generate_schema, verdict::Verdict};

pub(crate) fn print_schema(out: &mut CliOutput) -> Result<Verdict, CliError> {
    out.print_json(&generate_schema())?;
    Ok(Verdict::Good)
}
