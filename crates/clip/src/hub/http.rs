//! One request to the hub and what its answer means: a thin blocking layer over `ureq`.
//!
//! Redirects are followed here and not by `ureq`, because the hub's own headers (checksum, size)
//! stand on the answer that redirects, and because the token goes to the hub and to nobody else.
//! Nothing is tried twice here; [`super::retry`] decides that.

use std::io::Read;
use std::time::{Duration, SystemTime};

use ureq::http::{HeaderMap, StatusCode, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Proxy};

use super::address::{join, origin};
use super::{HubError, Settings};

const MOST_REDIRECTS: usize = 10;
/// The list of a repository with thousands of files stays below this.
const LARGEST_JSON: u64 = 16 << 20;

/// A way to the hub.
pub(super) struct Client {
    https: Agent,
    http: Agent,
    endpoint: String,
    token: Option<String>,
    timeout: Duration,
}

/// An answer with status 200 or 206, or the redirect that says what a file is.
pub(super) struct Answer {
    pub(super) url: String,
    pub(super) status: u16,
    headers: HeaderMap,
    body: Body,
}

#[derive(Clone, Copy, PartialEq)]
enum Want {
    /// What the hub says about a file: no redirect is followed once it has said it.
    About,
    /// The content, from this byte on.
    From(u64),
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Result<Self, HubError> {
        let agent = |variable, proxy: &Option<String>| -> Result<Agent, HubError> {
            let proxy = match proxy {
                Some(text) => Some(read_proxy(text, &settings.no_proxy).ok_or_else(|| {
                    // Not shown: it may hold a password.
                    let reason = "its value is not the address of a proxy".to_owned();
                    HubError::Setting { variable, reason }
                })?),
                None => None,
            };
            Ok(Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .proxy(proxy)
                // The system's own certificates, since company networks add theirs there.
                .tls_config(
                    TlsConfig::builder()
                        .root_certs(RootCerts::PlatformVerifier)
                        .build(),
                )
                .user_agent(concat!("phototag/", env!("CARGO_PKG_VERSION")))
                .timeout_resolve(Some(settings.timeout))
                .timeout_connect(Some(settings.timeout))
                .timeout_send_request(Some(settings.timeout))
                .timeout_recv_response(Some(settings.timeout))
                .timeout_per_read(Some(settings.timeout))
                .build()
                .new_agent())
        };
        Ok(Self {
            https: agent("HTTPS_PROXY", &settings.https_proxy)?,
            http: agent("HTTP_PROXY", &settings.http_proxy)?,
            endpoint: settings.endpoint.clone(),
            token: settings.token.clone(),
            timeout: settings.timeout,
        })
    }

    /// The JSON text at an address of the hub.
    pub(super) fn json(&self, url: &str) -> Result<Vec<u8>, HubError> {
        let answer = self.send(url, Want::From(0))?;
        let mut text = Vec::new();
        let url = answer.url.clone();
        let mut body = answer.into_body().take(LARGEST_JSON + 1);
        body.read_to_end(&mut text)
            .map_err(|e| self.broken(&url, e))?;
        if text.len() as u64 > LARGEST_JSON {
            let reason = "the list of files has no end".to_owned();
            return Err(HubError::Unexpected { url, reason });
        }
        Ok(text)
    }

    /// What the hub says about a file.
    pub(super) fn about(&self, url: &str) -> Result<Answer, HubError> {
        self.send(url, Want::About)
    }

    /// A file's content from byte `start` on, or all of it: see the status.
    pub(super) fn content(&self, url: &str, start: u64) -> Result<Answer, HubError> {
        self.send(url, Want::From(start))
    }

    /// What a failure while reading the body of `url` means.
    pub(super) fn broken(&self, url: &str, error: std::io::Error) -> HubError {
        self.failed(url, ureq::Error::from(error), true)
    }

    fn send(&self, url: &str, want: Want) -> Result<Answer, HubError> {
        let mut url = url.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            let agent = if url.starts_with("https://") {
                &self.https
            } else {
                &self.http
            };
            let mut request = match want {
                Want::About => agent.head(&url),
                Want::From(_) => agent.get(&url),
            };
            if let Some(token) = self.token.as_ref().filter(|_| self.is_hub(&url)) {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            // Sizes and ranges are those of the file, not of a compressed form of it.
            request = request.header(header::ACCEPT_ENCODING, "identity");
            if let Want::From(start @ 1..) = want {
                request = request.header(header::RANGE, format!("bytes={start}-"));
            }
            let response = request.call().map_err(|e| self.failed(&url, e, false))?;
            let (parts, body) = response.into_parts();
            let answer = Answer {
                url,
                status: parts.status.as_u16(),
                headers: parts.headers,
                body,
            };
            let next = answer
                .header("location")
                .filter(|_| parts.status.is_redirection());
            let Some(next) = next else {
                return self.accept(answer, parts.status);
            };
            if want == Want::About && answer.header("x-linked-etag").is_some() {
                return Ok(answer);
            }
            url = join(&answer.url, next).ok_or_else(|| HubError::Unexpected {
                url: answer.url.clone(),
                reason: format!("it leads to {next:?}"),
            })?;
        }
        let reason = "it leads from one address to the next without end".to_owned();
        Err(HubError::Unexpected { url, reason })
    }

