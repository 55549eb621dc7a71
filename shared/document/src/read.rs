//! Reading a tree into types: every mistake is noted with its place and path, and reading goes on.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use crate::{
    Fault,
    node::{Key, Node, Place, Value},
    spelling,
};

/// A value, and the path that leads to it.
#[derive(Debug, Clone)]
pub struct At<'n> {
    /// The value.
    pub node: &'n Node,
    /// Where, such as `compilation.rules[2].targets[0].device`.
    pub path: String,
}

impl<'n> At<'n> {
    /// The whole document.
    pub fn root(node: &'n Node) -> Self {
        Self { node, path: String::new() }
    }

    fn key(&self, key: &str, node: &'n Node) -> Self {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        At { node, path }
    }

    fn index(&self, index: usize, node: &'n Node) -> Self {
        At { node, path: format!("{}[{index}]", self.path) }
    }

    fn items(&self) -> Option<Vec<Self>> {
        match &self.node.value {
            Value::List(items) => Some(items.iter().enumerate().map(|(index, node)| self.index(index, node)).collect()),
            _ => None,
        }
    }
}

/// The values of a mapping by the keys that it may have.
#[derive(Debug)]
pub struct Fields<'n> {
    /// The mapping.
    pub at: At<'n>,
    entries: Vec<(&'n Key, At<'n>)>,
    /// The keys that unknown ones look like.
    misspelt: Vec<String>,
}

impl<'n> Fields<'n> {
    /// A value that may be left out; `null` is as good as leaving it out.
    pub fn get(&self, name: &str) -> Option<&At<'n>> {
        let found = self.entries.iter().find(|(key, _)| key.name == name);
        found.map(|(_, at)| at).filter(|at| !matches!(at.node.value, Value::Null))
    }

    /// Whether a value is `null`, where that says something else than leaving it out.
    pub fn is_null(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, at)| key.name == name && matches!(at.node.value, Value::Null))
    }
}

/// What reading has found so far.
#[derive(Debug, Default)]
pub struct Reader {
    pub(crate) faults: Vec<Fault>,
    pub(crate) warnings: Vec<Fault>,
}

impl Reader {
    /// The mistakes so far.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// A mistake in a value.
    pub fn fault(&mut self, at: &At<'_>, message: impl Into<String>) {
        self.fault_at(&at.path, at.node.place, message);
    }

    /// A mistake at a place that is no value.
    pub fn fault_at(&mut self, path: &str, place: Option<Place>, message: impl Into<String>) {
        self.faults.push(Fault::new(path, place, message));
    }

    /// Something that is valid and yet worth a look.
    pub fn warn(&mut self, at: &At<'_>, message: impl Into<String>) {
        self.warnings.push(Fault::new(&at.path, at.node.place, message));
    }

    /// A mistake in one value of a mapping.
    pub fn fault_in(&mut self, at: &At<'_>, key: &str, message: String) {
        let Value::Map(entries) = &at.node.value else { return self.fault(at, message) };
        let place = entries.iter().find(|(known, _)| known.name == key).and_then(|(_, node)| node.place);
        self.fault_at(&format!("{}.{key}", at.path), place.or(at.node.place), message);
    }

    fn unexpected<T>(&mut self, at: &At<'_>, wanted: &str) -> Option<T> {
        self.fault(at, format!("found {}; allowed: {wanted}", at.node.found()));
        None
    }

