//! What differs between two versions of the configuration, in words.

use std::collections::BTreeSet;

use maintenance::Change;
use serde_json::{Map, Value};

/// The sections that are lists of named entries: their keys, and what an entry is called.
const LISTS: [(&str, &str); 3] = [("partner_apps", "partner app"), ("images", "image"), ("workteams", "work team")];

/// Longest value that is shown, in characters.
const MAX_VALUE: usize = 200;

/// The key of arguments of partner apps, whose values can be credentials.
const ARGUMENTS: &str = "arguments";

/// Lists what differs. The values of arguments of partner apps are not shown, only their names.
pub(crate) fn compare_documents(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = ChangeList::default();
    let (earlier, later) = (&before["compilation"], &after["compilation"]);
    changes.compare_value("max_jobs_per_day", &earlier["max_jobs_per_day"], &later["max_jobs_per_day"]);
    changes.compare_value("defaults", &earlier["defaults"], &later["defaults"]);
    changes.compare_entries("rule", &earlier["rules"], &later["rules"]);
    changes.compare_rule_order(&earlier["rules"], &later["rules"]);
    for (key, noun) in LISTS {
        changes.compare_entries(noun, &before[key], &after[key]);
    }
    changes.0
}

#[derive(Default)]
struct ChangeList(Vec<Change>);

impl ChangeList {
    fn add_change(&mut self, field: &str, from: Option<String>, to: Option<String>) {
        if from.is_some() || to.is_some() {
            self.0.push(Change { field: field.to_owned(), from, to });
        }
    }

    /// Compares two lists of entries by their names.
    fn compare_entries(&mut self, noun: &str, before: &Value, after: &Value) {
        let plural = format!("{noun}s");
        for entry in list_items(before).iter().filter(|entry| find_entry(after, entry).is_none()) {
            self.add_change(&plural, Some(describe_entry(entry)), None);
        }
        for entry in list_items(after) {
            match find_entry(before, entry) {
                None => self.add_change(&plural, None, Some(describe_entry(entry))),
                Some(earlier) => self.compare_maps(&format!("{noun} {}, ", name_entry(entry)), earlier, entry),
            }
        }
    }

    /// The first rule that matches applies, so their order matters.
    fn compare_rule_order(&mut self, before: &Value, after: &Value) {
        let order = |list: &Value, other: &Value| {
            let kept = list_items(list).iter().filter(|rule| find_entry(other, rule).is_some());
            kept.map(name_entry).collect::<Vec<_>>().join(", ")
        };
        let (earlier, later) = (order(before, after), order(after, before));
        if earlier != later {
            self.add_change("order of the rules", Some(shorten_value(&earlier)), Some(shorten_value(&later)));
        }
    }

    /// Compares each key; `prefix` is put in front of their names.
    fn compare_maps(&mut self, prefix: &str, before: &Value, after: &Value) {
        let keys: BTreeSet<_> = [before, after].into_iter().filter_map(Value::as_object).flat_map(Map::keys).collect();
        // `null` removes a setting, which a missing key does not.
        let find_value = |map: &Value, key: &str| match map.get(key) {
            Some(Value::Null) => "null".into(),
            Some(value) => value.clone(),
            None => Value::Null,
        };
        for key in keys {
            self.compare_value(&format!("{prefix}{key}"), &find_value(before, key), &find_value(after, key));
        }
    }

    fn compare_value(&mut self, field: &str, before: &Value, after: &Value) {
        if before == after {
            return;
        }
        let is_map_or_missing = |value: &Value| value.is_object() || value.is_null();
        let is_list_or_missing = |value: &Value| value.is_array() || value.is_null();
        let key = field.rsplit([' ', '.']).next().unwrap_or(field);
        if key == ARGUMENTS {
            self.compare_arguments(field, before, after);
        } else if key == "targets" {
            let prefix = field.strip_suffix("targets").unwrap_or_default();
            self.compare_targets(prefix, field, list_items(before), list_items(after));
        } else if is_map_or_missing(before) && is_map_or_missing(after) {
            self.compare_maps(&format!("{field}."), before, after);
        } else if is_list_or_missing(before) && is_list_or_missing(after) && is_set(before) && is_set(after) {
            self.compare_sets(field, list_items(before), list_items(after));
        } else {
            let show = |value: &Value| (!value.is_null()).then(|| format_value(value));
            self.add_change(field, show(before), show(after));
        }
    }

