//! What a Unix system can do to the program: permissions, full disks, pipes, links, closed streams, odd names.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::run::{EXAMPLES, Folder, PHOTOS, Run};

#[test]
fn a_name_that_is_not_utf8_is_reported() {
    let folder = Folder::with_photos();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.jpg");
    // Some file systems refuse such names, and then there is nothing to report.
    if fs::copy(
        Path::new(EXAMPLES).join("astronaut.jpg"),
        folder.0.path().join(name),
    )
    .is_ok()
    {
        let run = folder.run("tag", &[]).expect(0);
        assert!(run.out.contains("is not valid UTF-8"), "{}", run.out);
    }
}

#[test]
fn a_photo_folder_that_cannot_be_written() {
    let (folder, elsewhere) = (Folder::with_photos(), Folder::new());
    let permit =
        |mode| fs::set_permissions(folder.0.path(), fs::Permissions::from_mode(mode)).unwrap();
    permit(0o555);
    if fs::write(folder.path("probe"), "").is_ok() {
        println!("skipped: permissions do not bind this user");
        return permit(0o755);
    }
    folder.run("tag", &[]).refused(&["--index FILE"]);
    let index = elsewhere.path("index.sqlite").display().to_string();
    folder
        .run("tag", &["--index", &index])
        .refused(&["tags.json: cannot write the file"]);
    let out = elsewhere.path("tags.json").display().to_string();
    folder.tag(&["--index", &index, "--out", &out]);
    assert_eq!(elsewhere.tags().len(), 3);
    permit(0o755);
}

/// A limit on file sizes, as near to a full disk as a test comes without a disk of its own.
#[test]
fn a_full_disk_leaves_tags_json_whole() {
    let folder = Folder::with_photos();
    folder.tag(&[]);
    // Longer than the limit, so that the new file cannot be written whole.
    let long: Vec<String> = (0..200)
        .map(|number| format!("  \"missing-{number}\": [\"bw\"]"))
        .collect();
    let old = format!("{{\n{}\n}}\n", long.join(",\n"));
    folder.write("tags.json", &old);
    let command = format!(
        "ulimit -f 0; exec '{}' tag '{}'",
        env!("CARGO_BIN_EXE_phototag"),
        folder.0.path().display()
    );
    let run = Run::of(Command::new("sh").args(["-c", &command]).output().unwrap());
    assert_ne!(run.code, Some(0), "{}", run.out);
    assert_eq!(folder.read("tags.json"), old);
    folder.tag(&[]);
    assert_eq!(folder.tags().len(), 3);
}

/// As above, for a catalog that is there and one that is not.
#[test]
fn a_full_disk_leaves_no_half_catalog() {
    let folder = Folder::new();
    let init = |arguments: &str| {
        let command = format!(
            "ulimit -f 0; exec '{}' init '{}' {arguments}",
            env!("CARGO_BIN_EXE_phototag"),
            folder.0.path().display()
        );
        Run::of(Command::new("sh").args(["-c", &command]).output().unwrap())
    };
    assert_ne!(init("").code, Some(0));
    assert!(!folder.path("phototag.toml").exists());
    folder.write("phototag.toml", "mine");
    assert_ne!(init("--force").code, Some(0));
    assert_eq!(folder.read("phototag.toml"), "mine");
}

#[test]
fn names_and_labels_send_no_commands_to_a_terminal() {
    let folder = Folder::with_photos();
    folder.write("\u{1b}[2J.jpg", "not a photo");
    folder.write(
        "phototag.toml",
        "[[category]]\nid = \"a\"\nlabel = \"\\u001b]0;title\\u0007\"\nprompts = [\"x\"]\n",
    );
    let tag = folder.run("tag", &[]).expect(0);
    assert!(tag.out.contains("\\u001b[2J.jpg") && tag.out.contains("\\u001b]0;title"));
    let scores = folder.run("scores", &[]).expect(0);
    assert!(scores.err.contains("\\u001b[2J.jpg"), "{}", scores.err);
    let json = folder.run("tag", &["--json"]).expect(0);
    let summary: Value = serde_json::from_str(&json.out).unwrap();
    assert!(
        summary["unreadable"][0]["file"]
            .as_str()
            .unwrap()
            .contains("\u{1b}[2J.jpg")
    );
    for run in [tag, scores, json] {
        assert!(!run.out.contains('\u{1b}') && !run.err.contains('\u{1b}'));
    }
}

#[test]
fn a_pipe_is_skipped_or_refused_and_never_waited_for() {
    let folder = Folder::with_photos();
    let pipe = folder.path("pipe.jpg");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(folder.tag(&[])["photos"], 3);
    let program = |arguments: &[&std::ffi::OsStr]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_phototag"));
        Run::of(program.args(arguments).output().unwrap())
    };
    let (pipe, folder) = (pipe.as_os_str(), folder.0.path().as_os_str());
    let refused = "pipe.jpg: a pipe, a device or a socket, not a file";
    for arguments in [
        &["tag".as_ref(), pipe][..],
        &["explain".as_ref(), pipe],
        &["search".as_ref(), folder, "--like".as_ref(), pipe],
    ] {
        program(arguments).refused(&[refused]);
    }
    let embed = program(&["embed".as_ref(), pipe]).expect(1);
    assert!(embed.err.contains(refused), "{}", embed.err);
}

#[test]
fn link_loops_are_survived() {
    let folder = Folder::with_photos();
    std::os::unix::fs::symlink(folder.0.path(), folder.path("loop")).unwrap();
    assert_eq!(folder.tag(&[])["photos"], 3);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let folder = Folder::with_photos();
    let mut program = Command::new(env!("CARGO_BIN_EXE_phototag"));
    let mut run = program
        .arg("tag")
        .arg(folder.0.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(run.stdout.take());
    Run::of(run.wait_with_output().unwrap()).expect(0);
}

/// The reader of stderr has gone, as with `phototag tag ... 2>&1 | head -1`.
#[test]
fn nobody_reading_stderr_changes_nothing() {
    let folder = Folder::with_photos();
    folder.copy(PHOTOS, "truncated.png", "broken.png");
    let ends_with = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_phototag"));
        program.args(arguments).current_dir(folder.0.path());
        let mut child = program
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stderr.take());
        child.wait().unwrap().code()
    };
    assert_eq!(ends_with(&["tag", "."]), Some(0));
    assert_eq!(ends_with(&["tag", ".", "--strict"]), Some(1));
    assert_eq!(ends_with(&["tag", "no-such-folder"]), Some(2));
    assert_eq!(ends_with(&["tag", "--no-such-flag"]), Some(2));
    assert_eq!(folder.tags().len(), 3);
}
