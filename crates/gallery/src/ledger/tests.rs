//! The ledger after interrupted runs, and in folders that hold files of others.

use std::fs;

use tempfile::TempDir;

use super::*;

fn photo(source: &str, name: &str) -> Rendered {
    Rendered {
        source: source.to_owned(),
        size: 1,
        modified: 2,
        version: 1,
        keeps_gps: false,
        name: name.to_owned(),
        width: 300,
        height: 200,
        placeholder: String::new(),
        caption: Caption::default(),
        added: 3,
    }
}

fn open(folder: &TempDir) -> Result<Ledger> {
    Ledger::open(&SiteFolder::open(folder.path()).unwrap())
}

fn write(ledger: &mut Ledger, page: &str, content: &str) -> Result<()> {
    ledger.write(&[(page.to_owned(), content.as_bytes().to_vec())])
}

#[test]
fn only_files_of_ours_are_replaced_or_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut ledger = open(&folder).unwrap();
    ledger
        .begin("a-1", &["img/a-1-300.jpg".to_owned()])
        .unwrap();
    fs::create_dir(path("img")).unwrap();
    fs::write(path("img/a-1-300.jpg"), "ours").unwrap();
    fs::write(path("img/b-1-300.jpg"), "theirs").unwrap();
    fs::write(path("about.html"), "theirs").unwrap();
    ledger.keep(photo("a.jpg", "a-1")).unwrap();
    write(&mut ledger, "index.html", "one").unwrap();
    write(&mut ledger, "pages/2.html", "two").unwrap();
    let error = write(&mut ledger, "about.html", "x").unwrap_err();
    assert!(matches!(error, LedgerError::NotOurs(_)), "{error}");
    let error = ledger
        .begin("b-1", &["img/b-1-300.jpg".to_owned()])
        .unwrap_err();
    assert!(matches!(error, LedgerError::NotOurs(_)), "{error}");
    drop(ledger);

    let mut ledger = open(&folder).unwrap();
    assert_eq!(ledger.photos["a.jpg"], photo("a.jpg", "a-1"));
    let pages = HashSet::from(["index.html"]);
    assert_eq!(ledger.clean(&HashSet::new(), &pages).unwrap(), 1);
    assert!(!path("img/a-1-300.jpg").exists() && !path("pages/2.html").exists());
    assert!(path("img/b-1-300.jpg").exists() && path("about.html").exists());

    fs::write(path("index.html"), "by hand").unwrap();
    let error = write(&mut ledger, "index.html", "two").unwrap_err();
    assert!(matches!(error, LedgerError::Changed(_)), "{error}");
}

/// A run is killed after each step of a page's update: the file is then the old one or the new one.
#[test]
fn a_page_whose_update_was_cut_off_is_updated_by_the_next_run() {
    for is_replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = open(&folder).unwrap();
        write(&mut ledger, "index.html", "one").unwrap();
        ledger
            .clean(&HashSet::new(), &HashSet::from(["index.html"]))
            .unwrap();
        ledger
            .append(&[Line::Page("index.html".to_owned(), hash(b"two"))])
            .unwrap();
        drop(ledger);
        // Half a line more, so that the ledger is rewritten when it is opened.
        let path = folder.path().join(FILE_NAME);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text + "{\"page\":[\"ind").unwrap();
        if is_replaced {
            fs::write(folder.path().join("index.html"), "two").unwrap();
        }
        let mut ledger = open(&folder).unwrap();
        write(&mut ledger, "index.html", "three").unwrap();
        let pages = HashSet::from(["index.html"]);
        ledger.clean(&HashSet::new(), &pages).unwrap();
        assert_eq!(ledger.text.lines().count(), 1, "{}", ledger.text);
        assert!(ledger.text.contains(&hash(b"three")));
    }
}

#[test]
fn a_page_that_was_cut_off_and_is_no_more_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder).unwrap();
    write(&mut ledger, "pages/2.html", "one").unwrap();
    ledger
        .append(&[Line::Page("pages/2.html".to_owned(), hash(b"two"))])
        .unwrap();
    drop(ledger);
    open(&folder)
        .unwrap()
        .clean(&HashSet::new(), &HashSet::new())
        .unwrap();
    assert!(!folder.path().join("pages/2.html").exists());
}

#[test]
fn a_run_that_changes_nothing_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let build = || {
        let mut ledger = open(&folder).unwrap();
        write(&mut ledger, "index.html", "one").unwrap();
        ledger
            .clean(&HashSet::new(), &HashSet::from(["index.html"]))
            .unwrap();
        fs::metadata(folder.path().join(FILE_NAME))
            .unwrap()
            .modified()
            .unwrap()
    };
    assert_eq!(build(), build());
}

#[test]
fn a_hostile_ledger_is_refused_and_half_a_line_is_not() {
    for line in [
        r#"{"page":["../x","00"]}"#,
        r#"{"begun":"../../x"}"#,
        r#"{"page":["/etc/passwd","00"]}"#,
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), format!("{line}\n{line}\n")).unwrap();
        assert!(open(&folder).is_err(), "{line}");
    }
    for end in ["{\"pho", "{\"pho\n"] {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{{\"begun\":\"a-1\"}}\n{end}");
        fs::write(folder.path().join(FILE_NAME), text).unwrap();
        let mut ledger = open(&folder).unwrap();
        assert!(ledger.names.contains("a-1"));
        ledger.begin("b-1", &[]).unwrap();
        drop(ledger);
        assert!(open(&folder).unwrap().names.contains("b-1"));
    }
}

#[cfg(unix)]
#[test]
fn a_link_is_no_page_and_no_ledger_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = tempfile::NamedTempFile::new().unwrap();
    let link = |name| std::os::unix::fs::symlink(theirs.path(), folder.path().join(name)).unwrap();
    let mut ledger = open(&folder).unwrap();
    write(&mut ledger, "index.html", "one").unwrap();
    fs::remove_file(folder.path().join("index.html")).unwrap();
    link("index.html");
    let error = write(&mut ledger, "index.html", "two").unwrap_err();
    assert!(matches!(error, LedgerError::NotOurs(_)), "{error}");
    fs::remove_file(folder.path().join(FILE_NAME)).unwrap();
    link(FILE_NAME);
    assert!(open(&folder).is_err());
    assert!(fs::read(theirs.path()).unwrap().is_empty());
}
