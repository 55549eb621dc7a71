//! Reads a [`YamlNode`] tree into types. Every error is reported with its position and path, and
//! reading continues.

use std::{ops::RangeInclusive, str::FromStr};

use crate::{
    ConfigDiagnostic, ConfigFinding,
    node::{DocumentText, Position, YamlKey, YamlNode, YamlValue},
    spelling,
};

/// A node and the path that leads to it.
#[derive(Debug, Clone)]
pub struct LocatedNode<'n> {
    pub node: &'n YamlNode,
    /// Such as `compilation.rules[2].targets[0].device`.
    pub path: String,
}

impl<'n> LocatedNode<'n> {
    /// Locates the root of a document, whose path is empty.
    pub fn from_root(node: &'n YamlNode) -> Self {
        Self { node, path: String::new() }
    }

    fn child_at_key(&self, key: &str, node: &'n YamlNode) -> Self {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        LocatedNode { node, path }
    }

    fn child_at_index(&self, index: usize, node: &'n YamlNode) -> Self {
        LocatedNode { node, path: format!("{}[{index}]", self.path) }
    }

    fn list_items(&self) -> Option<Vec<Self>> {
        match &self.node.value {
            YamlValue::List(items) => {
                Some(items.iter().enumerate().map(|(index, node)| self.child_at_index(index, node)).collect())
            }
            _ => None,
        }
    }
}

/// The values of a map whose keys are known in advance.
#[derive(Debug)]
pub struct MapFields<'n> {
    /// The map itself.
    pub at: LocatedNode<'n>,
    entries: Vec<(&'n YamlKey, LocatedNode<'n>)>,
    /// The known keys that the unknown keys are probably misspellings of.
    misspelled: Vec<String>,
}

impl<'n> MapFields<'n> {
    /// The value of an optional key; `null` counts as absent.
    pub fn get(&self, name: &str) -> Option<&LocatedNode<'n>> {
        let found = self.entries.iter().find(|(key, _)| key.name == name);
        found.map(|(_, at)| at).filter(|at| !matches!(at.node.value, YamlValue::Null))
    }

    /// Whether a value is `null`, for keys where `null` and absent differ.
    pub fn is_null(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, at)| key.name == name && matches!(at.node.value, YamlValue::Null))
    }
}

/// Whether a document is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DocumentUse {
    /// It is being written or changed: every check applies.
    #[default]
    New,
    /// The stack uses it. What an earlier release accepted is at most a warning, so that an upgrade
    /// of the stack never invalidates it.
    Active,
}

/// Reads nodes into types and collects the errors and warnings found on the way.
#[derive(Debug, Default)]
pub struct Reader {
    pub(crate) document_use: DocumentUse,
    /// The document, to quote values as they are written; empty if there is none.
    pub(crate) text: DocumentText,
    pub(crate) errors: Vec<ConfigDiagnostic>,
    pub(crate) warnings: Vec<ConfigDiagnostic>,
}

impl Reader {
    /// The errors reported so far.
    pub fn errors(&self) -> &[ConfigDiagnostic] {
        &self.errors
    }

    /// Reports an error in a value.
    pub fn report_error(&mut self, at: &LocatedNode<'_>, finding: ConfigFinding) {
        self.report_error_at(&at.path, at.node.position, finding);
    }

    /// Reports an error that is not in a value, such as one in a key.
    pub fn report_error_at(&mut self, path: &str, position: Option<Position>, finding: ConfigFinding) {
        self.errors.push(ConfigDiagnostic::new(path, position, finding));
    }

    /// Reports something that is valid but probably not intended.
    pub fn report_warning(&mut self, at: &LocatedNode<'_>, finding: ConfigFinding) {
        self.warnings.push(ConfigDiagnostic::new(&at.path, at.node.position, finding));
    }

    /// Reports an error that earlier releases accepted: a warning in an active document.
    /// `consequence` says what happens then.
    pub fn report_new_error(&mut self, at: &LocatedNode<'_>, finding: ConfigFinding, consequence: &str) {
        self.report_new_error_at(&at.path, at.node.position, finding, consequence);
    }

    /// The same for an error in the value of one key of a map.
    pub fn report_new_error_in_key(
        &mut self,
        at: &LocatedNode<'_>,
        key: &str,
        finding: ConfigFinding,
        consequence: &str,
    ) {
        let (path, position) = locate_key(at, key);
        self.report_new_error_at(&path, position, finding, consequence);
    }

    fn report_new_error_at(
        &mut self,
        path: &str,
        position: Option<Position>,
        finding: ConfigFinding,
        consequence: &str,
    ) {
        match self.document_use {
            DocumentUse::New => self.report_error_at(path, position, finding),
            DocumentUse::Active => {
                let finding = ConfigFinding::new(finding.message, format!("{}; {consequence}", finding.fix));
                self.warnings.push(ConfigDiagnostic::new(path, position, finding));
            }
        }
    }

    /// Reports an error in the value of one key of a map.
    pub fn report_error_in_key(&mut self, at: &LocatedNode<'_>, key: &str, finding: ConfigFinding) {
        let (path, position) = locate_key(at, key);
        self.report_error_at(&path, position, finding);
    }

