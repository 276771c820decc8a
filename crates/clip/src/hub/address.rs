//! The hub's addresses, and where a redirect may lead.

use ureq::http::Uri;

use super::Repository;

/// The address of the list of a repository's files.
pub(super) fn list(endpoint: &str, repository: &Repository) -> String {
    let revision = escape(repository.revision(), false);
    format!(
        "{endpoint}/api/models/{}/revision/{revision}",
        repository.name()
    )
}

/// The address of a file's content at a commit.
pub(super) fn file(endpoint: &str, repository: &Repository, commit: &str, file: &str) -> String {
    format!(
        "{endpoint}/{}/resolve/{commit}/{}",
        repository.name(),
        escape(file, true)
    )
}

/// Scheme, host and port: who answers.
pub(super) fn origin(url: &str) -> Option<(String, String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let port = uri
        .port_u16()
        .unwrap_or(if scheme == "https" { 443 } else { 80 });
    Some((scheme, uri.host()?.to_ascii_lowercase(), port))
}

/// Where a redirect from `from` to `to` leads. None if it gives up encryption or leads nowhere.
pub(super) fn join(from: &str, to: &str) -> Option<String> {
    let (scheme, rest) = from.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let next = if to.starts_with("https://") || (scheme == "http" && to.starts_with("http://")) {
        to.to_owned()
    } else if to.starts_with("//") {
        format!("{scheme}:{to}")
    } else if to.starts_with('/') {
        format!("{scheme}://{host}{to}")
    } else {
        return None;
    };
    let next = next.split('#').next()?.to_owned();
    origin(&next).map(|_| next)
}

fn escape(text: &str, keep_slashes: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        if plain || (keep_slashes && byte == b'/') {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_they_may() {
        let from = "https://hub/a/b?c";
        let to = |to| join(from, to);
        assert_eq!(to("/x?y").as_deref(), Some("https://hub/x?y"));
        assert_eq!(to("https://cdn:8/x").as_deref(), Some("https://cdn:8/x"));
        assert_eq!(to("//cdn/x").as_deref(), Some("https://cdn/x"));
        assert_eq!(to("http://cdn/x"), None, "gives up encryption");
        assert_eq!(to("file:///etc/passwd"), None);
        let plain = join("http://127.0.0.1:80/a", "http://127.0.0.1:81/a");
        assert_eq!(plain.as_deref(), Some("http://127.0.0.1:81/a"));
    }

    #[test]
    fn only_the_same_scheme_host_and_port_is_the_hub() {
        assert_eq!(origin("https://Hub/a"), origin("https://hub:443/b"));
        for other in [
            "http://hub/a",
            "https://hub:444/a",
            "https://hub.evil/a",
            "https://evil/hub",
        ] {
            assert_ne!(origin(other), origin("https://hub/a"), "{other}");
        }
    }

    #[test]
    fn addresses_are_escaped() {
        assert_eq!(escape("refs/pr/8", false), "refs%2Fpr%2F8");
        assert_eq!(escape("a b/c?#.json", true), "a%20b/c%3F%23.json");
    }
}
