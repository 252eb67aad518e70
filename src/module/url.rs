//! The parts of an `http:` or `https:` URL (RFC 3986), for programs that connect by host and port. Used by
//! [`super::witness`]; whoever has a real client hands it the whole URL.

/// Where a URL leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    /// Without the brackets of an IPv6 address.
    pub host: &'a str,
    pub port: u16,
    /// With the query, without the fragment; at least `/`.
    pub path: &'a str,
}

impl<'a> Url<'a> {
    /// `None` for other schemes, and for what is no URL.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let usual = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => 80,
            _ if scheme.eq_ignore_ascii_case("https") => 443,
            _ => return None,
        };
        let rest = rest.split('#').next()?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let place = authority.rsplit('@').next()?;
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => place.split_at(place.find(':').unwrap_or(place.len())),
        };
        let port = match port.strip_prefix(':') {
            Some("") => usual,
            Some(port) => port.parse().ok()?,
            None if port.is_empty() => usual,
            None => return None,
        };
        let path = if path.starts_with('/') { path } else { "/" };
        (!host.is_empty()).then_some(Self { host, port, path })
    }
}

/// Host and port as they are written: what a client asks for.
pub(super) fn authority(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit('@').next().filter(|authority| !authority.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_comes_apart() {
        let parts = |text| Url::parse(text).map(|url| (url.host, url.port, url.path));
        assert_eq!(parts("http://10.0.0.80"), Some(("10.0.0.80", 80, "/")));
        assert_eq!(parts("HTTPS://u:p@www.example.org:8443/a?b#c"), Some(("www.example.org", 8443, "/a?b")));
        assert_eq!(parts("http://[fd00::80]:8080/x"), Some(("fd00::80", 8080, "/x")));
        assert_eq!(authority("http://u@[fd00::80]:8080/x"), Some("[fd00::80]:8080"));
        assert_eq!(parts("https://[fd00::80]"), Some(("fd00::80", 443, "/")));
        for text in ["ftp://x/", "x", "http://", "http://h:port/", "http://[fd00::80]x/", "http://h:99999/"] {
            assert_eq!(parts(text), None, "{text}");
        }
    }
}
