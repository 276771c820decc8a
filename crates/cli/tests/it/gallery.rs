//! `phototag gallery` from outside: sites that were cut off, photos that cannot be rendered, runs at the same time,
//! folders with links in them, and what `--serve` answers and follows.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

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
    let mut err = BufReader::new(run.stderr.take().unwrap());
    err.read_line(&mut line).unwrap();
    assert!(
        line.contains("another phototag is writing this site"),
        "{line}"
    );
    lock.unlock().unwrap();
    assert!(run.wait().unwrap().success());
}

/// A site of photos that tags.json names in another way had no filter buttons, without a word.
#[test]
fn tags_of_other_photos_are_refused_with_the_key_that_fits() {
    let gallery = Gallery::new();
    gallery.photo("2019/b.png", 30, 20);
    fs::write(
        gallery.path("photos/tags.json"),
        r#"{"2019/b.png": ["nature"]}"#,
    )
    .unwrap();
    let error = gallery.build().expect(2).err;
    assert!(
        error.contains("none of the 2 photos is in tags.json") && error.contains("--key path"),
        "{error}"
    );
    assert!(!gallery.path("site/index.html").exists());
    let run = gallery.command().args(["--key", "path"]).output().unwrap();
    Run::of(run).expect(0);
    fs::write(gallery.path("photos/tags.json"), r#"{"c": ["nature"]}"#).unwrap();
    let warning = gallery.build().expect(0).err;
    assert!(warning.contains("names none of the photos"), "{warning}");
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

/// `phototag gallery --serve`, until the end of the test.
struct Server {
    process: Child,
    port: u16,
    lines: Receiver<String>,
}

impl Server {
    fn of(gallery: &Gallery) -> Self {
        let mut command = gallery.command();
        let command = command.arg("--serve=0").stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines() {
                let _ = sender.send(line.unwrap());
            }
        });
        let mut server = Self {
            process,
            port: 0,
            lines,
        };
        while server.port == 0 {
            let line = server.line("it does not serve");
            if let Some(rest) = line.strip_prefix("Serving http://127.0.0.1:") {
                server.port = rest.split('/').next().unwrap().parse().unwrap();
            }
        }
        server
    }

    fn line(&self, failure: &str) -> String {
        let line = self.lines.recv_timeout(Duration::from_secs(120));
        line.unwrap_or_else(|_| panic!("{failure}"))
    }

    /// Waits for the build after which the site is as it should be.
    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        while !is_so() {
            self.line(&format!("not followed: {what}"));
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(120)))
            .unwrap();
        stream
    }

    /// The answer to a request as it stands; `PORT` is the server's.
    fn ask(&self, request: &str) -> String {
        let mut stream = self.connect();
        let request = request.replace("PORT", &self.port.to_string());
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\n\r\n"
        ))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Issue 16: photos in subfolders, photos replaced in place, and snippets went unseen.
