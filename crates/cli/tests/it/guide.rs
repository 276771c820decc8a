//! Runs the commands of README.md and docs/guide/ and compares what they print with what is printed there.
//!
//! Each page gets a temporary folder with `examples/` and a copy of the example photos in `photos/`. Its
//! `console` blocks run in order; a line of `...` stands for any lines and `[..]` for any part of a line.
//! `phototag`, `cat FILE` and `echo $?` are the commands there are. HTML comments prepare a page: after
//! `<!-- tagged: photos -->` that folder is tagged; `<!-- write: FILE -->` or `<!-- append: FILE -->` makes
//! the next block the file's content.
//!
//! `PHOTOTAG_UPDATE_GUIDE=1 cargo test -p phototag guide` writes the output of today into the pages.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const INDEX: &str = ".phototag/index.sqlite";
const ANY_LINES: &str = "...";
const ANY_TEXT: &str = "[..]";

#[test]
fn the_guide_prints_what_the_program_prints() {
    let update = std::env::var_os("PHOTOTAG_UPDATE_GUIDE").is_some();
    let (mut wrong, mut index) = (String::new(), None);
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let mut sandbox = Sandbox::new(index.clone());
        let ran = sandbox.run_page(&text);
        index = index.or_else(|| fs::read(sandbox.path("examples/photos").join(INDEX)).ok());
        if update {
            fs::write(&page, ran.text).unwrap();
        } else if !ran.wrong.is_empty() {
            wrong += &format!("{}:\n{}\n", page.display(), ran.wrong);
        }
    }
    assert!(
        wrong.is_empty(),
        "{wrong}PHOTOTAG_UPDATE_GUIDE=1 writes what is printed now into the pages"
    );
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let to = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            if !to.exists() || (!heading.is_empty() && !has_heading(&to, heading)) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

/// Whether a page has a heading with this anchor, as web hosts make anchors of headings.
fn has_heading(page: &Path, anchor: &str) -> bool {
    let text = fs::read_to_string(page).unwrap();
    text.lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| {
            let heading = line
                .trim_start_matches('#')
                .trim()
                .to_lowercase()
                .replace(' ', "-");
            heading.replace(|c: char| c != '-' && !c.is_alphanumeric(), "") == anchor
        })
}

#[test]
fn elisions_match_what_they_stand_for() {
    let same = |pattern: &str, text: &str| {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        merge(&lines(pattern), &lines(text)).1 == 0
    };
    assert!(same("a\n...\nz", "a\nb\nc\nz") && same("...\nz", "z"));
    assert!(!same("a\n...\nz", "a\nb") && !same("a", "a\nb") && !same("a\nb", "a"));
    assert!(same("[..] photos, [..]", "26 photos, 0.5 s") && same("a[..]a", "aa"));
    assert!(!same("[..] photos", "26 photos!") && !same("a[..]a", "a"));
    let reworded = merge(
        &["...", "b: old", "..."].map(str::to_owned),
        &["a: new", "b: new", "c: new"].map(str::to_owned),
    );
    assert_eq!(reworded.0, ["...", "b: new", "..."]);
}

/// README.md, which embeds the example photos, then the guide.
fn pages() -> Vec<PathBuf> {
    let guide = fs::read_dir(Path::new(ROOT).join("docs/guide")).unwrap();
    let mut pages: Vec<PathBuf> = guide.map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    pages.insert(0, Path::new(ROOT).join("README.md"));
    pages
}

/// Where a page's commands run.
struct Sandbox {
    folder: tempfile::TempDir,
    /// An index that knows the example photos.
    index: Option<Vec<u8>>,
    exit_code: Option<i32>,
}

/// A page as it was run.
#[derive(Default)]
struct Ran {
    /// The page with today's output.
    text: String,
    /// Each command whose output is another one, with both.
    wrong: String,
}

impl Sandbox {
    fn new(index: Option<Vec<u8>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let examples = Path::new(ROOT).join("examples");
        fs::create_dir_all(folder.path().join("examples/photos")).unwrap();
        fs::create_dir_all(folder.path().join("photos")).unwrap();
        fs::copy(
            examples.join("labels.json"),
            folder.path().join("examples/labels.json"),
        )
        .unwrap();
        for photo in fs::read_dir(examples.join("photos")).unwrap() {
            let photo = photo.unwrap();
            let is_photo = |ending| photo.path().extension().is_some_and(|e| e == ending);
            if is_photo("jpg") || is_photo("webp") {
                for copy in ["examples/photos", "photos"] {
                    let to = folder.path().join(copy).join(photo.file_name());
                    fs::copy(photo.path(), to).unwrap();
                }
            }
        }
        Self {
            folder,
            index,
            exit_code: Some(0),
        }
    }