    /// A mapping with no keys but these.
    pub fn fields<'n>(&mut self, at: &At<'n>, known: &[&str]) -> Option<Fields<'n>> {
        let entries = self.entries(at, &format!("a mapping with the keys {}", known.join(", ")))?;
        let mut misspelt = Vec::new();
        for (key, _) in &entries {
            if !known.contains(&key.name.as_str()) {
                let hint = spelling::hint(&key.name, known.iter().copied());
                let path = if at.path.is_empty() { key.name.clone() } else { format!("{}.{}", at.path, key.name) };
                self.fault_at(&path, key.place, format!("unknown key `{}`; {hint}", key.name));
                misspelt.extend(spelling::nearest(&key.name, known.iter().copied()).map(str::to_owned));
            }
        }
        Some(Fields { at: at.clone(), entries, misspelt })
    }

    /// A mapping with any keys, in the order written.
    pub fn entries<'n>(&mut self, at: &At<'n>, wanted: &str) -> Option<Vec<(&'n Key, At<'n>)>> {
        let Value::Map(entries) = &at.node.value else { return self.unexpected(at, wanted) };
        let mut read: Vec<(&Key, At<'_>)> = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            let value = at.key(&key.name, node);
            if read.iter().any(|(earlier, _)| earlier.name == key.name) {
                self.fault_at(&value.path, key.place, format!("the key `{}` stands here twice; remove one", key.name));
            } else {
                read.push((key, value));
            }
        }
        Some(read)
    }

    /// A value that may not be left out.
    pub fn required<'n>(&mut self, fields: &Fields<'n>, name: &str, example: &str) -> Option<At<'n>> {
        let found = fields.get(name).cloned();
        // One mistake is told once.
        if found.is_none() && !fields.misspelt.iter().any(|meant| meant == name) {
            self.fault(&fields.at, format!("the key `{name}` is missing, such as {name}: {example}"));
        }
        found
    }

    /// The items of a list.
    pub fn items<'n>(&mut self, at: &At<'n>, wanted: &str) -> Option<Vec<At<'n>>> {
        let items = at.items();
        if items.is_none() {
            self.unexpected::<()>(at, wanted);
        }
        items
    }

    /// A text.
    pub fn text<'n>(&mut self, at: &At<'n>, wanted: &str) -> Option<&'n str> {
        match &at.node.value {
            Value::Text(text) => Some(text),
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {
                self.unexpected(at, &format!("{wanted}; put it in quotes"))
            }
            _ => self.unexpected(at, wanted),
        }
    }

    /// A text that is not blank.
    pub fn nonempty(&mut self, at: &At<'_>, wanted: &str) -> Option<String> {
        let text = self.text(at, wanted)?;
        if text.trim().is_empty() {
            self.fault(at, format!("is empty; allowed: {wanted}"));
            return None;
        }
        Some(text.to_owned())
    }

    /// A text that something can be read from.
    pub fn parsed<T: FromStr>(&mut self, at: &At<'_>, wanted: &str) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        let text = self.text(at, wanted)?;
        text.parse().map_err(|error| self.fault(at, format!("{error}"))).ok()
    }

    /// One of a few texts.
    pub fn choice<T: Copy>(&mut self, at: &At<'_>, choices: &[(&'static str, T)]) -> Option<T> {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let text = self.text(at, &names.join(" or "))?;
        let found = choices.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let hint = match spelling::nearest(text, names.iter().copied()) {
                Some(known) => format!("did you mean `{known}`? "),
                None => String::new(),
            };
            self.fault(at, format!("found `{text}`; {hint}allowed: {}", names.join(", ")));
        }
        found.map(|(_, value)| *value)
    }

    /// A whole number.
    pub fn integer<T: TryFrom<i128> + Copy + Into<i128>>(
        &mut self,
        at: &At<'_>,
        allowed: &RangeInclusive<T>,
    ) -> Option<T> {
        let (least, most) = ((*allowed.start()).into(), (*allowed.end()).into());
        if let Value::Integer(value) = &at.node.value
            && (least..=most).contains(value)
        {
            return T::try_from(*value).ok();
        }
        let wanted = if least == most { least.to_string() } else { format!("a whole number from {least} to {most}") };
        self.unexpected(at, &wanted)
    }

    /// A number.
    pub fn number(&mut self, at: &At<'_>) -> Option<f64> {
        match &at.node.value {
            #[expect(clippy::cast_precision_loss, reason = "a scale or bias has few digits")]
            Value::Integer(value) => Some(*value as f64),
            Value::Float(value) => Some(*value),
            _ => self.unexpected(at, "a number"),
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, at: &At<'_>) -> Option<bool> {
        match &at.node.value {
            Value::Bool(value) => Some(*value),
            _ => self.unexpected(at, "true or false"),
        }
    }
}
