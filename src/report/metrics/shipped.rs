//! Holds the alert rules and the dashboard that are shipped to the metrics that a monitor gives. Tests alone.

use std::collections::BTreeSet;

use super::text;
use crate::report::sample;

/// Metric names of an expression with the labels it asks for, as far as they are written in one piece:
/// `name{a="…",b=~"…"}`.
fn asked(expression: &str) -> Vec<(String, Vec<String>)> {
    let name = regex::Regex::new(r"(reveille_\w+)(?:\{([^}]*)\})?").unwrap();
    let label = regex::Regex::new(r#"(\w+)\s*(?:=|!=|=~|!~)\s*""#).unwrap();
    name.captures_iter(expression)
        .filter(|found| !expression[..found.get(0).unwrap().start()].ends_with(['"', '{', ',']))
        .map(|found| {
            let labels = found.get(2).map_or("", |labels| labels.as_str());
            let labels = label.captures_iter(labels).map(|label| label[1].to_owned()).collect();
            (found[1].to_owned(), labels)
        })
        .collect()
}

/// Every series that a monitor gives: its name, and its labels with their values.
fn given() -> Vec<(String, BTreeSet<(String, String)>)> {
    let label = regex::Regex::new(r#"(\w+)="([^"]*)""#).unwrap();
    let text = text(&sample::board());
    let series = text.lines().filter(|line| !line.starts_with('#'));
    let parts = |line: &str| {
        let labels = label.captures_iter(line).map(|one| (one[1].to_owned(), one[2].to_owned())).collect();
        (line.split(['{', ' ']).next().unwrap().to_owned(), labels)
    };
    series.map(parts).collect()
}

/// Refuses an expression that asks for a metric, a label or a state that no monitor ever gives.
fn wrong(expression: &str) -> Option<String> {
    let given = given();
    for (name, labels) in asked(expression) {
        let of_name: Vec<_> = given.iter().filter(|(one, _)| *one == name).collect();
        if of_name.is_empty() {
            return Some(format!("no metric `{name}`"));
        }
        if let Some(label) = labels
            .iter()
            .find(|label| !of_name.iter().any(|(_, has)| has.iter().any(|(one, _)| one == *label)))
        {
            return Some(format!("`{name}` has no label `{label}`"));
        }
    }
    let state = regex::Regex::new(r#"(reveille_\w+)="(\w[\w-]*)""#).unwrap();
    let mut states = state.captures_iter(expression);
    states.find_map(|found| {
        let asked = (found[1].to_owned(), found[2].to_owned());
        let known = given.iter().any(|(_, labels)| labels.contains(&asked));
        (!known).then(|| format!("no state `{}`", &found[2]))
    })
}

const RULES: &str = "book/src/how-to/reveille.rules.yml";
const DASHBOARD: &str = "book/src/how-to/reveille.dashboard.json";

fn shipped(path: &str) -> serde_json::Value {
    let text = std::fs::read_to_string(path).unwrap();
    crate::site::yaml::to_json(std::path::Path::new(path), &text).unwrap()
}

/// Every text under this key, however deep.
fn under<'a>(value: &'a serde_json::Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        serde_json::Value::Object(map) => {
            found.extend(map.get(key).and_then(serde_json::Value::as_str));
            map.values().for_each(|value| under(value, key, found));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|value| under(value, key, found)),
        _ => {}
    }
}

#[test]
fn shipped_alerts_and_charts_ask_for_what_there_is() {
    for (path, least) in [(RULES, 15), (DASHBOARD, 15)] {
        let document = shipped(path);
        let mut expressions = Vec::new();
        under(&document, "expr", &mut expressions);
        under(&document, "definition", &mut expressions);
        assert!(expressions.len() >= least, "{path}");
        for expression in expressions {
            assert!(asked(expression).len() + usize::from(expression.starts_with("up{")) > 0, "{expression}");
            assert_eq!(wrong(expression), None, "{path}: {expression}");
        }
    }
    for bad in [
        "reveille_service_gone == 1",
        "reveille_service_up{host=\"h1\"} == 1",
        "reveille_service_state{reveille_service_state=\"lost\"} == 1",
    ] {
        assert!(wrong(bad).is_some(), "{bad}");
    }
}

/// A rule that Prometheus would refuse, or that nobody could act on.
#[test]
fn every_alert_says_what_is_so_and_what_comes_first() {
    let document = shipped(RULES);
    let duration = regex::Regex::new(r"^\d+[smhd]$").unwrap();
    let label = regex::Regex::new(r"\$labels\.(\w+)").unwrap();
    let mut names = BTreeSet::new();
    for rule in
        document["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap())
    {
        let name = rule["alert"].as_str().unwrap();
        assert!(name.starts_with("Reveille") && names.insert(name), "{name}");
        assert!(rule.get("for").is_none_or(|time| duration.is_match(time.as_str().unwrap())), "{name}");
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
        let expression = rule["expr"].as_str().unwrap();
        let balance = |open, close| expression.matches(open).count() == expression.matches(close).count();
        assert!(balance('(', ')') && balance('{', '}') && expression.matches('"').count() % 2 == 0, "{name}");
        let annotations = &rule["annotations"];
        let words = format!(
            "{} {}",
            annotations["summary"].as_str().unwrap(),
            annotations["description"].as_str().unwrap()
        );
        assert!(words.contains("First: "), "{name}");
        let series = given();
        for label in label.captures_iter(&words).filter(|label| &label[1] != "instance") {
            let known = asked(expression).iter().any(|(asked, _)| {
                series
                    .iter()
                    .any(|(one, labels)| one == asked && labels.iter().any(|(has, _)| *has == label[1]))
            });
            assert!(known, "{name}: no label `{}`", &label[1]);
        }
    }
}

#[test]
fn panels_of_the_dashboard_lie_beside_each_other() {
    let document = shipped(DASHBOARD);
    let mut cells = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in document["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["title"]);
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(cells.insert((x, y)), "{} lies on another panel", panel["title"]);
            }
        }
    }
}
