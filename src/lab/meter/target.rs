//! Whom a meter asks, resolved once, and what.

use std::io;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::net::lookup_host;

use super::url::{Scheme, Url};
use super::{dns, http, smtp};
use crate::module::dns::Question;

/// A server and a question to it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    server: SocketAddr,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Page { request: String },
    Greeting,
    Record(Question),
}

impl Target {
    pub(super) async fn resolve(url: &Url) -> Result<Self> {
        let found = lookup_host((url.host.as_str(), url.port)).await;
        let server = found
            .ok()
            .and_then(|mut all| all.next())
            .with_context(|| format!("no address for `{}`", url.host))?;
        let what = match url.scheme {
            Scheme::Http => What::Page { request: http::request(url) },
            Scheme::Smtp => What::Greeting,
            Scheme::Dns => What::Record(dns::question(url)?),
        };
        Ok(Self { server, what })
    }

    /// Asks once, as a client that was never there before.
    pub(super) async fn ask(&self) -> io::Result<()> {
        match &self.what {
            What::Page { request } => http::ask(self.server, request).await,
            What::Greeting => smtp::ask(self.server).await,
            What::Record(question) => dns::ask(self.server, question).await,
        }
    }
}
