//! Where the hub is, where its cache is, and how to get there: the hub's own environment variables.
//!
//! The same variables with the same meaning as in Python's `huggingface_hub`, so that one cache
//! serves both. Read once, into [`Settings`]; nothing else looks at the environment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::HubError;

const ENDPOINT: &str = "https://huggingface.co";
/// As Python's client has it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A token is some 40 characters; a file of this size is none.
const LONGEST_TOKEN_FILE: u64 = 4096;

/// How to reach the hub and where to keep what it sends.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The folder with `models--owner--name` folders in it (`HF_HUB_CACHE`).
    pub cache: PathBuf,
    /// The hub's address without a slash at the end (`HF_ENDPOINT`).
    pub endpoint: String,
    /// Sent to the endpoint and to nobody else (`HF_TOKEN`, or the file `token` in `HF_HOME`).
    pub token: Option<String>,
    /// Whether any connection is forbidden (`HF_HUB_OFFLINE`).
    pub offline: bool,
    /// How long to wait for a connection, an answer, or the next bytes of a file
    /// (`HF_HUB_DOWNLOAD_TIMEOUT`, in seconds).
    pub timeout: Duration,
    /// How long to wait before the first new try; doubled each time.
    pub backoff: Duration,
    /// Whether snapshots hold links to the blobs, where the system has links
    /// (not with `HF_HUB_DISABLE_SYMLINKS`).
    pub symlinks: bool,
    /// The proxy for `https` addresses (`HTTPS_PROXY`, `ALL_PROXY`).
    pub https_proxy: Option<String>,
    /// The proxy for `http` addresses (`HTTP_PROXY`, `ALL_PROXY`).
    pub http_proxy: Option<String>,
    /// Hosts that are reached without a proxy, separated by commas (`NO_PROXY`).
    pub no_proxy: String,
}

impl Settings {
    /// What the environment says. [`HubError::Setting`] names a variable that cannot be meant.
    pub fn from_env() -> Result<Self, HubError> {
        Self::read(|name| std::env::var(name).ok(), std::env::home_dir())
    }

    /// Variables that are empty count as not set.
    fn read(
        variable: impl Fn(&str) -> Option<String>,
        user: Option<PathBuf>,
    ) -> Result<Self, HubError> {
        let get = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let folder = |name: &str| get(name).map(|text| expand(&text, user.as_deref()));
        let any = |names: &[&str]| names.iter().find_map(|name| get(name));
        let is_set = |name: &str| {
            get(name).is_some_and(|value| {
                matches!(value.to_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE")
            })
        };

        let home = folder("HF_HOME").or_else(|| {
            let caches = folder("XDG_CACHE_HOME").or_else(|| Some(user.as_ref()?.join(".cache")));
            Some(caches?.join("huggingface"))
        });
        let cache = folder("HF_HUB_CACHE")
            .or_else(|| folder("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| Some(home.as_ref()?.join("hub")))
            .ok_or(HubError::Setting {
                variable: "HF_HOME",
                reason: "not set, and there is no home folder either".to_owned(),
            })?;

        let endpoint = get("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let endpoint = endpoint.trim().trim_end_matches('/').to_owned();
        if !(endpoint.starts_with("https://") || endpoint.starts_with("http://")) {
            return Err(HubError::Setting {
                variable: "HF_ENDPOINT",
                reason: format!("{endpoint:?} is no address that starts with https://"),
            });
        }

        let token = any(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]).or_else(|| {
            read_token(&folder("HF_TOKEN_PATH").or_else(|| Some(home.as_ref()?.join("token")))?)
        });
        let token = token.map(|token| token.trim().to_owned());
        if token
            .as_ref()
            .is_some_and(|t| !t.bytes().all(|b| b.is_ascii_graphic()))
        {
            return Err(HubError::Setting {
                variable: "HF_TOKEN",
                reason: "the token has characters that no token has".to_owned(),
            });
        }

        let timeout = match get("HF_HUB_DOWNLOAD_TIMEOUT") {
            None => TIMEOUT,
            Some(text) => match text.trim().parse::<u64>() {
                Ok(seconds @ 1..=86_400) => Duration::from_secs(seconds),
                _ => {
                    return Err(HubError::Setting {
                        variable: "HF_HUB_DOWNLOAD_TIMEOUT",
                        reason: format!("{text:?} is no whole number of seconds from 1 on"),
                    });
                }
            },
        };

        Ok(Self {
            cache,
            endpoint,
            token,
            offline: is_set("HF_HUB_OFFLINE"),
            timeout,
            backoff: Duration::from_millis(500),
            symlinks: !is_set("HF_HUB_DISABLE_SYMLINKS"),
            https_proxy: any(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            http_proxy: any(&["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"]),
            no_proxy: any(&["NO_PROXY", "no_proxy"]).unwrap_or_default(),
        })
    }
}

/// `~/` at the start is the user's folder.
fn expand(text: &str, user: Option<&Path>) -> PathBuf {
    match (text.strip_prefix("~/"), user) {
        (Some(rest), Some(user)) => user.join(rest),
        _ => PathBuf::from(text),
    }
}

/// The token that `hf auth login` has left, if it has.
fn read_token(path: &Path) -> Option<String> {
    let is_small = std::fs::metadata(path).ok()?.len() <= LONGEST_TOKEN_FILE;
    let text = is_small.then(|| std::fs::read_to_string(path).ok())??;
    Some(text).filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, HubError> {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name);
        Settings::read(
            |name| find(name).map(|(_, value)| (*value).to_owned()),
            Some("/home/ada".into()),
        )
    }

    fn cache(variables: &[(&str, &str)]) -> PathBuf {
        read(variables).expect("settings").cache
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        let home = ("HF_HOME", "/hf");
        assert_eq!(cache(&[]), Path::new("/home/ada/.cache/huggingface/hub"));
        assert_eq!(cache(&[("HF_HOME", "")]), cache(&[]));
        assert_eq!(cache(&[home]), Path::new("/hf/hub"));
        assert_eq!(
            cache(&[home, ("HF_HUB_CACHE", "~/c")]),
            Path::new("/home/ada/c")
        );
        let xdg = ("XDG_CACHE_HOME", "/x");
        assert_eq!(cache(&[xdg]), Path::new("/x/huggingface/hub"));
    }

    #[test]
    fn a_token_comes_from_the_environment_or_the_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = folder.path().to_str().expect("a path");
        std::fs::write(folder.path().join("token"), "hf_file\n").expect("written");
        let token = |variables: &[(&str, &str)]| read(variables).expect("settings").token;
        assert_eq!(token(&[("HF_HOME", home)]).as_deref(), Some("hf_file"));
        let both = [("HF_HOME", home), ("HF_TOKEN", " hf_env ")];
        assert_eq!(token(&both).as_deref(), Some("hf_env"));
        assert_eq!(token(&[]), None);
        assert!(read(&[("HF_TOKEN", "two\nlines")]).is_err());
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (name, value) in [
            ("HF_ENDPOINT", "huggingface.co"),
            ("HF_HUB_DOWNLOAD_TIMEOUT", "soon"),
            ("HF_HUB_DOWNLOAD_TIMEOUT", "0"),
        ] {
            let message = read(&[(name, value)]).err().expect("refused").to_string();
            assert!(message.starts_with(name), "{message}");
        }
        let settings = read(&[("HF_ENDPOINT", "http://mirror/"), ("HF_HUB_OFFLINE", "yes")]);
        let settings = settings.expect("settings");
        assert_eq!(
            (settings.endpoint.as_str(), settings.offline),
            ("http://mirror", true)
        );
    }
}
