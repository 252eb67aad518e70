//! What a JSON Schema says of one value, in the words of messages.

use serde_json::Value as Json;

use crate::site::yaml::{Node, Value};

/// The alternatives of a schema; the `oneOf` of [`Keys::exactly_one`] is not meant.
pub(super) fn branches(schema: &Json) -> Option<Vec<&Json>> {
    if schema.get("properties").is_some() {
        return None;
    }
    let all = schema.get("anyOf").or(schema.get("oneOf"))?.as_array()?;
    Some(all.iter().collect())
}

pub(super) fn accepts(kinds: &[&str], node: &Node) -> bool {
    let fits = |kind: &&str| match &node.value {
        Value::Null => *kind == "null",
        Value::Bool(_) => *kind == "boolean",
        Value::Int(_) => matches!(*kind, "integer" | "number"),
        Value::Float(_) => *kind == "number",
        Value::String(_) => *kind == "string",
        Value::Seq(_) => *kind == "array",
        Value::Map(_) => *kind == "object",
    };
    kinds.is_empty() || kinds.iter().any(fits)
}

/// The words that `const` and `enum` allow.
pub(super) fn words_of<'a>(schemas: &[&'a Json]) -> Vec<&'a str> {
    let of = |schema: &&'a Json| {
        let many = schema["enum"].as_array().into_iter().flatten();
        schema.get("const").into_iter().chain(many).filter_map(Json::as_str).collect::<Vec<_>>()
    };
    schemas.iter().flat_map(of).collect()
}

pub(super) fn kind_in_words(kind: &str) -> &'static str {
    match kind {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a string",
        "array" => "a list",
        "object" => "a mapping",
        _ => "nothing",
    }
}

/// `` `a`, `b`, `c` ``.
pub(super) fn list_of(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
