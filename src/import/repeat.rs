//! Loops over what is written in place: a step for each item. Any other loop is known only while it runs.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value as Json};

use crate::site::yaml::{Node, Value};

static ITEM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\{\{\s*item(?:\.(\w+))?\s*\}\}").expect("a pattern of ours"));

/// More steps than this are not written out.
const MOST: usize = 20;

/// The items that a task is done for; `None` for one without a loop.
pub(super) fn items(task: &Node) -> Result<Option<Vec<Json>>, String> {
    let Value::Map(pairs) = &task.value else { return Ok(None) };
    let looped = pairs.iter().find(|(key, _)| key.text == "loop" || key.text.starts_with("with_"));
    let Some((key, list)) = looped else { return Ok(None) };
    let why = || format!("`{}` is no list of plain values: write a step for each item", key.text);
    if !["loop", "with_items"].contains(&key.text.as_str()) || has_other_names(task) {
        return Err(why());
    }
    let Json::Array(items) = list.to_json() else { return Err(why()) };
    let plain = !items.is_empty() && items.len() <= MOST && items.iter().all(is_plain);
    plain.then_some(Some(items)).ok_or_else(why)
}

/// `loop_control` may say how an item is shown, and nothing else.
fn has_other_names(task: &Node) -> bool {
    let Some(Node { value: Value::Map(pairs), .. }) = task.get("loop_control") else { return false };
    pairs.iter().any(|(key, _)| key.text != "label")
}

fn is_plain(item: &Json) -> bool {
    match item {
        Json::Object(map) => map.values().all(is_scalar),
        _ => is_scalar(item),
    }
}

fn is_scalar(value: &Json) -> bool {
    matches!(value, Json::String(_) | Json::Number(_))
}

/// The step for one item.
pub(super) fn with_item(step: &Map<String, Json>, item: &Json) -> Map<String, Json> {
    step.iter().map(|(key, value)| (key.clone(), filled(value, item))).collect()
}

fn filled(value: &Json, item: &Json) -> Json {
    match value {
        Json::String(text) => ITEM
            .replace_all(text, |found: &Captures<'_>| {
                let part = match found.get(1) {
                    Some(name) => item.get(name.as_str()),
                    None => Some(item),
                };
                // What is no part of the item stays, and is refused as a name that nobody knows.
                part.and_then(scalar).unwrap_or_else(|| found[0].to_owned())
            })
            .into_owned()
            .into(),
        Json::Array(items) => items.iter().map(|one| filled(one, item)).collect(),
        Json::Object(map) => Json::Object(with_item(map, item)),
        _ => value.clone(),
    }
}

fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
