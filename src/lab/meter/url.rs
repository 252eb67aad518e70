//! Where a meter asks, and in which protocol: `http://HOST[:PORT]/PATH`, `smtp://HOST[:PORT]` or
//! `dns://SERVER[:PORT]/NAME[?type=TYPE]` (RFC 4501). Pure.

use std::fmt;

use anyhow::{Context, Result, bail};

/// The protocol a meter speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Smtp,
    Dns,
}

impl Scheme {
    const ALL: [Self; 3] = [Self::Http, Self::Smtp, Self::Dns];

    fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Smtp => "smtp",
            Self::Dns => "dns",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Smtp => 25,
            Self::Dns => 53,
        }
    }
}

/// An address in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub scheme: Scheme,
    pub host: String,
    pub port: u16,
    /// With its first `/`.
    pub path: String,
}

impl Url {
    /// # Errors
    /// It is no address of a protocol that a meter speaks.
    pub fn parse(text: &str) -> Result<Self> {
        let known = |scheme: &Scheme| Some((*scheme, text.strip_prefix(scheme.word())?.strip_prefix("://")?));
        let Some((scheme, rest)) = Scheme::ALL.iter().find_map(known) else {
            bail!("`{text}` is not an http://, smtp:// or dns:// address")
        };
        let rest = rest.split('#').next().unwrap_or(rest);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().with_context(|| format!("port of `{text}`"))?)
            }
            _ => (authority, scheme.port()),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            bail!("`{text}` is not an address one can ask");
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { scheme, host, port, path })
    }

    /// `HOST`, or `HOST:PORT` where the port is not the protocol's own.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.port() { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.word(), self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Scheme, String, u16, String) {
        let url = Url::parse(text).unwrap();
        assert_eq!(Url::parse(&url.to_string()).unwrap(), url);
        (url.scheme, url.host, url.port, url.path)
    }

    #[test]
    fn addresses_fall_into_their_parts_and_back() {
        let (http, smtp, dns) = (Scheme::Http, Scheme::Smtp, Scheme::Dns);
        assert_eq!(
            parts("http://10.83.0.80/healthz?x=1"),
            (http, "10.83.0.80".into(), 80, "/healthz?x=1".into())
        );
        assert_eq!(parts("http://h1:8080"), (http, "h1".into(), 8080, "/".into()));
        assert_eq!(parts("http://[fd00::1]/"), (http, "fd00::1".into(), 80, "/".into()));
        assert_eq!(parts("http://[fd00::1]:81?q"), (http, "fd00::1".into(), 81, "/?q".into()));
        assert_eq!(parts("smtp://mail"), (smtp, "mail".into(), 25, "/".into()));
        assert_eq!(
            parts("dns://h1:5353/a.test?type=SOA"),
            (dns, "h1".into(), 5353, "/a.test?type=SOA".into())
        );
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        for text in ["https://h1/", "h1", "http://", "http://h1:x/", "http://h1/a b", "http://h1/\r\nX: y"] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
