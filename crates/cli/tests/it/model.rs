//! `phototag model` and names of models, from outside, against a hub on this machine.
//!
//! The repository that the hub serves is the built-in model, which is an ordinary ONNX folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::server::{COMMIT, Reply, Server};
use assert_cmd::Command;

const STARTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../starter/model");

/// A user of this machine, with nothing installed.
struct User {
    folder: tempfile::TempDir,
    hub: String,
}

impl User {
    fn of(server: &Server) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            hub: server.url.clone(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn phototag(&self, args: &[&str]) -> Command {
        let mut command = Command::cargo_bin("phototag").unwrap();
        for name in [
            "HF_HUB_CACHE",
            "HF_TOKEN",
            "HF_TOKEN_PATH",
            "HF_HUB_OFFLINE",
            "ALL_PROXY",
            "all_proxy",
            "HTTP_PROXY",
            "http_proxy",
        ] {
            command.env_remove(name);
        }
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("HF_HOME", self.path("hf"))
            .env("HF_ENDPOINT", &self.hub)
            .env("HF_HUB_DOWNLOAD_TIMEOUT", "1")
            .env("PHOTOTAG_MODELS", self.path("own"));
        command
    }

    /// Its standard output, after success.
    fn says(&self, args: &[&str]) -> String {
        String::from_utf8(
            self.phototag(args)
                .assert()
                .success()
                .get_output()
                .stdout
                .clone(),
        )
        .unwrap()
    }

    /// Its error, after exit code 2.
    fn refuses(&self, args: &[&str]) -> String {
        String::from_utf8(
            self.phototag(args)
                .assert()
                .code(2)
                .get_output()
                .stderr
                .clone(),
        )
        .unwrap()
    }

    /// Makes a known model's snapshot in the cache, as Python would leave it.
    fn has_in_cache(&self, repository: &str) {
        let place = self
            .path("hf/hub")
            .join(format!("models--{}", repository.replace('/', "--")));
        fs::create_dir_all(place.join("refs")).unwrap();
        fs::write(place.join("refs/main"), COMMIT).unwrap();
        copy(Path::new(STARTER), &place.join("snapshots").join(COMMIT));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn starter_files() -> Vec<(&'static str, &'static [u8])> {
    phototag_starter::FILES.to_vec()
}

fn nobody() -> Server {
    Server::good(&[])
}

fn vector(user: &User, model: &str) -> String {
    user.says(&["embed", "--text", "a cat", "--model", model])
}

#[test]
fn a_pulled_model_is_found_by_its_name_and_gives_its_vectors() {
    let server = Server::good(&starter_files());
    let user = User::of(&server);
    assert!(
        user.says(&["model", "pull", "owner/name"])
            .starts_with("Installed owner/name in ")
    );
    let snapshot = format!("hf/hub/models--owner--name/snapshots/{COMMIT}");
    let place = user.says(&["model", "where", "owner/name"]);
    assert!(place.trim_end().ends_with(&snapshot), "{place}");
    assert!(
        user.says(&["model", "pull", "owner/name"])
            .contains("is already installed")
    );

    let asked = server.requests().len();
    assert_eq!(vector(&user, "owner/name"), vector(&user, "starter"));
    assert_eq!(server.requests().len(), asked, "only pull connects");

    assert!(
        user.refuses(&["model", "remove", "owner/name"])
            .contains("--yes")
    );
    user.says(&["model", "remove", "owner/name", "--yes"]);
    assert!(
        user.refuses(&["embed", "--text", "x", "--model", "owner/name"])
            .contains("neither an installed model nor a folder")
    );
}

#[test]
fn auto_takes_the_best_known_model_that_is_installed_also_by_python() {
    let server = nobody();
    let user = User::of(&server);
    let line = |name: &str| {
        let list = user.says(&["model", "list"]);
        list.lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(line("starter").contains("built in, auto"));
    assert!(
        user.says(&["model", "list"])
            .contains("phototag model pull siglip2-b-32-256")
    );
    user.has_in_cache("laion/CLIP-ViT-B-32-laion2B-s34B-b79K");
    assert!(line("vit-b-32 ").contains("installed, auto"));
    assert!(!line("starter").contains("auto"));
    user.has_in_cache("timm/ViT-B-32-SigLIP2-256");
    assert!(line("siglip2-b-32-256").contains("installed, auto"));
    assert!(!line("vit-b-32 ").contains("auto"));
    assert_eq!(server.requests().len(), 0, "nothing connects unasked");
}

#[test]
fn an_imported_model_has_its_own_place_and_goes_without_a_question() {
    let user = User::of(&nobody());
    let ours = user.path("my model");
    copy(Path::new(STARTER), &ours);
    fs::write(ours.join("holiday.jpg"), "not the model's").unwrap();
    assert!(
        user.refuses(&["model", "import", "my model"])
            .contains("--name")
    );
    user.says(&[
        "model",
        "import",
        "my model/visual/model.onnx",
        "--name",
        "mine",
    ]);
    assert!(
        !user.path("own/mine/holiday.jpg").exists(),
        "only what the model needs"
    );
    assert_eq!(vector(&user, "mine"), vector(&user, "starter"));
    assert!(user.says(&["model", "list"]).contains("mine"));
    assert!(
        user.refuses(&["model", "import", "my model", "--name", "mine"])
            .contains("a model with this name exists")
    );

    user.says(&["model", "remove", "mine"]);
    assert!(!user.path("own/mine").exists() && ours.join("visual/model.onnx").exists());
    copy(Path::new(STARTER), &user.path("own/theirs"));
    assert!(
        user.refuses(&["model", "remove", "theirs"])
            .contains("not deleted, because")
    );
    assert!(user.path("own/theirs/config.json").exists());
}

#[test]
#[cfg(unix)]
fn a_link_is_removed_and_not_what_it_leads_to() {
    let user = User::of(&nobody());
    user.says(&["model", "import", STARTER, "--name", "linked", "--link"]);
    assert!(
        fs::symlink_metadata(user.path("own/linked"))
            .unwrap()
            .is_symlink()
    );
    user.says(&["model", "remove", "linked"]);
    assert!(!user.path("own/linked").exists() && Path::new(STARTER).join("config.json").exists());
}

#[test]
fn what_is_no_model_is_not_imported() {
    let user = User::of(&nobody());
    for (file, word) in [
        ("notes.txt", "holds no model"),
        ("pytorch_model.bin", "any code"),
    ] {
        let folder = user.path("folder");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(file), "x").unwrap();
        let error = user.refuses(&["model", "import", "folder"]);
        assert!(error.contains(word), "{error}");
    }
    copy(Path::new(STARTER), &user.path("broken"));
    fs::write(user.path("broken/visual/model.onnx"), "no graph").unwrap();
    user.refuses(&["model", "import", "broken"]);
    assert!(!user.path("own").exists());
}

#[test]
fn names_that_mean_nothing_are_answered_with_the_way_out() {
    let server = nobody();
    let user = User::of(&server);
    let model = |name: &str| user.refuses(&["embed", "--text", "x", "--model", name]);
    assert!(model("vit-b-32").contains("phototag model pull vit-b-32 (about 608 MB)"));
    assert!(model("vit-b32").contains("Did you mean \"vit-b-32\"?"));
    assert!(model("some/thing").contains("phototag model pull some/thing"));
    assert!(
        user.refuses(&["model", "pull", "vit b"])
            .contains("no such model")
    );
    assert!(
        user.refuses(&["model", "remove", "vit-b-16"])
            .contains("not installed")
    );
    assert_eq!(server.requests().len(), 0);
    assert!(
        user.refuses(&["model", "pull", "some/thing"])
            .contains("404")
    );
}

#[test]
fn what_the_hub_refuses_ends_with_2_and_one_clear_message() {
    let weights = [
        ("open_clip_config.json", &b"{}"[..]),
        ("open_clip_pytorch_model.bin", b"x"),
    ];
    let user = User::of(&Server::good(&weights));
    let error = user.refuses(&["model", "pull", "owner/name"]);
    assert!(
        error.contains("pickle (open_clip_pytorch_model.bin)"),
        "{error}"
    );

    let user = User::of(&Server::start(&[], Box::new(|_, _| Reply::new(401, ""))));
    assert!(
        user.refuses(&["model", "pull", "vit-b-32"])
            .contains("HF_TOKEN")
    );
    let mut offline = user.phototag(&["model", "pull", "vit-b-32"]);
    offline.env("HF_HUB_OFFLINE", "1").assert().code(2);

    let server = Server::start(
        &starter_files(),
        Box::new(|request, mut reply| {
            if request.is("GET", "visual/model.onnx") {
                reply.body[1000] ^= 1;
            }
            reply
        }),
    );
    let user = User::of(&server);
    let error = user.refuses(&["model", "pull", "owner/name"]);
    assert!(error.contains("announced checksum"), "{error}");
    assert!(
        user.refuses(&["model", "where", "owner/name"])
            .contains("neither an installed model nor a folder")
    );
}

/// Ctrl-C while bytes come: exit 130, a part, no model; the next pull goes on from there.
#[test]
#[cfg(unix)]
fn ctrl_c_leaves_a_part_that_the_next_pull_continues() {
    let stalls = Server::start(
        &starter_files(),
        Box::new(|request, reply| {
            let slow = request.is("GET", "visual/model.onnx");
            if slow { reply.stall(1_000_000) } else { reply }
        }),
    );
    let user = User::of(&stalls);
    let blobs = user.path("hf/hub/models--owner--name/blobs");
    let part = || {
        let entries = fs::read_dir(&blobs).into_iter().flatten().flatten();
        let mut parts =
            entries.filter(|e| e.file_name().to_string_lossy().ends_with(".incomplete"));
        parts.find(|e| e.metadata().is_ok_and(|m| m.len() == 1_000_000))
    };
    let pull = user.phototag(&["model", "pull", "owner/name"]);
    let mut child = std::process::Command::new(pull.get_program());
    child.args(pull.get_args()).current_dir(user.folder.path());
    for (name, value) in pull.get_envs() {
        match value {
            Some(value) => child.env(name, value),
            None => child.env_remove(name),
        };
    }
    let mut child = child.spawn().unwrap();
    while part().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let interrupt = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(part().is_some());
    assert!(!user.path("hf/hub/models--owner--name/snapshots").exists());

    let good = Server::good(&starter_files());
    let user = User {
        hub: good.url.clone(),
        ..user
    };
    user.says(&["model", "pull", "owner/name"]);
    let requests = good.requests();
    let visual = requests
        .iter()
        .find(|r| r.is("GET", "visual/model.onnx"))
        .unwrap();
    assert_eq!(
        visual.headers.get("range").map(String::as_str),
        Some("bytes=1000000-")
    );
}

/// A tiny CLIP with random weights, as open_clip publishes models.
const NATIVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../clip/tests/fixtures/clip");

const PHOTO: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/photos/astronaut.jpg"
);

#[test]
fn vectors_of_rounded_weights_are_kept_apart() {
    let user = User::of(&Server::start(&[], Box::new(|_, _| Reply::new(401, ""))));
    fs::create_dir(user.path("photos")).unwrap();
    fs::copy(PHOTO, user.path("photos/a.jpg")).unwrap();
    let scores = |precision: &str| {
        let args = ["scores", "photos", "--format", "json", "--model", NATIVE];
        user.says(&[&args[..], &["--precision", precision]].concat())
    };
    let (exact, rounded) = (scores("f32"), scores("int8"));
    assert_ne!(exact, rounded);
    assert_eq!(scores("f32"), exact);
    assert_eq!(scores("int8"), rounded);
}

#[test]
fn kernels_can_be_forced_and_a_wrong_name_says_what_there_is() {
    let user = User::of(&Server::start(&[], Box::new(|_, _| Reply::new(401, ""))));
    let vector = |kernels: &str| {
        let mut command = user.phototag(&["embed", PHOTO, "--model", NATIVE]);
        command.env("PHOTOTAG_KERNELS", kernels);
        command.args(["--precision", "f32"]);
        let output = command.assert().success().get_output().stdout.clone();
        let line: serde_json::Value = serde_json::from_slice(&output).unwrap();
        let numbers = line["vector"].as_array().unwrap().iter();
        numbers.map(|x| x.as_f64().unwrap()).collect::<Vec<f64>>()
    };
    let list = user.says(&["model", "list"]);
    let used = list.split("on this machine: ").nth(1).unwrap();
    let used = used.split(' ').next().unwrap();
    let pairs = vector("portable").into_iter().zip(vector(used));
    let cosine: f64 = pairs.map(|(a, b)| a * b).sum();
    assert!(cosine > 0.999_999, "{cosine}");

    let mut command = user.phototag(&["embed", PHOTO, "--model", NATIVE]);
    command.env("PHOTOTAG_KERNELS", "abacus");
    let error = command.assert().code(2).get_output().stderr.clone();
    let error = String::from_utf8(error).unwrap();
    assert!(
        error.contains("abacus") && error.contains("portable"),
        "{error}"
    );
}

#[test]
fn a_tokenizer_that_breaks_its_parser_is_an_error_without_a_panic() {
    const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../clip/tests/fixtures/clip");
    let user = User::of(&nobody());
    let model = user.path("model");
    copy(Path::new(FIXTURE), &model);
    let file = model.join("tokenizer.json");
    let mut tokenizer: serde_json::Value =
        serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    // A template that names a token which it does not describe.
    tokenizer["post_processor"] = serde_json::json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "</s>", "type_id": 0}}],
        "pair": [],
        "special_tokens": {},
    });
    fs::write(file, tokenizer.to_string()).unwrap();
    let said = user.refuses(&[
        "embed",
        "--text",
        "a cat",
        "--model",
        &model.to_string_lossy(),
    ]);
    assert!(
        said.starts_with("error: ") && said.contains("tokenizer.json"),
        "{said}"
    );
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_checked_model_is_computed_as_exactly_as_it_needs() {
    const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../clip/tests/fixtures/clip");
    const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/photos");
    let user = User::of(&nobody());
    user.says(&["model", "import", FIXTURE, "--name", "tiny"]);
    let report = user.says(&["model", "check", "tiny", PHOTOS, "--photos", "9"]);
    assert!(report.contains("tiny on 9 photos"), "{report}");
    for precision in ["f32", "bf16", "int8"] {
        let row = report
            .lines()
            .find(|line| line.trim().starts_with(precision));
        let numbers = row.expect(&report).split_whitespace().skip(1).take(3);
        assert!(numbers.clone().count() == 3 && numbers.flat_map(str::parse::<f64>).count() == 3);
    }
    // What it found is what commands do, until they are told otherwise.
    let file = Path::new(user.says(&["model", "where"]).trim()).join("precisions.json");
    let found = fs::read_to_string(&file).unwrap();
    let photo = format!("{PHOTOS}/guitarist.jpg");
    let vector = |more: &[&str]| user.says(&[&["embed", "--model", "tiny", &photo], more].concat());
    let int8 = vector(&["--precision", "int8"]);
    assert_ne!(vector(&["--precision", "f32"]), int8);
    let (fingerprint, _) = found.split_once(':').unwrap();
    fs::write(&file, format!("{fingerprint}: \"int8\"}}")).unwrap();
    assert_eq!(vector(&[]), int8);
    fs::write(&file, "broken").unwrap();
    assert_ne!(vector(&[]), int8);

    let few = user.refuses(&["model", "check", "tiny", &photo]);
    assert!(few.contains("needs at least 8"), "{few}");
    let starter = user.refuses(&["model", "check", "starter", PHOTOS]);
    assert!(starter.contains("there is nothing to check"), "{starter}");
}

