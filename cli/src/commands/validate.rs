//! `automation validate`

use configuration::ConfigDocument;
use document::ConfigDiagnostic;
use serde_json::json;

use crate::{
    args::ValidateArgs,
    config_file::{print_diagnostics, read_config_text},
    error::CliError,
    output::{CliOutput, ERROR, GOOD, format_count},
    verdict::Verdict,
};

pub(crate) fn validate_config(args: &ValidateArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    let text = read_config_text(&args.config)?;
    let (errors, warnings, document) = match ConfigDocument::parse(&text) {
        Ok(document) => (Vec::new(), document.warnings.clone(), Some(document)),
        Err(error) => (error.errors, Vec::new(), None),
    };
    if args.json {
        out.print_json(&json!({
            "valid": errors.is_empty(),
            "errors": errors,
            "warnings": warnings,
        }))?;
    } else {
        print_diagnostics(&args.config, &text, &errors, &warnings, out)?;
        print_summary(args, &errors, document.as_ref(), out)?;
    }
    Ok(if errors.is_empty() { Verdict::Good } else { Verdict::Bad })
}

fn print_summary(
    args: &ValidateArgs,
    errors: &[ConfigDiagnostic],
    document: Option<&ConfigDocument>,
    out: &mut CliOutput,
) -> Result<(), CliError> {
    let name = args.config.display();
    let Some(document) = document else {
        let errors = format_count(errors.len(), "error");
        return out.print_line(format_args!("{ERROR}{name} is not valid:{ERROR:#} {errors}"));
    };
    let rules = &document.compilation.rules;
    let targets: usize = rules.iter().map(|rule| rule.targets.len()).sum();
    let (rules, targets) = (format_count(rules.len(), "rule"), format_count(targets, "target"));
    out.print_line(format_args!("{GOOD}{name} is valid:{GOOD:#} {rules}, {targets}"))
}