    fn compare_arguments(&mut self, field: &str, before: &Value, after: &Value) {
        let describe = |(name, value): (&String, &Value)| match before.get(name) {
            Some(earlier) if earlier == value => name.clone(),
            Some(_) => format!("{name} (new value)"),
            None => format!("{name} (new)"),
        };
        let names = |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>().join(", "));
        let described = after.as_object().map(|map| map.iter().map(describe).collect::<Vec<_>>().join(", "));
        self.add_change(field, names(before), described);
    }

    fn compare_targets(&mut self, prefix: &str, field: &str, before: &[Value], after: &[Value]) {
        let removed: Vec<_> = before.iter().filter(|target| !after.contains(target)).collect();
        let added: Vec<_> = after.iter().filter(|target| !before.contains(target)).collect();
        let find_same = |list: &[&Value], target: &Value| -> Option<Value> {
            let mut same = list.iter().filter(|other| name_target(other) == name_target(target));
            let found = same.next()?;
            same.next().is_none().then(|| Value::clone(found))
        };
        // The same target with other settings.
        let is_changed = |target: &Value| find_same(&removed, target).is_some() && find_same(&added, target).is_some();
        let join = |targets: &[&Value]| -> Option<String> {
            let names: Vec<_> = targets.iter().filter(|target| !is_changed(target)).map(|at| name_target(at)).collect();
            (!names.is_empty()).then(|| shorten_value(&names.join(", ")))
        };
        self.add_change(field, join(&removed), None);
        self.add_change(field, None, join(&added));
        for target in added.iter().filter(|target| is_changed(target)) {
            if let Some(earlier) = find_same(&removed, target) {
                self.compare_maps(&format!("{prefix}target {}, ", name_target(target)), &earlier, target);
            }
        }
    }

    fn compare_sets(&mut self, field: &str, before: &[Value], after: &[Value]) {
        let join = |list: &[Value], other: &[Value]| -> Option<String> {
            let only: Vec<_> = list.iter().filter(|item| !other.contains(item)).map(format_value).collect();
            (!only.is_empty()).then(|| shorten_value(&only.join("; ")))
        };
        self.add_change(field, join(before, after), None);
        self.add_change(field, None, join(after, before));
    }
}

fn list_items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Whether the order of the items does not matter: texts and maps, but not the numbers of a shape.
fn is_set(value: &Value) -> bool {
    list_items(value).iter().all(|item| item.is_string() || item.is_object())
}

fn find_entry<'v>(list: &'v Value, entry: &Value) -> Option<&'v Value> {
    list_items(list).iter().find(|other| name_entry(other) == name_entry(entry))
}

/// The name of an entry, or what identifies it instead.
fn name_entry(entry: &Value) -> &str {
    let keys = ["name", "app", "image"];
    keys.iter().find_map(|key| entry[*key].as_str()).unwrap_or("without a name")
}

/// The entry with what it applies to, if it is a rule.
fn describe_entry(entry: &Value) -> String {
    let targets: Vec<_> = list_items(&entry["targets"]).iter().map(name_target).collect();
    let name = name_entry(entry);
    if targets.is_empty() {
        return shorten_value(name);
    }
    let source = ["keys", "model_package_version", "model_package_group"]
        .iter()
        .find_map(|key| entry[*key].as_str())
        .unwrap_or("uploads");
    shorten_value(&format!("{name} ({source} for {})", targets.join(", ")))
}

/// The name of a target: its device, or the parts of its platform.
fn name_target(target: &Value) -> String {
    if let Some(device) = target["device"].as_str() {
        return device.to_owned();
    }
    let parts = ["os", "arch", "accelerator"].iter().filter_map(|part| target["platform"][*part].as_str());
    parts.collect::<Vec<_>>().join("_")
}

/// The value on one line.
fn format_value(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(map) => {
            let parts = map.iter().map(|(key, value)| format!("{key}: {}", format_value(value)));
            parts.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    shorten_value(&text)
}

fn shorten_value(text: &str) -> String {
    model_archive::shorten_text(text, MAX_VALUE)
}
