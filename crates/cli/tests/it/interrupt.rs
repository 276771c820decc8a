//! Runs that are interrupted or killed: what they print, how they exit, and what they leave.
//!
//! An interrupt is sent when the program has done something that shows where it is; kills come at any moment.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use phototag_core::index::Index;
use phototag_core::paths::Stamp;

use crate::run::{EXAMPLES, Folder, Run};

/// How long a test waits for the program before it fails.
const PATIENCE: Duration = Duration::from_secs(300);

/// Photos of many different contents: decoders ignore what follows the end of a JPEG.
fn many(folder: &Folder, count: usize) {
    let photo = fs::read(Path::new(EXAMPLES).join("astronaut.jpg")).unwrap();
    for number in 0..count {
        folder.write(
            &format!("{number}.jpg"),
            [&photo[..], number.to_string().as_bytes()].concat(),
        );
    }
}

fn start(command: &str, folder: &Folder, arguments: &[&str]) -> Child {
    let mut program = Command::new(env!("CARGO_BIN_EXE_phototag"));
    program.arg(command).arg(folder.0.path()).args(arguments);
    let program = program.stdin(Stdio::null()).stdout(Stdio::piped());
    program.stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until the run has done something; fails if it ends first.
#[track_caller]
fn wait_until(run: &mut Child, done: impl Fn() -> bool) {
    let since = Instant::now();
    while !done() {
        assert_eq!(run.try_wait().unwrap(), None, "the run has ended");
        assert!(since.elapsed() < PATIENCE, "the run does not get there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn interrupt(run: &Child) {
    let mut kill = Command::new("kill");
    kill.args(["-INT", &run.id().to_string()]);
    assert!(kill.status().unwrap().success());
}

/// How many photos the folder's index knows.
fn indexed(folder: &Folder) -> usize {
    let path = folder.path(".phototag/index.sqlite");
    if !path.exists() {
        return 0;
    }
    let (index, _) = Index::open(&path, folder.0.path()).unwrap();
    index.with_facts().unwrap().len()
}

#[test]
fn an_interrupt_keeps_what_was_embedded() {
    let folder = Folder::new();
    many(&folder, 400);
    let mut run = start("tag", &folder, &["--jobs", "1"]);
    wait_until(&mut run, || indexed(&folder) > 0);
    interrupt(&run);
    let run = Run::of(run.wait_with_output().unwrap()).expect(130);
    let kept = indexed(&folder);
    assert!(
        run.err.contains(&format!("Stopped. {kept} ")),
        "{kept}: {}",
        run.err
    );
    assert!(!folder.path("tags.json").exists());
    // Which twenty photos are done depends on the readers: those that the index has are not embedded again.
    let (index, _) = Index::open(&folder.path(".phototag/index.sqlite"), folder.0.path()).unwrap();
    let is_kept = |number: &i32| {
        let path = folder.path(&format!("{number}.jpg"));
        let stamp = Stamp::of(&fs::metadata(&path).unwrap());
        index.content(&path, stamp).is_some()
    };
    let kept = (0..20).filter(is_kept).count();
    assert!(kept > 0);
    drop(index);
    for number in 20..400 {
        fs::remove_file(folder.path(&format!("{number}.jpg"))).unwrap();
    }
    let summary = folder.tag(&[]);
    assert_eq!(summary["tagged"], 20);
    assert_eq!(summary["kept"], kept, "{summary}");
}

#[test]
fn every_interrupted_command_prints_one_line_and_exits_130() {
    for command in ["tag", "scores", "tune", "eval", "learn"] {
        let folder = Folder::new();
        many(&folder, 200);
        folder.write("labels.json", r#"{"0": ["portrait"]}"#);
        let mut run = start(command, &folder, &[]);
        // It handles signals before it opens the index.
        wait_until(&mut run, || folder.path(".phototag/index.sqlite").exists());
        interrupt(&run);
        let run = Run::of(run.wait_with_output().unwrap()).expect(130);
        assert!(run.err.starts_with("Stopped."), "{command}: {}", run.err);
        assert_eq!(run.err.lines().count(), 1, "{command}: {}", run.err);
        assert_eq!(run.out, "", "{command}");
    }
}

#[test]
fn explain_is_interrupted_like_the_others() {
    let folder = Folder::new();
    many(&folder, 200);
    let mut program = Command::new(env!("CARGO_BIN_EXE_phototag"));
    program.arg("explain").arg(folder.path("0.jpg"));
    let program = program.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = program.spawn().unwrap();
    wait_until(&mut run, || folder.path(".phototag/index.sqlite").exists());
    interrupt(&run);
    let run = Run::of(run.wait_with_output().unwrap()).expect(130);
    assert!(run.err.starts_with("Stopped."), "{}", run.err);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
}

#[test]
fn embed_stops_between_two_photos() {
    let photo = Path::new(EXAMPLES).join("astronaut.jpg");
    let mut program = Command::new(env!("CARGO_BIN_EXE_phototag"));
    program
        .arg("embed")
        .args(std::iter::repeat_n(photo.as_os_str(), 1000));
    let program = program.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = program.spawn().unwrap();
    let mut out = BufReader::new(run.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    interrupt(&run);
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let run = Run::of(run.wait_with_output().unwrap()).expect(130);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    assert!(run.err.starts_with("Stopped."), "{}", run.err);
    assert!(rest.lines().count() < 999);
    assert!(rest.is_empty() || rest.ends_with('\n'), "a whole line");
}

#[test]
fn a_killed_run_leaves_tags_json_whole() {
    let folder = Folder::with_photos();
    folder.tag(&[]);
    let old = folder.read("tags.json");
    folder.write("overrides.json", r#"{"1": ["urban"]}"#);
    for wait in [0, 5, 10, 15, 20, 30, 40, 60, 80] {
        let mut run = start("tag", &folder, &[]);
        std::thread::sleep(Duration::from_millis(wait));
        let _ = run.kill();
        run.wait().unwrap();
        let now = folder.read("tags.json");
        let new = old.replace("\"1\": [\"bw\", \"portrait\"]", "\"1\": [\"urban\"]");
        assert!(now == old || now == new, "{now}");
    }
    folder.tag(&[]);
    assert_eq!(folder.tags()["1"], ["urban"]);
}