    fn report_unexpected<T>(&mut self, at: &LocatedNode<'_>, expected: &str) -> Option<T> {
        self.report_error(at, ConfigFinding::unexpected(expected, at.node.describe_value()));
        None
    }

    /// Like [`report_unexpected`](Self::report_unexpected), for a value that is not text: text in
    /// quotes that would be one without them is the most frequent error.
    fn report_not_literal<T>(&mut self, at: &LocatedNode<'_>, expected: &str) -> Option<T> {
        match &at.node.value {
            YamlValue::Text(text) if text.parse::<f64>().is_ok() || ["true", "false"].contains(&text.as_str()) => {
                let message = format!("expected {expected}, found the text \"{text}\"");
                self.report_error(at, ConfigFinding::new(message, "remove the quotes"));
                None
            }
            _ => self.report_unexpected(at, expected),
        }
    }

    /// The number or word at the position of a value as it is written, such as `1.10`; `None` for
    /// an alias, or if the value is not written like that.
    fn find_literal(&self, at: &LocatedNode<'_>) -> Option<&str> {
        let position = at.node.position?;
        let line = self.text.as_str().lines().nth(usize::try_from(position.line).ok()?.checked_sub(1)?)?;
        let start = line.char_indices().nth(usize::try_from(position.column).ok()?.checked_sub(1)?)?.0;
        let literal = line[start..].split([',', ']', '}', ' ', '\t']).next().unwrap_or_default();
        let is_same = match at.node.value {
            YamlValue::Float(value) => literal.parse::<f64>().is_ok_and(|read| read.total_cmp(&value).is_eq()),
            YamlValue::Integer(value) => literal.parse().is_ok_and(|read: i128| read == value),
            _ => false,
        };
        is_same.then_some(literal)
    }

    /// Describes a number or boolean that should be text, and how to write it.
    fn describe_unquoted(&self, at: &LocatedNode<'_>, expected: &str) -> ConfigFinding {
        let value = at.node.describe_value();
        let (found, fix) = match (self.find_literal(at), &at.node.value) {
            (Some(literal), YamlValue::Float(_) | YamlValue::Integer(_)) if literal != value => {
                let reason = format!("YAML reads {literal} as the number {value}");
                (format!("the number {value}"), format!("write \"{literal}\" in quotes: {reason}"))
            }
            (_, YamlValue::Bool(_)) => (value.clone(), format!("write \"{}\" in quotes", value.trim_matches('`'))),
            _ => (format!("the number {value}"), format!("write \"{value}\" in quotes")),
        };
        ConfigFinding::new(format!("expected {expected}, found {found}"), fix)
    }

