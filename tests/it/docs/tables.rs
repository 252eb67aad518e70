//! The reference's tables, made from the schemas: every key a user may write, its type, default and meaning.

use serde_json::Value;

use reveille::site::schema;

use super::page::{Page, pages};

fn schemas() -> [(&'static str, Value); 3] {
    [
        ("playbook", schema::playbook_schema()),
        ("settings", schema::settings_schema()),
        ("inventory", schema::inventory_schema()),
    ]
}

#[test]
fn the_tables_are_those_of_the_schemas() {
    let schemas = schemas();
    for page in pages() {
        page.hold("table", |name| {
            let (of, definition) = name.split_once(' ').map_or((name, None), |(of, name)| (of, Some(name)));
            let (_, root) = schemas.iter().find(|(name, _)| *name == of).expect("a schema's name");
            let node = definition.map_or(root, |name| &root["definitions"][name]);
            assert!(node.is_object(), "{}: there is no {name}", page.path.display());
            table(node, root)
        });
    }
}

/// Keys of modules are in the page of their module; all others have a table.
#[test]
fn every_key_has_a_place_in_the_reference() {
    let shown: Vec<String> = pages().iter().flat_map(|page| page.marked("table")).collect();
    let mut missing = Vec::new();
    for (of, root) in schemas() {
        for (name, node) in root["definitions"].as_object().into_iter().flatten() {
            let key = format!("{of} {name}");
            let shared = shown.iter().any(|shown| shown.ends_with(&format!(" {name}")));
            match module_of(name) {
                _ if shared || !(has_keys(node) || is_words(node)) => {}
                Some(module) => missing.extend(not_in_page(&module, node)),
                None => missing.push(key),
            }
        }
    }
    assert!(missing.is_empty(), "not in the reference: {missing:#?}");
}

/// `FileArgs`, `FileState` and `CommandMapping` belong to the pages of `file` and `command`.
fn module_of(definition: &str) -> Option<String> {
    let stems = ["Args", "Mapping", "State"].iter().find_map(|end| definition.strip_suffix(end))?;
    let mut module = String::new();
    for c in stems.chars() {
        if c.is_uppercase() && !module.is_empty() {
            module.push('_');
        }
        module.push(c.to_ascii_lowercase());
    }
    std::path::Path::new("book/src/reference/modules").join(format!("{module}.md")).exists().then_some(module)
}

fn not_in_page(module: &str, node: &Value) -> Vec<String> {
    let page = Page::read(format!("book/src/reference/modules/{module}.md").into());
    let keys = node["properties"].as_object().into_iter().flat_map(|keys| keys.keys().cloned());
    let words = words(node).into_iter().map(|(word, _)| word);
    keys.chain(words)
        .filter(|word| !page.text.contains(&format!("`{word}")))
        .map(|word| format!("{module}: {word}"))
        .collect()
}

fn has_keys(node: &Value) -> bool {
    node["properties"].is_object()
}

fn is_words(node: &Value) -> bool {
    !words(node).is_empty()
}

/// The fixed words that may stand here, each with its meaning.
fn words(node: &Value) -> Vec<(String, String)> {
    let one_of = node["oneOf"].as_array().into_iter().flatten();
    let of =
        one_of.filter_map(|word| Some((word["const"].as_str()?.to_owned(), words_of(&word["description"]))));
    let plain = node["enum"].as_array().into_iter().flatten();
    of.chain(plain.filter_map(|word| Some((word.as_str()?.to_owned(), String::new())))).collect()
}

fn table(node: &Value, root: &Value) -> String {
    let words = words(node);
    if !words.is_empty() {
        let rows = words.iter().map(|(word, meaning)| format!("| `{word}` | {meaning} |\n"));
        return format!("| word | meaning |\n|---|---|\n{}", rows.collect::<String>());
    }
    let branches = node["oneOf"].as_array().into_iter().flatten().filter(|branch| has_keys(branch));
    let nodes: Vec<&Value> = if has_keys(node) { vec![node] } else { branches.collect() };
    let rows: String = nodes.iter().flat_map(|node| rows(node, root)).collect();
    format!("| key | value | default | meaning |\n|---|---|---|---|\n{rows}")
}

fn rows(node: &Value, root: &Value) -> Vec<String> {
    let keys = node["properties"].as_object().into_iter().flatten();
    let required: Vec<&str> =
        node["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let alone = required.len() == 1 && node["properties"].as_object().is_some_and(|keys| keys.len() == 1);
    keys.map(|(key, value)| {
        let default = match &value["default"] {
            // Exactly one of several keys is needed: "needed" would say too much.
            Value::Null
                if required.contains(&key.as_str()) && !(alone && node["description"].is_string()) =>
            {
                "needed".to_owned()
            }
            Value::Null => String::new(),
            Value::Array(items) if items.is_empty() => "none".to_owned(),
            Value::Object(items) if items.is_empty() => "none".to_owned(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        let meaning = meaning(node, value, root, alone);
        format!("| `{key}` | {} | {default} | {meaning} |\n", kind(value, root))
    })
    .collect()
}

/// A key's own words, else those of what it holds. In a choice of keys the words stand beside the key.
fn meaning(node: &Value, value: &Value, root: &Value, alone: bool) -> String {
    let own = words_of(&value["description"]);
    let beside = words_of(&node["description"]);
    let behind = target(value, root).map(|target| words_of(&target["description"])).unwrap_or_default();
    match () {
        () if alone && !beside.is_empty() => beside,
        () if !own.is_empty() => own,
        () => behind,
    }
}

fn words_of(description: &Value) -> String {
    let text = description.as_str().unwrap_or_default();
    let line = text.split("\n\n").next().unwrap_or_default();
    line.replace('\n', " ").replace('|', "\\|").trim_end_matches('.').to_owned()
}

/// What a reference leads to.
fn target<'a>(value: &'a Value, root: &'a Value) -> Option<&'a Value> {
    let reference = value["$ref"].as_str().or_else(|| value["allOf"][0]["$ref"].as_str())?;
    root.pointer(reference.strip_prefix('#')?)
}

/// What may be written, in a few words.
fn kind(value: &Value, root: &Value) -> String {
    if let Some(target) = target(value, root) {
        let words: Vec<String> = words(target).iter().map(|(word, _)| format!("`{word}`")).collect();
        let reference =
            value["$ref"].as_str().or_else(|| value["allOf"][0]["$ref"].as_str()).unwrap_or_default();
        return match reference.rsplit('/').next().unwrap_or_default() {
            "TimeSpan" => "time".to_owned(),
            "ServiceName" | "StepId" | "HostName" => "name".to_owned(),
            "ServiceAddress" => "address/prefix".to_owned(),
            _ if !words.is_empty() => words.join(", "),
            _ if target["anyOf"].is_array() => kind(target, root),
            _ => "mapping".to_owned(),
        };
    }
    if let Some(choices) = value["anyOf"].as_array() {
        let mut kinds: Vec<String> = choices.iter().map(|choice| kind(choice, root)).collect();
        kinds.dedup();
        kinds.retain(|kind| kind != "null");
        return kinds.join(" or ");
    }
    let types: Vec<&str> = match &value["type"] {
        Value::String(one) => vec![one],
        Value::Array(some) => some.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect(),
        _ => Vec::new(),
    };
    match types.as_slice() {
        ["array"] => format!("list of {}", plural(&kind(&value["items"], root))),
        ["object"] if value["additionalProperties"].is_object() => {
            format!("name: {}", kind(&value["additionalProperties"], root))
        }
        ["object"] => "name: value".to_owned(),
        ["string", "boolean"] => "expression".to_owned(),
        ["string", ..] if types.len() > 1 => "text".to_owned(),
        ["string"] => "text".to_owned(),
        ["integer" | "number"] => "number".to_owned(),
        ["boolean"] => "`true`, `false`".to_owned(),
        [] if value["oneOf"].is_array() => "mapping".to_owned(),
        _ => "any value".to_owned(),
    }
}

fn plural(kind: &str) -> String {
    match kind {
        "address/prefix" => "addresses".to_owned(),
        _ if kind.starts_with('`') => kind.to_owned(),
        _ => format!("{kind}s"),
    }
}
