//! Who is told what a monitor does, and which programs have a say in it: `notices:` and `hooks:` of the settings.
//! Texts may hold `{{ }}`; they are rendered by `notice`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::id::ServiceName;
use super::quantity::TimeSpan;
use super::secret::SecretSource;
use super::shape::{Argv, OneOrMany, one_or_many};
use super::source::Sp;

/// What a text of a notice may read, besides the site's `secrets`.
pub const NAMES: [&str; 5] = ["text", "gravity", "at", "services", "happening"];

/// One way of telling somebody. Exactly one of `command`, `webhook` and `mail` is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// A program and its arguments, run on the machine of the monitor; the happening is its standard input, as JSON.
    #[serde(default)]
    #[schemars(with = "Option<Argv>")]
    pub command: Option<Vec<Sp<String>>>,
    /// A URL that the happening is posted to, as JSON.
    #[serde(default)]
    pub webhook: Option<Webhook>,
    /// A mail; what happens within a second is one mail.
    #[serde(default)]
    pub mail: Option<Mail>,
    /// What matters less is not told.
    #[serde(default)]
    pub from: From,
    /// Only what is about these services; what is about none of them is not told.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<ServiceName>")]
    pub only: Vec<Sp<ServiceName>>,
    /// The longest one attempt may take; there are three.
    #[serde(default = "ten_seconds")]
    pub timeout: TimeSpan,
}

/// A URL to post to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// `http:` or `https:`; any answer from 200 to 299 is good.
    pub url: Sp<String>,
    /// More lines for the head of the request.
    #[serde(default)]
    pub headers: IndexMap<String, Sp<String>>,
    /// Signs the body: `X-Reveille-Signature: sha256=` and the HMAC-SHA256 of it, hexadecimal.
    #[serde(default)]
    pub secret: Option<Sp<SecretSource>>,
}

/// A mail to send.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// Addresses, without names.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<String>")]
    pub to: Vec<Sp<String>>,
    /// The address it comes from.
    pub from: Sp<String>,
    /// `sendmail`, or `HOST:PORT` of a relay that takes mail from this machine without a password.
    #[serde(default = "sendmail")]
    pub via: Sp<String>,
}

/// From which gravity on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// All that happens.
    Info,
    /// What the monitor does.
    Notice,
    /// What somebody should look at.
    #[default]
    Warning,
    /// What somebody should be woken for.
    Alarm,
}

/// Programs of the site that take part in a takeover. Each gets what is about to happen, or did, as JSON.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hooks {
    /// Run before the monitor moves a service. It forbids that by failing, also by not ending in time.
    #[schemars(with = "Argv")]
    pub before: Vec<Sp<String>>,
    /// Run when the operation has ended. What becomes of it changes nothing.
    #[schemars(with = "Argv")]
    pub after: Vec<Sp<String>>,
    /// The longest each may take. A takeover waits for `before`.
    pub timeout: TimeSpan,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { before: Vec::new(), after: Vec::new(), timeout: TimeSpan::from_secs(5) }
    }
}

fn ten_seconds() -> TimeSpan {
    TimeSpan::from_secs(10)
}

fn sendmail() -> Sp<String> {
    Sp::new("sendmail".to_owned(), super::source::Span::default())
}