#[test]
fn a_collection_stays_in_the_precision_that_it_was_embedded_in() {
    const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../clip/tests/fixtures/clip");
    let user = User::of(&nobody());
    user.says(&["model", "import", FIXTURE, "--name", "tiny"]);
    let new = |folder: &Path, more: &[&str]| {
        let folder = folder.to_string_lossy();
        let command = ["tag", "--json", "--model", "tiny", &*folder];
        let said = user.says(&[&command, more].concat());
        let summary: serde_json::Value = serde_json::from_str(&said).unwrap();
        summary["new"].as_u64().unwrap()
    };
    let photo = |number: u8| {
        let mut bitmap =
            b"BM\x3A\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0".to_vec();
        bitmap.resize(54, 0);
        bitmap.extend([number, number / 2, 200, 0]);
        bitmap
    };

    let few = tempfile::tempdir().unwrap();
    fs::write(few.path().join("a.bmp"), photo(1)).unwrap();
    assert_eq!(new(few.path(), &["--precision", "int8"]), 1);
    assert_eq!(new(few.path(), &[]), 0, "its vectors are int8's");
    assert_eq!(new(few.path(), &["--precision", "f32"]), 1);
    assert_eq!(new(few.path(), &[]), 0, "it has both now");

    // Large enough to be measured; what that finds depends on the processor, but it lasts.
    let many = tempfile::tempdir().unwrap();
    for number in 0..1000 {
        let mut bitmap = photo((number % 250) as u8);
        bitmap[56] = (number / 250) as u8;
        fs::write(many.path().join(format!("{number}.bmp")), bitmap).unwrap();
    }
    assert_eq!(new(many.path(), &[]), 1000);
    fs::write(many.path().join("one-more.bmp"), photo(255)).unwrap();
    assert_eq!(new(many.path(), &[]), 1);
}
