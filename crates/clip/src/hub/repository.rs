//! The name of a model on the hub: `owner/name`, or `owner/name@revision`.
//!
//! Names become folders and addresses, so what the hub itself would not accept is refused here,
//! before anything is done with it.

use std::fmt;
use std::str::FromStr;

use super::HubError;

/// What the hub allows for `owner/name` together.
const LONGEST_NAME: usize = 96;
const LONGEST_REVISION: usize = 200;

/// A repository of the hub, and which revision of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    name: String,
    revision: Option<String>,
}

impl Repository {
    /// `owner/name`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The revision asked for: a branch, a tag or a commit; `main` unless something was said.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }

    /// Whether a revision was asked for.
    pub fn is_pinned(&self) -> bool {
        self.revision.is_some()
    }

    /// Its folder in the hub's cache.
    pub(super) fn folder(&self) -> String {
        format!("models--{}", self.name.replace('/', "--"))
    }
}

impl FromStr for Repository {
    type Err = HubError;

    /// Reads `owner/name` or `owner/name@revision`. [`HubError::Name`] says what is wrong.
    fn from_str(text: &str) -> Result<Self, HubError> {
        let (name, revision) = match text.split_once('@') {
            Some((name, revision)) => (name, Some(revision)),
            None => (text, None),
        };
        let parts: Vec<&str> = name.split('/').collect();
        if parts.len() != 2 || name.len() > LONGEST_NAME || !parts.iter().all(|p| is_part(p)) {
            return Err(HubError::Name(text.to_owned()));
        }
        if revision.is_some_and(|revision| !is_revision(revision)) {
            return Err(HubError::Name(text.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            revision: revision.map(str::to_owned),
        })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.revision {
            Some(revision) => write!(f, "@{revision}"),
            None => Ok(()),
        }
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// An owner or a name, as the hub's own client checks them.
fn is_part(part: &str) -> bool {
    !part.is_empty()
        && part.bytes().all(is_plain)
        && !part.contains("--")
        && !part.contains("..")
        && !part.starts_with(['-', '.'])
        && !part.ends_with(['-', '.'])
        && !part.ends_with(".git")
}

/// A revision may have slashes (`refs/pr/8`), and becomes a path below `refs`.
fn is_revision(revision: &str) -> bool {
    revision.len() <= LONGEST_REVISION
        && revision.split('/').all(|part| {
            !part.is_empty()
                && part.bytes().all(is_plain)
                && !part.contains("..")
                && !part.starts_with(['-', '.'])
                && !part.ends_with('.')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_hub_accepts() {
        for text in [
            "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
            "timm/vit_base_patch32_clip_224.openai",
            "a/b@v1.0",
            "a/b@refs/pr/8",
        ] {
            let repository: Repository = text.parse().expect(text);
            assert_eq!(repository.to_string(), text);
        }
        let repository: Repository = "a/b".parse().expect("a name");
        assert_eq!(
            (repository.revision(), repository.folder().as_str()),
            ("main", "models--a--b")
        );
    }

    #[test]
    fn refuses_what_could_lead_elsewhere() {
        for text in [
            "", "a", "/a", "a/", "a/b/c", "../b", "a/..", "a/b--c", "a/.b", "a\\b/c", "a/b@",
            "a/b@../c", "a/b@/c", "a/b@c//d", "a/b@.c", "a /b", "a/b\0", "a/b@c?d", "a/b.git",
        ] {
            assert!(text.parse::<Repository>().is_err(), "{text:?}");
        }
    }
}
