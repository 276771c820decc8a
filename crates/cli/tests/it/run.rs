//! A photo folder of a test's own, and what a run of the program left: what the tests from outside share.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/photos");
pub const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/tests/photos");

/// A photo folder that goes away with the test.
pub struct Folder(pub TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With three photos that the built-in catalog tags as bw + portrait, wildlife and winter.
    pub fn with_photos() -> Self {
        let folder = Self::new();
        folder.copy(EXAMPLES, "guitarist.jpg", "1.jpg");
        folder.copy(EXAMPLES, "macaws.webp", "2.webp");
        folder.copy(EXAMPLES, "half-dome-night.jpg", "10.jpg");
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn copy(&self, from: &str, photo: &str, name: &str) {
        self.write(name, fs::read(Path::new(from).join(photo)).unwrap());
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn tags(&self) -> BTreeMap<String, Vec<String>> {
        serde_json::from_str(&self.read("tags.json")).unwrap()
    }

    /// `phototag COMMAND FOLDER ARGUMENTS`, in the folder's own place.
    pub fn run(&self, command: &str, arguments: &[&str]) -> Run {
        let mut program = Command::new(env!("CARGO_BIN_EXE_phototag"));
        program.arg(command).arg(self.0.path()).args(arguments);
        Run::of(program.stdin(Stdio::null()).output().unwrap())
    }

    /// `phototag tag FOLDER --json ARGUMENTS`, which has to end well.
    pub fn tag(&self, arguments: &[&str]) -> Value {
        let run = self.run("tag", &[&["--json"], arguments].concat());
        serde_json::from_str(&run.expect(0).out).unwrap()
    }
}

pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It ended with this code, and not by a mistake of ours.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.out,
            self.err
        );
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    /// Ends with a usage error that says all of this.
    #[track_caller]
    pub fn refused(self, parts: &[&str]) -> Self {
        let run = self.expect(2);
        for part in parts {
            assert!(run.err.contains(part), "{part:?} is not in:\n{}", run.err);
        }
        run
    }
}
