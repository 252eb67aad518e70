//! The schemas that editors load (`book/src/schema/`) are those of the code.

use reveille::site::schema;

/// After a change of the language, `REVEILLE_UPDATE=1 cargo nextest run schema` writes them anew.
#[test]
fn the_committed_schemas_are_current() {
    for (name, schema) in [
        ("playbook", schema::playbook_schema()),
        ("settings", schema::settings_schema()),
        ("inventory", schema::inventory_schema()),
    ] {
        let path = format!("book/src/schema/{name}.json");
        let current = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("REVEILLE_UPDATE").is_some() {
            std::fs::write(&path, &current).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == current, "{path} is not current; run with REVEILLE_UPDATE=1");
    }
}

#[test]
fn every_key_is_explained() {
    for schema in [schema::playbook_schema(), schema::settings_schema()] {
        let own = [("the file", &schema)];
        let definitions = schema["definitions"].as_object().unwrap();
        for (owner, definition) in
            own.into_iter().chain(definitions.iter().map(|(name, d)| (name.as_str(), d)))
        {
            for (key, value) in definition["properties"].as_object().into_iter().flatten() {
                let target = value["$ref"].as_str().map(|to| to.trim_start_matches("#/definitions/"));
                let explained = value.get("description").is_some()
                    || target.is_some_and(|name| definitions[name].get("description").is_some());
                assert!(explained, "`{key}` of {owner} has no description");
            }
        }
    }
}
