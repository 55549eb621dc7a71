//! `automation explain`

use serde_json::json;

use crate::{args::ExplainArgs, error::CliError, output::CliOutput, verdict::Verdict};

/// The page with a section for each code, whose heading is the code.
const PAGE: &str = include_str!("../../../docs/PROBLEMS.md");

pub(crate) fn explain_code(args: &ExplainArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    let code = args.code.trim_matches(['[', ']']);
    let section = find_section(code).ok_or_else(|| CliError::UnknownCode(code.to_owned()))?.replace("**", "");
    if args.output.json {
        out.print_json(&json!({ "code": code, "explanation": section }))?;
    } else {
        out.print_line(resolve_links(&section))?;
    }
    Ok(Verdict::Good)
}

/// Replaces each Markdown link with the page that it leads to, or its text if that is a code.
fn resolve_links(mut section: &str) -> String {
    let mut text = String::new();
    while let Some((before, rest)) = section.split_once("](") {
        let (before, label) = before.rsplit_once('[').unwrap_or((before, ""));
        let (target, rest) = rest.split_once(')').unwrap_or((rest, ""));
        let page = if target.starts_with('#') { ["", label] } else { ["docs/", target] };
        text.extend([before, page[0], page[1]]);
        section = rest;
    }
    text + section
}

/// The text below the heading of a code.
fn find_section(code: &str) -> Option<&'static str> {
    let mut sections = PAGE.split("\n### ").skip(1).filter_map(|section| section.split_once('\n'));
    let (_, text) = sections.find(|(heading, _)| *heading == code)?;
    Some(text.split("\n## ").next().unwrap_or(text).trim())
}
