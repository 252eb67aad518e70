//! One happening as it is sent, and what the texts of a notice may read of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::monitor::Told;
use crate::report::watch::Line;
use crate::site::id::ServiceName;
use crate::site::source::Sp;
use crate::template::{Vars, render};

/// [`Context::pauses`] where there is no reason for others.
pub const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// What all notices of a site share.
#[derive(Clone)]
pub struct Context {
    /// What people call the site.
    pub site: String,
    /// Its folder, where programs run.
    pub root: std::path::PathBuf,
    /// The machine the monitor runs on.
    pub host: String,
    /// By name; texts may read them.
    pub secrets: Map<String, Value>,
    /// Between one attempt and the next; there is one attempt more.
    pub pauses: [Duration; 2],
    /// Takes what must not be shown out of a text.
    pub redact: Arc<dyn Fn(&str) -> String + Send + Sync>,
}

/// One happening, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub told: Told,
    /// As in the JSON lines of `watch`.
    pub json: Value,
}

impl Message {
    pub(super) fn of(told: &Told, context: &Context) -> Self {
        let mut json = serde_json::to_value(Line::of(told)).unwrap_or_default();
        if let Value::Object(fields) = &mut json {
            let head =
                [("schema", crate::report::watch::SCHEMA.into()), ("site", context.site.as_str().into())];
            for (at, (name, value)) in head.into_iter().enumerate() {
                fields.shift_insert(at, name.to_owned(), value);
            }
        }
        Self { told: told.clone(), json }
    }

    /// For the environment of a program.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let word = |name: &str| self.json[name].as_str().unwrap_or_default().to_owned();
        vec![
            ("REVEILLE_TEXT", word("text")),
            ("REVEILLE_GRAVITY", word("gravity")),
            ("REVEILLE_HAPPENING", word("happening")),
            ("REVEILLE_AT", word("at")),
            ("REVEILLE_SITE", word("site")),
            ("REVEILLE_SERVICES", self.services().join(" ")),
        ]
    }

    fn services(&self) -> Vec<&str> {
        self.told.what.services().into_iter().map(ServiceName::as_str).collect()
    }

    /// A text of the settings, with what it reads put in.
    pub(super) fn render(&self, text: &Sp<String>, context: &Context) -> Result<String, String> {
        let mut names = context.secrets.clone();
        let known = json!({
            "text": self.json["text"],
            "gravity": self.json["gravity"],
            "at": self.json["at"],
            "services": self.services(),
            "happening": self.json,
        });
        if let Value::Object(known) = known {
            names.extend(known);
        }
        render(text, &Vars::new(&names)).map_err(|error| error.to_string())
    }
}
