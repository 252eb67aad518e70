//! The variables a text is rendered with: layers of names, upper over lower.

use std::fmt;

use minijinja::Value;
use minijinja::value::{Serde, merge_maps};
use serde_json::{Map, Value as Json};

/// Names and values. Cloning and layering cost a pointer each, whatever the number of names, so that every step on
/// every host can have its own layer over shared ones. Values may be secrets: `Debug` shows names alone.
#[derive(Clone, Default)]
pub struct Vars(Value);

impl Vars {
    pub fn new(map: &Map<String, Json>) -> Self {
        Self(Value::from(Serde(map)))
    }

    /// These variables with those of `upper` over them: of equal names the upper one's value is taken whole.
    #[must_use]
    pub fn with(&self, upper: &Vars) -> Self {
        if self.0.is_undefined() {
            return upper.clone();
        }
        Self(merge_maps([self.0.clone(), upper.0.clone()]))
    }

    /// One more name over these.
    #[must_use]
    pub fn with_value(&self, name: &str, value: &Json) -> Self {
        self.with(&Self::new(&Map::from_iter([(name.to_owned(), value.clone())])))
    }

    /// The value at a dotted path.
    pub fn lookup(&self, path: &str) -> Option<Json> {
        serde_json::to_value(self.find(path)?).ok()
    }

    /// Whether a dotted path leads to a value.
    pub fn defines(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    /// The names at the top, for "did you mean".
    pub fn names(&self) -> Vec<String> {
        let keys = self.0.try_iter().into_iter().flatten();
        keys.filter_map(|key| key.as_str().map(str::to_owned)).collect()
    }

    pub(super) fn value(&self) -> Value {
        self.0.clone()
    }

    fn find(&self, path: &str) -> Option<Value> {
        path.split('.').try_fold(self.0.clone(), |value, name| {
            value.get_attr(name).ok().filter(|inner| !inner.is_undefined())
        })
    }
}

impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Vars").field(&self.names()).finish()
    }
}

impl From<Json> for Vars {
    /// Anything but a mapping gives no variables.
    fn from(value: Json) -> Self {
        value.as_object().map(Self::new).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_upper_layer_wins_and_the_lower_shows_through() {
        let lower = Vars::from(json!({"a": 1, "host": {"ip": "10.0.0.1"}}));
        let both = lower.with(&Vars::from(json!({"a": 2}))).with_value("b", &json!([3]));
        assert_eq!(both.lookup("a"), Some(json!(2)));
        assert_eq!(both.lookup("host.ip"), Some(json!("10.0.0.1")));
        assert_eq!(both.lookup("b"), Some(json!([3])));
        assert!(!both.defines("host.name"));
        assert_eq!(lower.lookup("a"), Some(json!(1)), "layering leaves the lower layer alone");
    }

    #[test]
    fn debug_shows_no_value() {
        let vars = Vars::from(json!({"password": "hunter2"}));
        assert_eq!(format!("{vars:?}"), r#"Vars(["password"])"#);
    }
}
