//! Owns the difference between two configs, field by field.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::document::Config;
use super::problem::push_step;

/// One field in which two configs differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// JSON pointer to the field.
    pub(crate) pointer: String,
    /// What the current config says; absent when it has no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<Value>,
    /// What the proposed config says; absent when it has no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proposed: Option<Value>,
}

/// Every field in which the two differ, by pointer.
pub(crate) fn between(current: &Config, proposed: &Config) -> Vec<Difference> {
    let mut current = leaves(current);
    let mut differences: Vec<Difference> = leaves(proposed)
        .into_iter()
        .filter_map(|(pointer, value)| match current.remove(&pointer) {
            Some(old) if old == value => None,
            old => Some(Difference { pointer, current: old, proposed: Some(value) }),
        })
        .collect();
    differences.extend(current.into_iter().map(|(pointer, value)| Difference {
        pointer,
        current: Some(value),
        proposed: None,
    }));
    differences.sort_by(|left, right| left.pointer.cmp(&right.pointer));
    differences
}

/// Every value that holds no others, by its pointer; an empty list or object counts as one.
pub(crate) fn leaves(config: &Config) -> BTreeMap<String, Value> {
    let value = serde_json::to_value(config).expect("a config has text keys alone");
    let mut found = BTreeMap::new();
    collect(&value, &mut String::new(), &mut found);
    found
}

fn collect(value: &Value, pointer: &mut String, found: &mut BTreeMap<String, Value>) {
    let length = pointer.len();
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, field) in fields {
                push_step(pointer, key);
                collect(field, pointer, found);
                pointer.truncate(length);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                push_step(pointer, &index.to_string());
                collect(item, pointer, found);
                pointer.truncate(length);
            }
        }
        leaf => {
            found.insert(pointer.clone(), leaf.clone());
        }
    }
}