    fn run_page(&mut self, page: &str) -> Ran {
        let mut ran = Ran::default();
        let mut comment = None;
        let mut lines = page.lines().peekable();
        while let Some(line) = lines.next() {
            ran.text += &format!("{line}\n");
            if let Some(folder) = argument(line, "tagged") {
                self.tag(folder);
            } else if line.starts_with("<!--") {
                comment = Some(line);
            } else if line.starts_with("```") {
                let mut block = Vec::new();
                while let Some(line) = lines.next_if(|line| !line.starts_with("```")) {
                    block.push(line.to_owned());
                }
                match comment.take() {
                    Some(comment) => self.write(comment, &block),
                    None if line == "```console" => block = self.run_block(&block, &mut ran.wrong),
                    None => {}
                }
                ran.text += &block
                    .iter()
                    .map(|line| format!("{line}\n"))
                    .collect::<String>();
                ran.text += lines.next().unwrap_or_default();
                ran.text += "\n";
            }
        }
        assert_eq!(
            self.exit_code,
            Some(0),
            "the last command failed, and `echo $?` does not show it"
        );
        ran
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Tags a copy of the example photos without embedding them again.
    fn tag(&mut self, folder: &str) {
        let index = self.path(folder).join(INDEX);
        fs::create_dir(index.parent().unwrap()).unwrap();
        fs::write(
            index,
            self.index.as_ref().expect("README.md tags examples/photos"),
        )
        .unwrap();
        let printed = self.run(&format!("phototag tag {folder}"));
        assert_eq!(self.exit_code, Some(0), "{printed:?}");
    }

    /// Makes a block's content a file, as the comment before it says.
    fn write(&self, comment: &str, block: &[String]) {
        let (file, append) = match (argument(comment, "write"), argument(comment, "append")) {
            (Some(file), _) => (file, false),
            (_, Some(file)) => (file, true),
            _ => panic!("{comment}: not a comment for this test"),
        };
        let mut options = OpenOptions::new();
        let options = options
            .create(true)
            .write(true)
            .append(append)
            .truncate(!append);
        let mut file = options.open(self.path(file)).unwrap();
        writeln!(file, "{}", block.join("\n")).unwrap();
    }

    /// Runs a block's commands. Returns the block with today's output.
    fn run_block(&mut self, block: &[String], wrong: &mut String) -> Vec<String> {
        let mut new = Vec::new();
        for part in block.chunk_by(|_, next| !next.starts_with("$ ")) {
            let (command, expected) = part.split_first().unwrap();
            let actual = self.run(command.trim_start_matches("$ "));
            let (merged, differences) = merge(expected, &actual);
            if differences > 0 {
                *wrong += &format!(
                    "{command}\n--- in the page\n{}\n--- printed\n{}\n",
                    expected.join("\n"),
                    actual.join("\n")
                );
            }
            new.push(command.clone());
            new.extend(merged);
        }
        new
    }

    /// Runs a command. Returns the lines it prints, warnings first.
    fn run(&mut self, command: &str) -> Vec<String> {
        let command = command.replace("cargo run --release --", "phototag");
        let words = words(&command);
        assert!(
            self.exit_code == Some(0) || words[0] == "echo",
            "a command before {command:?} failed, and `echo $?` does not show it"
        );
        let printed = match words[0].as_str() {
            "phototag" => {
                let output = Command::new(env!("CARGO_BIN_EXE_phototag"))
                    .args(&words[1..])
                    .current_dir(self.folder.path())
                    // The same arithmetic on every processor, and no model but the built-in one.
                    .env("PHOTOTAG_KERNELS", "portable")
                    .env("PHOTOTAG_MODELS", self.path("no-models"))
                    .env("HF_HUB_CACHE", self.path("no-cache"))
                    .env("HF_HUB_OFFLINE", "1")
                    .stdin(Stdio::null())
                    .output()
                    .unwrap();
                self.exit_code = output.status.code();
                String::from_utf8([output.stderr, output.stdout].concat()).unwrap()
            }
            "cat" => fs::read_to_string(self.path(&words[1])).unwrap(),
            "echo" => self.exit_code.replace(0).unwrap().to_string(),
            other => panic!("{other}: not a command for this test"),
        };
        let slashes = |line: &str| match cfg!(windows) {
            true => line.replace('\\', "/"),
            false => line.to_owned(),
        };
        // Progress is printed only where the machine is slow.
        let is_progress = |line: &&str| line.contains(", about ") && line.ends_with(" left");
        printed
            .trim_end()
            .lines()
            .filter(|line| !is_progress(line))
            .map(|line| slashes(line.trim_end()))
            .collect()
    }
}

/// What follows `<!-- NAME: `.
fn argument<'a>(comment: &'a str, name: &str) -> Option<&'a str> {
    let rest = comment.strip_prefix("<!-- ")?.strip_prefix(name)?;
    rest.strip_prefix(": ")?.strip_suffix(" -->")
}