#[test]
fn a_served_site_follows_everything_it_is_made_of() {
    let gallery = Gallery::new();
    let photos = gallery.path("photos");
    gallery.title("One");
    gallery.photo("2019/b.png", 30, 20);
    let server = Server::of(&gallery);
    let site = |file: &str| fs::read_to_string(gallery.path("site").join(file)).unwrap_or_default();
    let page = || site("index.html");

    gallery.photo("2019/b.png", 70, 20);
    server.until("a photo in a subfolder, replaced in place", || {
        page().contains("width=\"70\"")
    });
    gallery.photo("2020/05/c.png", 80, 20);
    server.until("a photo in a new folder", || {
        page().contains("width=\"80\"")
    });
    fs::write(photos.join("tags.json"), r#"{"c": ["bw"]}"#).unwrap();
    server.until("the tags", || page().contains("alt=\"c, bw\""));
    gallery.title("Two");
    server.until("the catalog", || page().contains("<title>Two</title>"));

    // Beside the photo folder, and named before they exist.
    let snippets = "css = \"../own/my.css\"\nheader_html = \"../own/head.html\"\nfooter_html = \"foot.html\"\n[[category]]";
    let catalog = fs::read_to_string(photos.join("phototag.toml")).unwrap();
    let catalog = catalog.replace("[[category]]", snippets);
    fs::create_dir(gallery.path("own")).unwrap();
    fs::write(gallery.path("own/my.css"), "one").unwrap();
    fs::write(gallery.path("own/head.html"), "one").unwrap();
    fs::write(photos.join("foot.html"), "one").unwrap();
    fs::write(photos.join("phototag.toml"), catalog).unwrap();
    server.until("snippets", || site("custom.css") == "one");
    fs::write(gallery.path("own/my.css"), "two").unwrap();
    server.until("css", || site("custom.css") == "two");
    // As editors save: another file, renamed.
    fs::write(gallery.path("own/new"), "<nav>two</nav>").unwrap();
    fs::rename(gallery.path("own/new"), gallery.path("own/head.html")).unwrap();
    server.until("header_html", || page().contains("<nav>two</nav>"));
    fs::write(photos.join("foot.html"), "<p>three</p>").unwrap();
    server.until("footer_html", || page().contains("<p>three</p>"));
    fs::remove_dir_all(photos.join("2020")).unwrap();
    server.until("a folder that is gone", || !page().contains("width=\"80\""));
}

/// Issue 19: a name that was rebound to this machine read the site.
#[test]
fn a_served_site_answers_for_this_machine_only() {
    let gallery = Gallery::new();
    let server = Server::of(&gallery);
    let status = |request: &str| {
        let answer = server.ask(&format!("{request}Connection: close\r\n\r\n"));
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    for host in [
        "127.0.0.1:PORT",
        "localhost:PORT",
        "LOCALHOST:PORT",
        "[::1]:PORT",
    ] {
        assert_eq!(
            status(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n")),
            "200",
            "{host}"
        );
    }
    for host in [
        "evil.example:PORT",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.evil.example:PORT",
        "",
    ] {
        for path in ["/", "/site.js", "/phototag-reload"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
            assert_eq!(status(&request), "403", "{host} {path}");
        }
    }
    assert_eq!(status("GET / HTTP/1.0\r\n"), "403");
    let other = "GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n";
    assert_eq!(status(other), "403");
    let twice = "GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nHost: evil.example\r\n";
    assert_ne!(status(twice), "200");
}

#[test]
fn a_served_site_shows_its_own_files_only() {
    let gallery = Gallery::new();
    let server = Server::of(&gallery);
    fs::write(gallery.path("secret.txt"), "secret").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink(gallery.path("secret.txt"), gallery.path("site/link.txt")).unwrap();
        symlink(gallery.path(""), gallery.path("site/up")).unwrap();
    }
    for path in ["/", "/site.css", "/data/0.js"] {
        assert!(server.get(path).starts_with("HTTP/1.1 200"), "{path}");
    }
    for path in [
        "/.phototag-gallery",
        "/%2Ephototag-gallery",
        "/link.txt",
        "/up/secret.txt",
        "/../secret.txt",
    ] {
        assert!(server.get(path).starts_with("HTTP/1.1 404"), "{path}");
    }
    let part = "GET /site.css HTTP/1.1\r\nHost: localhost:PORT\r\nRange: bytes=0-1\r\nConnection: close\r\n\r\n";
    let part = server.ask(part);
    assert!(
        part.starts_with("HTTP/1.1 206") && part.ends_with("\r\n\r\n/*"),
        "{part}"
    );
}

/// Issue 19: 800 connections that sent half a request stayed open.
#[test]
fn connections_that_send_no_request_are_few_and_end() {
    let gallery = Gallery::new();
    let server = Server::of(&gallery);
    let open = |_| {
        let mut stream = server.connect();
        stream.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
        stream
    };
    let mut streams: Vec<TcpStream> = (0..100).map(open).collect();
    streams[0].read_to_end(&mut Vec::new()).unwrap();
    #[cfg(target_os = "linux")]
    {
        let open = fs::read_dir(format!("/proc/{}/fd", server.process.id())).unwrap();
        assert!(open.count() < 90);
    }
    assert!(server.get("/").starts_with("HTTP/1.1 200"));
}
