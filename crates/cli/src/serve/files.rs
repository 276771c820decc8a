//! Maps the path of an address to a file of the site.

use std::path::{Component, Path, PathBuf};

use percent_encoding::percent_decode_str;

/// The file in `folder` for the path of an address. `None` for missing files, hidden files (the ledger is one) and
/// files outside the folder, whether through `..` or a link.
pub fn shown(folder: &Path, address: &str) -> Option<PathBuf> {
    let decoded = percent_decode_str(address.strip_prefix('/')?);
    let decoded = decoded.decode_utf8().ok()?;
    if !is_plain(Path::new(&*decoded)) {
        return None;
    }
    let folder = folder.canonicalize().ok()?;
    let file = folder.join(&*decoded).canonicalize().ok()?;
    let is_shown = file.strip_prefix(&folder).is_ok_and(is_plain) && file.is_file();
    is_shown.then_some(file)
}

/// Whether all components are names, and none is hidden.
fn is_plain(path: &Path) -> bool {
    path.components().all(|part| {
        matches!(part, Component::Normal(name) if !name.as_encoded_bytes().starts_with(b"."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_plain_files_inside_the_site_are_shown() {
        let base = tempfile::tempdir().unwrap();
        let site = base.path().join("site");
        fs::create_dir_all(site.join("img")).unwrap();
        for file in [
            "site/a b.txt",
            "site/img/1.jpg",
            "site/.phototag-gallery",
            "secret.txt",
        ] {
            fs::write(base.path().join(file), "").unwrap();
        }
        assert!(shown(&site, "/a%20b.txt").is_some());
        assert!(shown(&site, "/img/1.jpg").is_some());
        for address in [
            "/",
            "/img",
            "/img/",
            "/none.txt",
            "/.phototag-gallery",
            "/%2ephototag-gallery",
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/..%2fsecret.txt",
            "/img/..%2f..%2fsecret.txt",
            "//secret.txt",
            "/%00",
            "*",
        ] {
            assert_eq!(shown(&site, address), None, "{address}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn no_link_leads_out_of_the_site_or_to_a_hidden_file() {
        use std::os::unix::fs::symlink;
        let base = tempfile::tempdir().unwrap();
        let site = base.path().join("site");
        fs::create_dir_all(&site).unwrap();
        for file in ["site/a.txt", "site/.hidden", "secret.txt"] {
            fs::write(base.path().join(file), "").unwrap();
        }
        symlink(base.path().join("secret.txt"), site.join("out.txt")).unwrap();
        symlink(base.path(), site.join("up")).unwrap();
        symlink(site.join(".hidden"), site.join("hidden.txt")).unwrap();
        symlink(site.join("a.txt"), site.join("b.txt")).unwrap();
        assert!(shown(&site, "/b.txt").is_some());
        for address in ["/out.txt", "/up/secret.txt", "/hidden.txt"] {
            assert_eq!(shown(&site, address), None, "{address}");
        }
    }
}