/// A command's words; quotes hold words together.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in command.chars() {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (_, Some(q)) if q == c => quote = None,
            (' ', None) => words.push(String::new()),
            _ => words.last_mut().unwrap().push(c),
        }
    }
    words
}

/// Whether a line is what the page has for it.
fn matches(pattern: &str, line: &str) -> bool {
    let Some((start, rest)) = pattern.split_once(ANY_TEXT) else {
        return pattern == line;
    };
    line.strip_prefix(start).is_some_and(|line| {
        (0..=line.len()).any(|at| line.is_char_boundary(at) && matches(rest, &line[at..]))
    })
}

/// The page's lines with those replaced that are not printed like that any more, and how much they
/// differ. Of all alignments the one with the least difference is taken, found from the end.
fn merge(page: &[String], printed: &[String]) -> (Vec<String>, usize) {
    #[derive(Clone, Copy)]
    enum Step {
        /// The page's line goes with the printed one.
        Both,
        /// The page's line has none: `...` that stands for no more, or a line that is gone.
        Page,
        /// The printed line is one of `...`, or new.
        Printed,
    }
    let (n, m) = (page.len(), printed.len());
    let is_any = |i: usize| page.get(i).is_some_and(|line| line == ANY_LINES);
    let mut best = vec![vec![(0, Step::Both); m + 1]; n + 1];
    for i in (0..=n).rev() {
        for j in (0..=m).rev().filter(|j| (i, *j) != (n, m)) {
            let mut steps = Vec::new();
            if i < n && j < m && !is_any(i) {
                let differs = difference(&page[i], &printed[j]);
                steps.push((best[i + 1][j + 1].0 + differs, Step::Both));
            }
            if j < m {
                steps.push((
                    best[i][j + 1].0 + 3 * usize::from(!is_any(i)),
                    Step::Printed,
                ));
            }
            if i < n {
                steps.push((best[i + 1][j].0 + 3 * usize::from(!is_any(i)), Step::Page));
            }
            best[i][j] = *steps
                .iter()
                .min_by_key(|(differences, _)| differences)
                .unwrap();
        }
    }
    let (mut i, mut j, mut merged) = (0, 0, Vec::new());
    while i < n || j < m {
        match best[i][j].1 {
            Step::Both => {
                let same = matches(&page[i], &printed[j]);
                merged.push(if same {
                    page[i].clone()
                } else {
                    without_speed(&printed[j])
                });
                (i, j) = (i + 1, j + 1);
            }
            Step::Page => {
                merged.extend(is_any(i).then(|| page[i].clone()));
                i += 1;
            }
            Step::Printed => {
                merged.extend((!is_any(i)).then(|| without_speed(&printed[j])));
                j += 1;
            }
        }
    }
    (merged, best[0][0].0)
}

/// How much a printed line differs from the page's. A line that begins like the page's is the same one
/// reworded: it costs less than a line that is gone (3), which `...` could swallow.
fn difference(page: &str, printed: &str) -> usize {
    if matches(page, printed) {
        0
    } else if page.split_whitespace().next() == printed.split_whitespace().next() {
        2
    } else {
        3
    }
}

/// A printed line as a page may have it: its speed differs from run to run.
fn without_speed(line: &str) -> String {
    let unit = [" photos a second", " photos per second"];
    match unit.iter().find_map(|unit| line.find(unit)) {
        Some(end) => {
            let start = line[..end].rfind(' ').map_or(0, |space| space + 1);
            format!("{}{ANY_TEXT}{}", &line[..start], &line[end..])
        }
        None => line.to_owned(),
    }
}
