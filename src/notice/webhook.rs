//! A happening posted to a URL as JSON, signed where the settings say so.

use std::path::{Path, PathBuf};

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Request};
use tokio::sync::OnceCell;

use super::hmac::hmac_sha256;
use super::message::{Context, Message};
use crate::site::notice::Webhook;

/// The header with the signature of the body.
const SIGNATURE: &str = "x-reveille-signature";

pub(super) struct Hook {
    webhook: Webhook,
    root: PathBuf,
    /// Made at the first use: loading the system's certificates takes longer than many a request.
    client: OnceCell<Client>,
}

impl Hook {
    pub(super) fn new(webhook: Webhook, root: &Path) -> Self {
        Self { webhook, root: root.to_owned(), client: OnceCell::new() }
    }

    pub(super) async fn post(&self, message: &Message, context: &Context) -> Result<(), String> {
        let client = self.client.get_or_try_init(client).await?;
        let request = self.request(client, message, context).await?;
        let answer = client.execute(request).await.map_err(words)?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("HTTP {}", answer.status().as_u16())) }
    }

    async fn request(
        &self,
        client: &Client,
        message: &Message,
        context: &Context,
    ) -> Result<Request, String> {
        let body = message.json.to_string();
        let url = message.render(&self.webhook.url, context)?;
        let mut request = client.post(url).header(CONTENT_TYPE, "application/json");
        for (name, value) in &self.webhook.headers {
            let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is no name of a header"))?;
            let value = message.render(value, context)?;
            let value =
                HeaderValue::from_str(&value).map_err(|_| format!("`{name}` cannot have such a value"))?;
            request = request.header(name, value);
        }
        if let Some(secret) = &self.webhook.secret {
            let (source, root) = (secret.value.clone(), self.root.clone());
            let secret = tokio::task::spawn_blocking(move || source.resolve(&root)).await;
            let secret = secret.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            let signature = hmac_sha256(secret.expose().as_bytes(), body.as_bytes());
            request = request.header(SIGNATURE, format!("sha256={signature}"));
        }
        request.body(body).build().map_err(words)
    }
}

async fn client() -> Result<Client, String> {
    let make = || {
        // An error means that one is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let agent = concat!("reveille/", env!("CARGO_PKG_VERSION"));
        Client::builder().user_agent(agent).redirect(Policy::none()).build().map_err(words)
    };
    tokio::task::spawn_blocking(make).await.map_err(|error| error.to_string())?
}

/// The URL may be a secret.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
