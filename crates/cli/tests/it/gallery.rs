//! `phototag gallery` from outside: sites that were cut off, photos that cannot be rendered, runs at the same time, and
//! folders with links in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use image::{Rgb, RgbImage};
use tempfile::TempDir;

use crate::run::Run;

/// A photo folder and a site beside it.
struct Gallery(TempDir);

impl Gallery {
    fn new() -> Self {
        let gallery = Self(tempfile::tempdir().unwrap());
        gallery.photo("a.png", 30, 20);
        fs::write(gallery.path("photos/tags.json"), "{}").unwrap();
        gallery
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn photo(&self, name: &str, width: u32, height: u32) {
        let picture = RgbImage::from_pixel(width, height, Rgb([90, 120, 60]));
        let path = self.path("photos").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.save(path).unwrap();
    }

    fn command(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_phototag"));
        program.arg("gallery").arg(self.path("photos"));
        program.arg("--out").arg(self.path("site"));
        program.stdin(Stdio::null());
        program
    }

    fn build(&self) -> Run {
        Run::of(self.command().output().unwrap())
    }

    /// The pictures that the site has.
    fn pictures(&self) -> BTreeSet<String> {
        let files = fs::read_dir(self.path("site/img")).unwrap();
        files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// The pictures that the first page names.
    fn named(&self) -> BTreeSet<String> {
        let page = fs::read_to_string(self.path("site/index.html")).unwrap();
        let names = page.split("img/").skip(1);
        names
            .map(|rest| rest.split(['"', ' ']).next().unwrap().to_owned())
            .collect()
    }

    fn title(&self, title: &str) {
        let catalog = format!(
            "[gallery]\ntitle = \"{title}\"\n[[category]]\nid = \"bw\"\nmeasure = \"monochrome\"\n"
        );
        fs::write(self.path("photos/phototag.toml"), catalog).unwrap();
    }
}

/// Issue 19: a run that ended between its note and the file's replacement left a site that no run touched again.
#[test]
fn a_site_whose_update_was_cut_off_is_updated() {
    let gallery = Gallery::new();
    gallery.title("One");
    gallery.build().expect(0);
    let ledger = gallery.path("site/.phototag-gallery");
    let noted = fs::read_to_string(&ledger).unwrap();
    let hash = "0".repeat(64);
    fs::write(
        &ledger,
        noted + &format!("{{\"page\":[\"index.html\",\"{hash}\"]}}\n"),
    )
    .unwrap();
    fs::write(gallery.path("site/.phototag-a1B2c3"), "half a page").unwrap();
    gallery.title("Two");
    gallery.build().expect(0);
    let page = fs::read_to_string(gallery.path("site/index.html")).unwrap();
    assert!(page.contains("<title>Two</title>"));
    assert!(!gallery.path("site/.phototag-a1B2c3").exists());
    fs::write(gallery.path("site/index.html"), "by hand").unwrap();
    gallery.title("Three");
    assert!(gallery.build().expect(2).err.contains("changed by hand"));
}

/// Issue 19: WebP ends at 16,383 pixels a side, JPEG at 65,535.
#[test]
fn a_tall_photo_is_rendered_smaller() {
    let gallery = Gallery::new();
    gallery.photo("tall.png", 500, 16_400);
    gallery.photo("taller.png", 2, 39_999);
    let run = gallery.build().expect(0);
    assert!(run.out.starts_with("3 photos: 3 rendered"), "{}", run.out);
    let named = gallery.named();
    assert_eq!(named, gallery.pictures());
    assert!(
        named
            .iter()
            .any(|name| name.starts_with("tall-") && name.ends_with("-499.webp"))
    );
    assert!(gallery.build().out.starts_with("3 photos: 0 rendered"));
}

#[test]
fn a_photo_that_cannot_be_read_is_listed_and_left_out() {
    let gallery = Gallery::new();
    let good = fs::read(gallery.path("photos/a.png")).unwrap();
    fs::write(gallery.path("photos/bad.png"), &good[..good.len() / 2]).unwrap();
    let run = gallery.build().expect(0);
    assert!(run.err.contains("bad.png"), "{}", run.err);
    assert!(run.out.starts_with("1 photo: 1 rendered"), "{}", run.out);
    assert_eq!(gallery.named(), gallery.pictures());
}

/// Issue 19: eight runs at once all failed.
#[test]
fn runs_at_the_same_time_wait_for_each_other() {
    let gallery = Gallery::new();
    for name in ["b.png", "c.png", "d/e.png"] {
        gallery.photo(name, 600, 400);
    }
    let start = |_| {
        let mut command = gallery.command();
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let runs: Vec<Child> = (0..8).map(start).collect();
    for run in runs {
        Run::of(run.wait_with_output().unwrap()).expect(0);
    }
    assert_eq!(gallery.named(), gallery.pictures());
    assert!(gallery.build().out.starts_with("4 photos: 0 rendered"));
}

#[test]
fn a_run_says_that_it_waits() {
    let gallery = Gallery::new();
    gallery.build().expect(0);
    let lock = fs::File::options()
        .append(true)
        .open(gallery.path("site/.phototag-gallery.lock"));
    let lock = lock.unwrap();
    lock.lock().unwrap();
    let mut run = gallery
        .command()
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut err = std::io::BufReader::new(run.stderr.take().unwrap());
    std::io::BufRead::read_line(&mut err, &mut line).unwrap();
    assert!(
        line.contains("another phototag is writing this site"),
        "{line}"
    );
    lock.unlock().unwrap();
    assert!(run.wait().unwrap().success());
}

/// Issue 19: `site/img/x.jpg` as a link overwrote a file outside of the site.
#[cfg(unix)]
#[test]
fn no_link_in_a_site_is_followed() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::NamedTempFile::new().unwrap();
    let is_whole = || fs::read(outside.path()).unwrap().is_empty();
    let relink = |path: &Path| {
        fs::remove_file(path).unwrap();
        symlink(outside.path(), path).unwrap();
    };

    let gallery = Gallery::new();
    gallery.build().expect(0);
    let before = gallery.pictures();
    for picture in &before {
        relink(&gallery.path("site/img").join(picture));
    }
    gallery.build().expect(0);
    assert!(is_whole());
    for picture in before {
        let about = fs::symlink_metadata(gallery.path("site/img").join(picture)).unwrap();
        assert!(about.is_file());
    }

    for file in [
        "index.html",
        "data/0.js",
        ".phototag-gallery.lock",
        ".phototag-gallery",
    ] {
        let gallery = Gallery::new();
        gallery.build().expect(0);
        relink(&gallery.path("site").join(file));
        gallery.photo("b.png", 30, 20);
        gallery.build().expect(2);
        assert!(is_whole(), "{file}");
    }

    for folder in ["img", "data"] {
        let elsewhere = tempfile::tempdir().unwrap();
        let gallery = Gallery::new();
        fs::create_dir(gallery.path("site")).unwrap();
        symlink(elsewhere.path(), gallery.path("site").join(folder)).unwrap();
        assert!(gallery.build().expect(2).err.contains("link"));
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}
