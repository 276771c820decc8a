//! What a repository holds, as the hub's API lists it.
//!
//! The list comes from outside: file names in it become paths, so each is checked before anything
//! else looks at it, also those of files that nobody wants.

use serde::Deserialize;

use super::address;
use super::http::Client;
use super::{HubError, Repository};

/// The commit a revision stands for, and the names of its files.
pub(super) struct Listing {
    pub(super) commit: String,
    pub(super) files: Vec<String>,
}

#[derive(Deserialize)]
struct Reply {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

/// Asks the hub.
pub(super) fn fetch(
    client: &Client,
    endpoint: &str,
    repository: &Repository,
) -> Result<Listing, HubError> {
    let url = address::list(endpoint, repository);
    let text = client.json(&url)?;
    let reply: Reply = serde_json::from_slice(&text).map_err(|error| HubError::NotTheHub {
        url: url.clone(),
        reason: format!("it is no list of files ({error})"),
    })?;
    read(reply, repository, &url)
}

fn read(reply: Reply, repository: &Repository, url: &str) -> Result<Listing, HubError> {
    let is_commit =
        (1..=64).contains(&reply.sha.len()) && reply.sha.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_commit {
        return Err(HubError::NotTheHub {
            url: url.to_owned(),
            reason: format!("{:?} is no commit", reply.sha),
        });
    }
    let files: Vec<String> = reply
        .siblings
        .into_iter()
        .map(|file| file.rfilename)
        .collect();
    match files.iter().find(|name| !is_inside(name)) {
        Some(name) => Err(HubError::HostileName {
            repository: repository.to_string(),
            name: name.clone(),
        }),
        None => Ok(Listing {
            commit: reply.sha,
            files,
        }),
    }
}

/// Whether a name stays below the folder that it is joined to, on every system.
fn is_inside(name: &str) -> bool {
    let has_drive = name.as_bytes().get(1) == Some(&b':');
    !has_drive
        && !name.contains(['\\', '\0'])
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_outside_are_seen() {
        for name in ["a.json", "visual/model.onnx", "a b/..c", ".gitattributes"] {
            assert!(is_inside(name), "{name}");
        }
        for name in [
            "", "/a", "../a", "a/../b", "a//b", "./a", "a/", "a\\b", "C:a", "a\0b",
        ] {
            assert!(!is_inside(name), "{name:?}");
        }
    }
}
