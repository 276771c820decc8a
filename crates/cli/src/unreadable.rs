//! Unreadable photos as lines for a person: what is damaged first, then raw files and other formats in groups.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use phototag_core::photo::Unreadable;
use phototag_core::scan::Refused;

/// How many files are listed one by one; the rest is counted.
const LISTED: usize = 20;

/// A line a file for what the owner can repair, then a line for each format that phototag cannot read. `photos` are
/// those that could be read; `rest` follows the number of files that are not listed.
pub fn lines<'a>(
    refused: &[Refused],
    photos: impl Iterator<Item = &'a Path>,
    rest: &str,
) -> Vec<String> {
    let (unsupported, broken): (Vec<&Refused>, Vec<&Refused>) = refused
        .iter()
        .partition(|refused| matches!(refused.reason, Unreadable::NotYet(_)));
    let listed = broken.iter().take(LISTED);
    let mut lines: Vec<String> = listed
        .map(|refused| format!("{}: {}", refused.path.display(), refused.reason))
        .collect();
    if broken.len() > LISTED {
        lines.push(format!("and {} more{rest}", broken.len() - LISTED));
    }
    let jpegs = photos.filter(|path| is_jpeg(path));
    let jpegs: HashSet<PathBuf> = jpegs.map(|path| path.with_extension("")).collect();
    let mut groups: BTreeMap<(&str, bool), Vec<&Refused>> = BTreeMap::new();
    for refused in unsupported {
        if let Unreadable::NotYet(format) = refused.reason {
            let has_jpeg = jpegs.contains(&refused.path.with_extension(""));
            groups.entry((format, has_jpeg)).or_default().push(refused);
        }
    }
    lines.extend(groups.into_iter().map(|group| described(group.0, &group.1)));
    lines
}

fn described((format, has_jpeg): (&str, bool), files: &[&Refused]) -> String {
    let count = files.len();
    match (files, has_jpeg) {
        ([one], true) => format!("{}: {format}, with its JPEG", one.path.display()),
        ([one], false) => format!("{}: {}", one.path.display(), one.reason),
        (_, true) => format!("{count} {format}, each with its JPEG"),
        ([first, ..], false) => format!(
            "{count} {format} (not supported yet; export them as JPEG), for example {}",
            first.path.display()
        ),
        ([], _) => String::new(),
    }
}

fn is_jpeg(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    extension.eq_ignore_ascii_case("jpg") || extension.eq_ignore_ascii_case("jpeg")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(photos: &[&str], files: &[(&str, Unreadable)]) -> Vec<String> {
        let refused: Vec<Refused> = files
            .iter()
            .map(|(path, reason)| Refused {
                path: path.into(),
                reason: reason.clone(),
            })
            .collect();
        lines(&refused, photos.iter().map(Path::new), "; the rest")
    }

    #[test]
    fn damage_comes_first_and_raw_files_beside_their_jpegs_are_one_line() {
        let raw = Unreadable::NotYet("Canon CR2");
        let found = of(
            &["a/1.jpg", "a/2.JPEG", "a/3.png"],
            &[
                ("a/1.cr2", raw.clone()),
                ("a/2.CR2", raw.clone()),
                ("a/3.cr2", raw.clone()),
                ("b/1.cr2", raw.clone()),
                ("b/x.heic", Unreadable::NotYet("HEIC")),
                ("z.jpg", Unreadable::Truncated),
            ],
        );
        assert_eq!(
            found,
            [
                "z.jpg: the file is truncated; copy it again from its source",
                "2 Canon CR2 (not supported yet; export them as JPEG), for example a/3.cr2",
                "2 Canon CR2, each with its JPEG",
                "b/x.heic: HEIC is not supported yet; export it as JPEG",
            ]
        );
        assert_eq!(
            of(&["1.jpg"], &[("1.cr2", raw)]),
            ["1.cr2: Canon CR2, with its JPEG"]
        );
    }

    #[test]
    fn what_is_not_listed_is_counted() {
        let found = of(&[], &vec![("x.jpg", Unreadable::Empty); LISTED + 3]);
        assert_eq!(found.len(), LISTED + 1);
        assert_eq!(found[LISTED], "and 3 more; the rest");
    }
}