    fn accept(&self, answer: Answer, status: StatusCode) -> Result<Answer, HubError> {
        let token = self.token.is_some() && self.is_hub(&answer.url);
        let url = answer.url.clone();
        match status.as_u16() {
            // 416: nothing lies behind the part we have; the caller sees the status.
            200 | 206 | 416 => {}
            401 => return Err(HubError::Unauthorized { url, token }),
            403 => return Err(HubError::Forbidden { url, token }),
            404 => return Err(HubError::NotFound { url }),
            511 => {
                let reason = "it asks for a login to the network (511)".to_owned();
                return Err(HubError::NotTheHub { url, reason });
            }
            status @ (408 | 429 | 500 | 502 | 503 | 504) => {
                let retry_after = answer.retry_after();
                return Err(HubError::Busy {
                    url,
                    status,
                    retry_after,
                });
            }
            other => {
                let reason = format!("HTTP status {other}");
                return Err(HubError::Unexpected { url, reason });
            }
        }
        let is = |name, start: &str| {
            answer
                .header(name)
                .is_some_and(|value| value.to_ascii_lowercase().starts_with(start))
        };
        if is("content-type", "text/html") {
            let reason = "a web page came instead of data".to_owned();
            return Err(HubError::NotTheHub { url, reason });
        }
        if answer.header("content-encoding").is_some() && !is("content-encoding", "identity") {
            let reason = "it is compressed, which was not asked for".to_owned();
            return Err(HubError::Unexpected { url, reason });
        }
        Ok(answer)
    }

    fn failed(&self, url: &str, error: ureq::Error, stood: bool) -> HubError {
        let timed_out = match &error {
            ureq::Error::Timeout(_) => true,
            ureq::Error::Io(e) => matches!(
                e.kind(),
                std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock
            ),
            _ => false,
        };
        let url = url.to_owned();
        if timed_out {
            return HubError::Stalled {
                url,
                waited: self.timeout,
            };
        }
        let stood = stood
            || match &error {
                ureq::Error::Io(e) => e.kind() != std::io::ErrorKind::ConnectionRefused,
                ureq::Error::Protocol(_) => true,
                _ => false,
            };
        let reason = error.to_string();
        HubError::Unreachable { url, reason, stood }
    }

    /// Whether an address is the hub's own: same scheme, host and port.
    fn is_hub(&self, url: &str) -> bool {
        origin(url).is_some_and(|url| origin(&self.endpoint) == Some(url))
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How many bytes the body has, as announced.
    pub(super) fn length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }

    pub(super) fn is_redirect(&self) -> bool {
        (300..400).contains(&self.status)
    }

    pub(super) fn into_body(self) -> impl Read {
        self.body.into_reader()
    }

    fn retry_after(&self) -> Option<Duration> {
        read_retry_after(self.header("retry-after")?.trim(), SystemTime::now())
    }
}

/// A number of seconds, or the date at which to come again.
fn read_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            Some(date.duration_since(now).unwrap_or_default())
        }
    }
}

fn read_proxy(text: &str, no_proxy: &str) -> Option<Proxy> {
    let proxy = Proxy::new(text.trim()).ok()?;
    let mut builder = Proxy::builder(proxy.protocol())
        .host(proxy.host())
        .port(proxy.port());
    if let Some(name) = proxy.username() {
        builder = builder.username(name);
    }
    if let Some(password) = proxy.password() {
        builder = builder.password(password);
    }
    for host in no_proxy
        .split(',')
        .map(str::trim)
        .filter(|host| !host.is_empty())
    {
        builder = builder.no_proxy(host);
    }
    builder.build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_as_seconds_and_as_dates() {
        let now = httpdate::parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT").expect("a date");
        let read = |text| read_retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(read("120"), Some(120));
        assert_eq!(read("Wed, 21 Oct 2015 07:28:30 GMT"), Some(30));
        assert_eq!(read("Wednesday, 21-Oct-15 07:29:00 GMT"), Some(60));
        assert_eq!(read("Wed, 21 Oct 2015 07:00:00 GMT"), Some(0));
        assert_eq!((read("soon"), read("-1"), read("")), (None, None, None));
    }

    #[test]
    fn proxies_are_read() {
        let proxy = read_proxy("http://ada:pw@proxy:3128", "localhost, .lan").expect("a proxy");
        assert_eq!(
            (proxy.host(), proxy.port(), proxy.username()),
            ("proxy", 3128, Some("ada"))
        );
        assert!(proxy.is_no_proxy(&"http://localhost/".parse().expect("an address")));
        assert!(read_proxy("what://", "").is_none());
    }
}
