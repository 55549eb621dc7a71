//! The settings that a fix suggests, as YAML that can be pasted. A size that cannot be known is
//! written as `<size>`.

use indexmap::IndexSet;
use model_archive::{Dim, ModelInput};

use super::dimension_sizes::{DEFAULT, DimensionSizes};

/// A size that the user has to fill in.
const SIZE: &str = "<size>";

/// Longest suggestion, in characters: it must not be shortened where problems are stored.
const MAX_SUGGESTION: usize = 600;

/// Words that YAML does not read as text.
const YAML_WORDS: [&str; 11] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"];

/// A name as a YAML key or value in flow style, in quotes where it needs them.
pub(crate) fn quote_yaml(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/'))
        && !YAML_WORDS.iter().any(|word| word.eq_ignore_ascii_case(name));
    if is_plain {
        return name.to_owned();
    }
    // The escapes of JSON are escapes of YAML, which does not allow some more characters.
    let json = serde_json::Value::from(name).to_string();
    let escape = |c: char| match c {
        '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
            format!("\\u{:04x}", u32::from(c))
        }
        _ => c.to_string(),
    };
    json.chars().map(escape).collect()
}

/// `symbolic_dims` with the configured sizes, except the default, and a place for that of each
/// further name.
pub(super) fn suggest_symbolic_dims(sizes: &DimensionSizes, names: &IndexSet<&str>, is_complete: bool) -> String {
    let known = sizes.symbolic_dims.0.iter().filter(|(name, _)| *name != DEFAULT);
    let known = known.map(|(name, size)| format!("{}: {size}", quote_yaml(name)));
    let entries: Vec<_> = known.chain(names.iter().map(|name| format!("{}: {SIZE}", quote_yaml(name)))).collect();
    let suggestion = format!("symbolic_dims: {{ {} }}", entries.join(", "));
    if is_complete && suggestion.len() <= MAX_SUGGESTION { suggestion } else { suggest_default() }
}

/// For more dimensions than can be listed.
pub(super) fn suggest_default() -> String {
    format!("symbolic_dims: {{ {DEFAULT}: {SIZE} }}")
}

/// `inputs` with every input of the model; `None` if that is too long. A batch size that is not
/// configured is 1, an input whose number of dimensions is unknown has two.
pub(super) fn suggest_inputs(inputs: &[ModelInput], sizes: &DimensionSizes) -> Option<String> {
    let size = |position: usize, name: Option<&str>| match sizes.find_size(position, name) {
        Some((size, _)) => size.to_string(),
        None if position == 0 => "1".to_owned(),
        None => SIZE.to_owned(),
    };
    let (mut entries, mut length) = (Vec::new(), 0);
    for input in inputs {
        let dims = input.dims.as_deref().unwrap_or(&[Dim::Unknown, Dim::Unknown]);
        length += input.name.len() + dims.len();
        if length > MAX_SUGGESTION {
            return None;
        }
        let shape = dims.iter().enumerate().map(|(position, dim)| match dim {
            Dim::Known(size) => size.to_string(),
            Dim::Symbolic(name) => size(position, Some(name)),
            Dim::Unknown => size(position, None),
        });
        entries.push(format!("{}: [{}]", quote_yaml(&input.name), shape.collect::<Vec<_>>().join(", ")));
    }
    Some(format!("inputs: {{ {} }}", entries.join(", "))).filter(|text| text.len() <= MAX_SUGGESTION)
}

#[cfg(test)]
mod tests {
    use document::{YamlNode, YamlValue};

    use super::quote_yaml;

    #[test]
    fn quoted_names_are_read_back_as_they_were() {
        let long = "x".repeat(300);
        for name in [
            "batch",
            "input.1",
            "a-b/c",
            "Max(1, s0)",
            "a: b",
            "a #b",
            "{",
            "*",
            "&x",
            "null",
            "Null",
            "~",
            "yes",
            "1",
            "1e3",
            "0x1F",
            ".inf",
            "-",
            "- a",
            "?",
            "a + 1",
            "floor(h/2)",
            "p2o.X.0",
            "serving_default_x:0",
            "\"",
            "'",
            "a\\b",
            "tab\t",
            "line\nbreak",
            "\u{7f}",
            "\u{85}",
            "\u{2028}",
            "\u{feff}x",
            "größe",
            "%tag",
            "@at",
            "`b`",
            "<<",
            "=",
            "!tag",
            "|",
            ">",
            "",
            " ",
            "trailing ",
            "2020-01-01",
            "_",
            "a.b",
            "NaN",
            &long,
        ] {
            let text = format!("{{ {}: 1 }}", quote_yaml(name));
            let node: YamlNode = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            let YamlValue::Map(entries) = &node.value else { panic!("{text}") };
            assert_eq!(entries[0].0.name, name, "{text}");
        }
    }
}
