//! `automation validate`

use configuration::ConfigDocument;
use serde::Serialize;
use serde_json::json;

use crate::{
    args::ValidateArgs,
    config_file::{ConfigFile, print_diagnostics},
    error::CliError,
    output::{CliOutput, ERROR, GOOD, WARNING, format_count},
    stack_lookup::{describe_stack, find_package_warnings},
    verdict::Verdict,
};

pub(crate) fn validate_config(args: &ValidateArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    let ConfigFile { text, document } = ConfigFile::read(&args.config)?;
    let (mut errors, mut warnings, mut document) = match document {
        Ok(document) => (Vec::new(), document.warnings.clone(), Some(document)),
        Err(error) => (error.errors, Vec::new(), None),
    };
    if let Some(valid) = &document
        && let Some(stack) = describe_stack(&args.stack)?
    {
        errors = stack.find_errors(valid);
        warnings.extend(stack.find_access().find_missing(&valid.compilation));
        warnings.extend(find_package_warnings(&args.stack, &stack, &valid.compilation)?);
        document = document.filter(|_| errors.is_empty());
    }
    if args.output.json {
        out.print_json(&json!({
            "valid": errors.is_empty(),
            "sections": document.as_ref().map(count_sections),
            "errors": errors,
            "warnings": warnings,
        }))?;
    } else {
        print_diagnostics(&args.config, &text, &errors, &warnings, out)?;
        print_summary(args, errors.len(), warnings.len(), document.as_ref(), out)?;
    }
    let is_good = errors.is_empty() && (warnings.is_empty() || !args.strict);
    Ok(if is_good { Verdict::Good } else { Verdict::Bad })
}

fn print_summary(
    args: &ValidateArgs,
    errors: usize,
    warnings: usize,
    document: Option<&ConfigDocument>,
    out: &mut CliOutput,
) -> Result<(), CliError> {
    let name = args.config.display();
    let Some(document) = document else {
        let errors = format_count(errors, "error");
        return out.print_line(format_args!("{ERROR}{name} is not valid:{ERROR:#} {errors}"));
    };
    let sections = describe_sections(document);
    match warnings {
        0 => out.print_line(format_args!("{GOOD}{name} is valid:{GOOD:#} {sections}")),
        count if args.strict => {
            let warnings = format_count(count, "warning");
            out.print_line(format_args!("{ERROR}{name} has {warnings} (--strict):{ERROR:#} {sections}"))
        }
        count => {
            let warnings = format_count(count, "warning");
            out.print_line(format_args!("{GOOD}{name} is valid:{GOOD:#} {sections}; {WARNING}{warnings}{WARNING:#}"))
        }
    }
}

/// The number of entries per section, without the sections that have none.
pub(super) fn describe_sections(document: &ConfigDocument) -> String {
    let counts = count_sections(document);
    let rules = (counts.rules > 0).then(|| {
        let (rules, targets) = (format_count(counts.rules, "rule"), format_count(counts.targets, "target"));
        format!("{rules} ({targets})")
    });
    let others = [(counts.partner_apps, "partner app"), (counts.images, "image"), (counts.workteams, "work team")];
    let others = others.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| format_count(*count, noun));
    let sections: Vec<_> = rules.into_iter().chain(others).collect();
    if sections.is_empty() { "nothing is declared".to_owned() } else { sections.join(", ") }
}

pub(super) fn count_sections(document: &ConfigDocument) -> SectionCounts {
    let rules = &document.compilation.rules;
    SectionCounts {
        rules: rules.len(),
        targets: rules.iter().map(|rule| rule.targets.len()).sum(),
        partner_apps: document.declared.partner_apps.len(),
        images: document.declared.images.len(),
        workteams: document.declared.workteams.len(),
    }
}

/// The number of entries of a document.
#[derive(Serialize)]
pub(super) struct SectionCounts {
    rules: usize,
    /// Of all rules.
    targets: usize,
    partner_apps: usize,
    images: usize,
    workteams: usize,
}