    /// Like [`read_fields`](Self::read_fields), and accepts keys that begin with `x-`: they hold
    /// values that other keys refer to by YAML aliases.
    pub(crate) fn read_extensible_fields<'n>(&mut self, at: &LocatedNode<'n>, known: &[&str]) -> Option<MapFields<'n>> {
        self.read_fields_except(at, known, |key| key.starts_with("x-"))
    }

    /// Reads a map and reports every key that is not in `known`.
    pub fn read_fields<'n>(&mut self, at: &LocatedNode<'n>, known: &[&str]) -> Option<MapFields<'n>> {
        self.read_fields_except(at, known, |_| false)
    }

    fn read_fields_except<'n>(
        &mut self,
        at: &LocatedNode<'n>,
        known: &[&str],
        is_ignored: impl Fn(&str) -> bool,
    ) -> Option<MapFields<'n>> {
        let entries = self.read_entries(at, &format!("a map with the keys {}", known.join(", ")))?;
        let mut misspelled = Vec::new();
        for (key, _) in &entries {
            if !known.contains(&key.name.as_str()) && !is_ignored(&key.name) {
                let path = if at.path.is_empty() { key.name.clone() } else { format!("{}.{}", at.path, key.name) };
                let meant = spelling::find_nearest_name(&key.name, known.iter().copied());
                let finding = match meant {
                    Some(meant) => {
                        ConfigFinding::new(format!("unknown key `{}`", key.name), format!("write `{meant}`"))
                    }
                    None => ConfigFinding::new(
                        format!("expected one of the keys {}, found `{}`", known.join(", "), key.name),
                        format!("remove `{}`", key.name),
                    ),
                };
                self.report_error_at(&path, key.position, finding);
                misspelled.extend(meant.map(str::to_owned));
            }
        }
        Some(MapFields { at: at.clone(), entries, misspelled })
    }

    /// Reads a map with any keys, in the order of the document.
    ///
    /// `expected` describes the value in the error message, such as `a list of rules`, here and in
    /// the other methods.
    pub fn read_entries<'n>(
        &mut self,
        at: &LocatedNode<'n>,
        expected: &str,
    ) -> Option<Vec<(&'n YamlKey, LocatedNode<'n>)>> {
        let YamlValue::Map(entries) = &at.node.value else { return self.report_unexpected(at, expected) };
        let mut read: Vec<(&YamlKey, LocatedNode<'_>)> = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            let value = at.child_at_key(&key.name, node);
            if read.iter().any(|(earlier, _)| earlier.name == key.name) {
                let finding = ConfigFinding::new(format!("the key `{}` is defined twice", key.name), "remove one");
                self.report_error_at(&value.path, key.position, finding);
            } else {
                read.push((key, value));
            }
        }
        Some(read)
    }

    /// The value of a required key; `example` is a valid value for the error message.
    pub fn require_field<'n>(&mut self, fields: &MapFields<'n>, name: &str, example: &str) -> Option<LocatedNode<'n>> {
        let found = fields.get(name).cloned();
        // A misspelled key is reported once: as unknown, not also as missing.
        if found.is_none() && !fields.misspelled.iter().any(|meant| meant == name) {
            let fix = format!("add it, for example {name}: {example}");
            self.report_error(&fields.at, ConfigFinding::new(format!("the key `{name}` is missing"), fix));
        }
        found
    }

    /// Reads the items of a list.
    pub fn read_items<'n>(&mut self, at: &LocatedNode<'n>, expected: &str) -> Option<Vec<LocatedNode<'n>>> {
        let items = at.list_items();
        if items.is_none() {
            self.report_unexpected::<()>(at, expected);
        }
        items
    }

    pub fn read_text<'n>(&mut self, at: &LocatedNode<'n>, expected: &str) -> Option<&'n str> {
        match &at.node.value {
            YamlValue::Text(text) => Some(text),
            YamlValue::Bool(_) | YamlValue::Integer(_) | YamlValue::Float(_) => {
                let finding = self.describe_unquoted(at, expected);
                self.report_error(at, finding);
                None
            }
            _ => self.report_unexpected(at, expected),
        }
    }

    /// Reads text that contains more than whitespace.
    pub fn read_nonblank_text(&mut self, at: &LocatedNode<'_>, expected: &str) -> Option<String> {
        let text = self.read_text(at, expected)?;
        if text.trim().is_empty() {
            self.report_error(at, ConfigFinding::unexpected(expected, "empty text"));
            return None;
        }
        Some(text.to_owned())
    }

    /// Reads text and parses it.
    pub fn parse_text<T: FromStr<Err: Into<ConfigFinding>>>(
        &mut self,
        at: &LocatedNode<'_>,
        expected: &str,
    ) -> Option<T> {
        let text = self.read_text(at, expected)?;
        text.parse().map_err(|error: T::Err| self.report_error(at, error.into())).ok()
    }

    /// Reads one of a fixed set of texts.
    pub fn read_choice<T: Copy>(&mut self, at: &LocatedNode<'_>, choices: &[(&'static str, T)]) -> Option<T> {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let expected = join_alternatives(&names);
        // A number or a boolean is not a choice in quotes either.
        let YamlValue::Text(text) = &at.node.value else { return self.report_unexpected(at, &expected) };
        let found = choices.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let nearest = spelling::find_nearest_name(text, names.iter().copied());
            let fix = nearest.map_or_else(|| format!("write {expected}"), |known| format!("write `{known}`"));
            self.report_error(at, ConfigFinding::new(format!("expected {expected}, found `{text}`"), fix));
        }
        found.map(|(_, value)| *value)
    }

    /// Reads a whole number in a range.
    pub fn read_integer<T: TryFrom<i128> + Copy + Into<i128>>(
        &mut self,
        at: &LocatedNode<'_>,
        allowed: &RangeInclusive<T>,
    ) -> Option<T> {
        let (least, most) = ((*allowed.start()).into(), (*allowed.end()).into());
        if let Some(value) = at.node.to_integer().filter(|value| (least..=most).contains(value)) {
            return T::try_from(value).ok();
        }
        let expected = if least == most {
            format!("the number {least}")
        } else {
            format!("a whole number from {least} to {most}")
        };
        self.report_not_literal(at, &expected)
    }

    pub fn read_number(&mut self, at: &LocatedNode<'_>) -> Option<f64> {
        match &at.node.value {
            #[expect(clippy::cast_precision_loss, reason = "a scale or bias has few digits")]
            YamlValue::Integer(value) => Some(*value as f64),
            YamlValue::Float(value) => Some(*value),
            _ => self.report_not_literal(at, "a number"),
        }
    }

    pub fn read_boolean(&mut self, at: &LocatedNode<'_>) -> Option<bool> {
        match &at.node.value {
            YamlValue::Bool(value) => Some(*value),
            _ => self.report_not_literal(at, "true or false"),
        }
    }
}

/// Path and position of the value of one key of a map.
fn locate_key(at: &LocatedNode<'_>, key: &str) -> (String, Option<Position>) {
    let YamlValue::Map(entries) = &at.node.value else { return (at.path.clone(), at.node.position) };
    let position = entries.iter().find(|(known, _)| known.name == key).and_then(|(_, node)| node.position);
    (format!("{}.{key}", at.path), position.or(at.node.position))
}

/// `a, b or c`
pub(crate) fn join_alternatives(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => names.concat(),
    }
}
