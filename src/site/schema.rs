//! The JSON Schemas of what a user writes, made from the types themselves: one source for the editor (`reveille
//! schema`, `book/src/schema/`) and for [`super::decode`], so that neither can drift from the parser.

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::inventory::HostExtras;
use super::playbook::Playbook;
use super::settings::Settings;

/// The schema of `playbooks/*.yml`, JSON Schema draft 7.
pub fn playbook_schema() -> Value {
    published(schema_of::<Playbook>())
}

/// The schema of `reveille.yml`, JSON Schema draft 7.
pub fn settings_schema() -> Value {
    published(schema_of::<Settings>())
}

/// The schema of a YAML inventory, JSON Schema draft 7: Ansible's shape, the variables that mean something here, and
/// any others.
pub fn inventory_schema() -> Value {
    let mut extras = schema_of::<HostExtras>();
    let mut vars = extras["properties"].take();
    for (name, description) in CONNECTION_VARS {
        vars[name] = json!({ "description": description });
    }
    let group = json!({ "anyOf": [{ "$ref": "#/definitions/Group" }, { "type": "null" }] });
    let vars_or_null = json!({ "anyOf": [{ "$ref": "#/definitions/Vars" }, { "type": "null" }] });
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Ansible inventory, as reveille reads it",
        "type": ["object", "null"],
        "additionalProperties": group,
        "definitions": {
            "Group": {
                "title": "a group",
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "hosts": {
                        "description": "The group's hosts with their variables. `h[1:4]` stands for `h1` to `h4`.",
                        "type": ["object", "null"],
                        "additionalProperties": vars_or_null,
                    },
                    "vars": { "description": "Variables of every host of the group.", "anyOf": vars_or_null["anyOf"] },
                    "children": {
                        "description": "Groups within this group.",
                        "type": ["object", "null"],
                        "additionalProperties": group,
                    },
                },
            },
            "Vars": { "title": "variables", "type": "object", "properties": vars },
        },
    });
    for (name, definition) in extras["definitions"].as_object_mut().into_iter().flatten() {
        schema["definitions"][name] = definition.take();
    }
    schema
}

/// Ansible's variables that reveille gives their meaning.
const CONNECTION_VARS: [(&str, &str); 8] = [
    ("ansible_host", "Where the host is reached: a name or an address. Default: the host's name."),
    ("ansible_port", "The SSH port."),
    ("ansible_user", "The login user."),
    ("ansible_ssh_private_key_file", "The private key."),
    ("ansible_ssh_common_args", "More words for ssh's command line, such as `-J bastion`."),
    ("ansible_connection", "`ssh`, or `local` for the controller itself."),
    ("ansible_become", "Whether commands run as another user, through sudo."),
    ("ansible_become_user", "That user. Default: root."),
];

/// For `extend("oneOf" = …)`: a mapping that needs exactly one of `keys`.
pub(super) fn one_key_of(keys: &[&str]) -> Value {
    keys.iter().map(|key| json!({ "required": [key] })).collect()
}

/// The schema of one type as [`super::decode`] wants it: every `x-hoist` resolved but still named.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with_transform(without_null);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    hoist(&mut schema);
    schema
}

/// An optional key is left out, not left empty: removes what `Option` adds.
fn without_null(schema: &mut Schema) {
    if let Some(types) = schema.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(branches) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        branches.retain(|branch| branch != &json!({ "type": "null" }));
        if let [only] = branches.as_slice() {
            let only = json!([only]);
            schema.remove("anyOf");
            schema.insert("allOf".to_owned(), only);
        }
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    transform_subschemas(&mut without_null, schema);
}

/// `x-hoist: action` in a definition: the keys of the tagged enum behind the property `action` stand among the
/// definition's own keys, and exactly one of them is needed.
fn hoist(root: &mut Value) {
    let definitions = root["definitions"].clone();
    let Some(all) = root.get_mut("definitions").and_then(Value::as_object_mut) else { return };
    let mut emptied = Vec::new();
    for definition in all.values_mut() {
        let Some(property) = definition["x-hoist"].as_str().map(str::to_owned) else { continue };
        let Some(properties) = definition["properties"].as_object_mut() else { continue };
        let Some(target) = properties.shift_remove(&property) else { continue };
        let reference = target["$ref"].as_str().or(target["allOf"][0]["$ref"].as_str()).unwrap_or_default();
        let name = reference.trim_start_matches("#/definitions/");
        let mut keys = Vec::new();
        for variant in definitions[name]["oneOf"].as_array().into_iter().flatten() {
            for (key, value) in variant["properties"].as_object().into_iter().flatten() {
                keys.push(key.clone());
                properties.insert(key.clone(), described(value, &definitions));
            }
        }
        definition["oneOf"] = one_key_of(&keys.iter().map(String::as_str).collect::<Vec<_>>());
        if let Some(required) = definition["required"].as_array_mut() {
            required.retain(|key| *key != property);
        }
        emptied.push(name.to_owned());
    }
    for name in emptied {
        all.shift_remove(&name);
    }
}

/// A reference with the words of what it leads to: editors show those of the key.
fn described(reference: &Value, definitions: &Value) -> Value {
    let name = reference["$ref"].as_str().unwrap_or_default().trim_start_matches("#/definitions/");
    match definitions[name].get("description") {
        Some(words) => json!({ "description": words, "allOf": [reference] }),
        None => reference.clone(),
    }
}

/// Without the marks that are meant for [`super::decode`] alone, and with the head first.
fn published(mut schema: Value) -> Value {
    let mut head = json!({});
    for key in ["$schema", "title", "description"] {
        head[key] = schema[key].take();
    }
    for (key, value) in schema.as_object_mut().into_iter().flatten() {
        if head.get(key).is_none() {
            head[key] = value.take();
        }
    }
    let mut schema = head;
    let definitions = schema.get_mut("definitions").and_then(Value::as_object_mut);
    for definition in
        definitions.into_iter().flat_map(|all| all.values_mut()).filter_map(Value::as_object_mut)
    {
        definition.shift_remove("x-hoist");
    }
    schema
}
