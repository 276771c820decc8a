//! What the hub announces about a file's content, and whether a file keeps it.
//!
//! The etag of a big file is the SHA-256 of its content, that of a small one the SHA-1 of the git
//! blob it is. The same etag names the file's blob in the cache, so it is checked to be a name.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// An etag of the hub, fit to be a file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Etag(String);

impl Etag {
    /// Reads a header's value: `"abc"` or `W/"abc"`. None if it cannot name a file.
    pub(super) fn read(header: &str) -> Option<Self> {
        let text = header.trim();
        let text = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let is_name = (1..=128).contains(&text.len())
            && text.bytes().all(plain)
            && text.bytes().any(|b| b.is_ascii_alphanumeric())
            && !text.starts_with('.');
        is_name.then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn is_hex(&self, digits: usize) -> bool {
        self.0.len() == digits && self.0.bytes().all(|b| b.is_ascii_hexdigit())
    }

    /// Whether it says what the content is. If it does not, only the size can be checked, and a
    /// part that arrived earlier cannot be trusted to belong to this file.
    pub(super) fn is_checksum(&self) -> bool {
        self.is_hex(64) || self.is_hex(40)
    }

    /// The checksum that the file at `path` has, if it is another than this.
    pub(super) fn contradicted_by(&self, path: &Path) -> io::Result<Option<String>> {
        let mut file = File::open(path)?;
        let actual = if self.is_hex(64) {
            digest(Sha256::new(), &mut file)?
        } else if self.is_hex(40) {
            let mut sha = Sha1::new();
            sha.update(format!("blob {}\0", file.metadata()?.len()));
            digest(sha, &mut file)?
        } else {
            return Ok(None);
        };
        Ok((!actual.eq_ignore_ascii_case(&self.0)).then_some(actual))
    }
}

fn digest<D: Digest>(mut hasher: D, file: &mut File) -> io::Result<String> {
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block)? {
            0 => break,
            n => hasher.update(&block[..n]),
        }
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etag(text: &str) -> Etag {
        Etag::read(text).expect("an etag")
    }

    #[test]
    fn knows_both_kinds_of_checksum() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "hello\n").expect("written");
        // What `sha256sum` and `git hash-object` say.
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        for good in [sha256, git, &sha256.to_uppercase()] {
            let etag = etag(&format!("\"{good}\""));
            assert!(etag.is_checksum());
            assert_eq!(etag.contradicted_by(&path).expect("readable"), None);
        }
        std::fs::write(&path, "hello!").expect("written");
        for bad in [sha256, git] {
            let actual = etag(bad).contradicted_by(&path).expect("readable");
            assert!(actual.is_some_and(|actual| actual.len() == bad.len()));
        }
        assert!(!etag("W/\"abc-1\"").is_checksum());
    }

    #[test]
    fn refuses_etags_that_are_no_file_names() {
        for bad in [
            "",
            "\"\"",
            "..",
            "../a",
            "a/b",
            "a\\b",
            ".hidden",
            "a b",
            "-",
            &"a".repeat(200),
        ] {
            assert_eq!(Etag::read(bad), None, "{bad:?}");
        }
        assert_eq!(etag("W/\"abc\"").as_str(), "abc");
    }
}
