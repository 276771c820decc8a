//! The program from outside: the binary, real files, real bad files.
//!
//! Each test works in a folder of its own and compares what a user would see: tags.json, the summary,
//! the message, the exit code.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::run::{EXAMPLES, Folder, PHOTOS, Run};

#[test]
fn the_example_photos_get_their_tags() {
    let folder = Folder::new();
    let out = folder.path("tags.json").display().to_string();
    let index = folder.path("index.sqlite").display().to_string();
    let mut program = Command::new(env!("CARGO_BIN_EXE_phototag"));
    program.args(["tag", EXAMPLES, "--out", &out, "--index", &index]);
    let run = Run::of(program.output().unwrap()).expect(0);
    assert_eq!(
        folder.read("tags.json"),
        include_str!("../examples-tags.json")
    );
    for part in [
        "Tagged 26 photos: 26 new, 0 already indexed",
        "🐾\tWildlife",
        "1.31 tags per photo",
        "photos per second",
        &out,
        "Next: phototag init",
    ] {
        assert!(run.out.contains(part), "{part:?} is not in:\n{}", run.out);
    }
}

#[test]
fn tags_json_has_the_promised_shape() {
    let folder = Folder::with_photos();
    folder.run("tag", &["--quiet"]).expect(0);
    assert_eq!(
        folder.read("tags.json"),
        "{\n  \"1\": [\"bw\", \"portrait\"],\n  \"2\": [\"wildlife\"],\n  \"10\": [\"landscape\", \"winter\"]\n}\n"
    );
}

#[test]
fn quiet_says_nothing_on_the_way() {
    let folder = Folder::with_photos();
    folder.write("overrides.json", r#"{"nobody": []}"#);
    assert!(
        folder
            .run("tag", &[])
            .expect(0)
            .err
            .contains("name a photo that does not exist: \"nobody\"")
    );
    assert_eq!(
        folder
            .run("tag", &["--quiet", "--recalibrate"])
            .expect(0)
            .err,
        ""
    );
}

#[test]
fn what_was_embedded_is_not_embedded_again() {
    let folder = Folder::with_photos();
    assert_eq!(folder.tag(&[])["new"], 3);
    let before = folder.read("tags.json");
    let again = folder.tag(&[]);
    assert_eq!(
        (&again["new"], &again["kept"]),
        (&Value::from(0), &Value::from(3))
    );
    assert_eq!(folder.read("tags.json"), before);

    fs::create_dir(folder.path("sub")).unwrap();
    fs::rename(folder.path("2.webp"), folder.path("sub/parrots.webp")).unwrap();
    assert_eq!(folder.tag(&[])["new"], 0, "a moved photo is known");
    assert_eq!(folder.tags()["parrots"], ["wildlife"]);
    assert!(!folder.tags().contains_key("2"));

    folder.copy(EXAMPLES, "astronaut.jpg", "1.jpg");
    assert_eq!(folder.tag(&[])["new"], 1, "a changed photo is embedded");
    assert_eq!(folder.tags()["1"], ["portrait"]);

    fs::remove_file(folder.path("1.jpg")).unwrap();
    folder.tag(&[]);
    assert!(!folder.tags().contains_key("1"));

    folder.copy(EXAMPLES, "bougainvillea.jpg", "copy 1.jpg");
    folder.copy(EXAMPLES, "bougainvillea.jpg", "copy 2.jpg");
    assert_eq!(folder.tag(&[])["new"], 1, "a copy is not embedded twice");
    assert_eq!(folder.tags()["copy 1"], folder.tags()["copy 2"]);
}

#[test]
fn a_changed_prompt_tags_anew_without_embedding() {
    let folder = Folder::with_photos();
    folder.run("init", &[]).expect(0);
    folder.tag(&[]);
    assert_eq!(folder.tags()["2"], ["wildlife"]);
    let catalog = folder
        .read("phototag.toml")
        .replace("id = \"wildlife\"", "id = \"parrots\"");
    let catalog = catalog.replace("\"a wildlife photo\"", "\"a colourful parrot\"");
    folder.write("phototag.toml", catalog);
    let summary = folder.tag(&[]);
    assert_eq!(summary["new"], 0);
    assert_eq!(folder.tags()["2"], ["parrots"]);
}

#[test]
fn init_writes_the_builtin_catalog_once() {
    let folder = Folder::with_photos();
    folder.tag(&[]);
    let before = folder.read("tags.json");
    let run = folder.run("init", &[]).expect(0);
    assert!(run.out.contains("phototag.toml") && run.out.contains("Next:"));
    folder.tag(&[]);
    assert_eq!(folder.read("tags.json"), before);
    folder.write("phototag.toml", "mine");
    folder
        .run("init", &[])
        .refused(&["phototag.toml: already exists", "--force"]);
    assert_eq!(folder.read("phototag.toml"), "mine");
    folder.run("init", &["--force"]).expect(0);
    assert!(folder.read("phototag.toml").contains("[[category]]"));
}

#[test]
fn corrections_by_hand_survive_every_run() {
    let folder = Folder::with_photos();
    folder.write(
        "overrides.json",
        r#"{"1": ["abstract"], "10": {"add": ["bw"], "remove": ["winter"]}}"#,
    );
    for arguments in [&[][..], &["--recalibrate"]] {
        assert_eq!(folder.tag(arguments)["corrected"], 2);
        assert_eq!(folder.tags()["1"], ["abstract"]);
        assert_eq!(folder.tags()["10"], ["bw", "landscape"]);
    }
}

#[test]
fn scores_are_cosines_of_what_embed_prints() {
    let folder = Folder::with_photos();
    folder.write(
        "phototag.toml",
        "[[category]]\nid = \"a\"\nprompts = [\"a dog\", \"a bird\"]\n",
    );
    let scores: Value =
        serde_json::from_str(&folder.run("scores", &["--format", "json"]).expect(0).out).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_phototag"));
    program
        .arg("embed")
        .arg(folder.path("2.webp"))
        .args(["--text", "a dog", "--text", "a bird"]);
    let lines = Run::of(program.output().unwrap()).expect(0).out;
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines[0]["file"].as_str().unwrap().ends_with("2.webp"));
    assert_eq!(
        (&lines[1]["text"], &lines[2]["text"]),
        (&Value::from("a dog"), &Value::from("a bird"))
    );
    let vectors: Vec<Vec<f64>> = lines
        .iter()
        .map(|line| serde_json::from_value(line["vector"].clone()).unwrap())
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    for vector in &vectors {
        assert!((dot(vector, vector) - 1.0).abs() < 1e-5);
    }
    let mean: Vec<f64> = vectors[1]
        .iter()
        .zip(&vectors[2])
        .map(|(x, y)| x + y)
        .collect();
    let cosine = dot(&vectors[0], &mean) / dot(&mean, &mean).sqrt();
    assert!((scores["2"]["a"].as_f64().unwrap() - cosine).abs() < 1e-3);
    assert!(
        folder
            .run("scores", &["--format", "csv"])
            .expect(0)
            .out
            .starts_with("photo,a\r\n1,")
    );
}

#[test]
fn scores_do_not_depend_on_the_number_of_jobs() {
    let folder = Folder::with_photos();
    folder.copy(EXAMPLES, "guitarist.jpg", "a-copy.jpg");
    folder.copy(EXAMPLES, "river-otter.jpg", "3.jpg");
    folder.copy(EXAMPLES, "white-library.jpg", "4.jpg");
    let [one, few, many] = ["1", "3", "40"].map(|jobs| {
        let index = folder.path(jobs).join("index.sqlite");
        let index = index.to_str().unwrap();
        let arguments = ["--format", "json", "--jobs", jobs, "--index", index];
        folder.run("scores", &arguments).expect(0).out
    });
    assert_eq!(one.matches("\"wildlife\"").count(), 6);
    assert_eq!(one, few);
    assert_eq!(one, many);
}

#[test]
fn an_owners_threshold_decides_on_the_scale_of_scores() {
    let folder = Folder::with_photos();
    let catalog = |threshold: f64, fallback: &str| {
        folder.write(
            "phototag.toml",
            format!("[tagging]\nfallback = \"{fallback}\"\n[[category]]\nid = \"bird\"\nprompts = [\"a photograph of an animal or bird\"]\nthreshold = {threshold}\n"),
        );
        folder.tag(&[]);
        folder.tags()
    };
    catalog(0.0, "none");
    let scores: Value =
        serde_json::from_str(&folder.run("scores", &["--format", "json"]).expect(0).out).unwrap();
    let score = scores["2"]["bird"].as_f64().unwrap();
    assert_eq!(catalog(score - 0.001, "none")["2"], ["bird"]);
    assert_eq!(catalog(score + 0.001, "none")["2"], Vec::<String>::new());
    assert_eq!(catalog(score + 0.001, "best")["2"], ["bird"]);
}

#[test]
fn new_photos_do_not_flip_old_tags() {
    let folder = Folder::new();
    let mut photos: Vec<_> = fs::read_dir(EXAMPLES)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    photos.retain(|name| {
        !name.ends_with(".md") && !name.ends_with(".json") && !name.starts_with('.')
    });
    photos.sort();
    for photo in &photos[..14] {
        folder.copy(EXAMPLES, photo, photo);
    }
    folder.tag(&[]);
    let before = folder.tags();
    for photo in &photos[14..] {
        folder.copy(EXAMPLES, photo, photo);
    }
    assert_eq!(folder.tag(&[])["calibration"]["renewed"], false);
    let after = folder.tags();
    assert!(before.iter().all(|(key, tags)| after[key] == *tags));
    assert_eq!(
        folder.tag(&["--recalibrate"])["calibration"]["renewed"],
        true
    );
}

#[test]
fn keys_collide_or_do_not() {
    let folder = Folder::with_photos();
    folder.copy(EXAMPLES, "astronaut.jpg", "more/2.jpg");
    folder
        .run("tag", &[])
        .refused(&["2.webp", "2.jpg", "both would be named \"2\"", "--key name"]);
    folder.copy(EXAMPLES, "astronaut.jpg", "more/1.jpg");
    folder
        .run("tag", &[])
        .refused(&["1.jpg", "(2 names are used more than once)"]);
    fs::remove_file(folder.path("more/1.jpg")).unwrap();
    folder.tag(&["--key", "name"]);
    assert!(folder.tags().contains_key("2.webp") && folder.tags().contains_key("2.jpg"));
    folder.tag(&["--key", "path"]);
    assert!(folder.tags().contains_key("more/2.jpg"));
    // The catalog remembers the key, so that every command uses it; the command line wins.
    folder.write(
        "phototag.toml",
        b"[photos]\nkey = \"path\"\n[[category]]\nid = \"otters\"\nprompts = [\"an otter\"]\n",
    );
    folder.tag(&[]);
    assert!(folder.tags().contains_key("more/2.jpg"));
    folder.tag(&["--key", "name"]);
    assert!(folder.tags().contains_key("2.jpg"));
    fs::remove_file(folder.path("phototag.toml")).unwrap();
    folder.write("1.CR3", b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom");
    fs::remove_file(folder.path("more/2.jpg")).unwrap();
    let run = folder.run("tag", &[]).expect(0);
    assert!(
        run.out.contains("1.CR3: Canon CR3, with its JPEG"),
        "{}",
        run.out
    );
}

#[test]
fn this_folder_is_tagged_and_a_path_suggests_the_command() {
    let folder = Folder::with_photos();
    let program = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_phototag"));
        program.args(arguments).current_dir(folder.0.path());
        Run::of(program.output().unwrap())
    };
    program(&["."]).refused(&[".: not a command", "phototag tag ."]);
    program(&["1.jpg"]).refused(&["phototag tag 1.jpg"]);
    program(&["tga"]).refused(&["unrecognized subcommand", "tag"]);
    program(&["tag"]).expect(0);
    assert_eq!(folder.tags().len(), 3);
}

#[test]
fn photos_without_a_tag_are_counted_and_a_wrong_name_suggests_the_right_one() {
    let folder = Folder::with_photos();
    folder.write("overrides.json", r#"{"2.webp": ["urban"], "1": []}"#);
    let run = folder.run("tag", &[]).expect(0);
    assert!(run.out.contains("1 photo without a tag"), "{}", run.out);
    assert!(run.err.contains("did you mean \"2\"?"), "{}", run.err);
    assert_eq!(folder.tag(&[])["untagged"], 1);
}

#[test]
fn hidden_excluded_and_other_files_are_left_out() {
    let folder = Folder::with_photos();
    folder.copy(EXAMPLES, "astronaut.jpg", ".trash/a.jpg");
    folder.copy(EXAMPLES, "astronaut.jpg", "drafts/b.jpg");
    folder.copy(EXAMPLES, "astronaut.jpg", "no-ending");
    folder.write("notes.txt", "hello");
    folder.write(
        "phototag.toml",
        "[photos]\nexclude = [\"drafts/**\"]\n[[category]]\nid = \"a\"\nprompts = [\"x\"]\n",
    );
    let summary = folder.tag(&[]);
    assert_eq!(summary["photos"], 4);
    assert_eq!(
        folder.tags().into_keys().collect::<Vec<_>>(),
        ["1", "10", "2", "no-ending"]
    );
}

#[test]
fn a_single_photo_leaves_the_other_lines() {
    let folder = Folder::with_photos();
    folder.tag(&[]);
    folder.write("overrides.json", r#"{"2": ["urban"], "1": ["urban"]}"#);
    let mut program = Command::new(env!("CARGO_BIN_EXE_phototag"));
    Run::of(
        program
            .arg("tag")
            .arg(folder.path("2.webp"))
            .output()
            .unwrap(),
    )
    .expect(0);
    assert_eq!(folder.tags()["2"], ["urban"]);
    assert_eq!(folder.tags()["1"], ["bw", "portrait"]);
}

#[test]
fn unreadable_photos_are_reported_and_stop_nothing() {
    let folder = Folder::with_photos();
    folder.write("text.jpg", "not a photo");
    folder.write("empty.png", "");
    let photo = fs::read(Path::new(EXAMPLES).join("astronaut.jpg")).unwrap();
    folder.write("cut.jpg", &photo[..photo.len() * 6 / 10]);
    folder.copy(PHOTOS, "bomb.png", "bomb.png");
    folder.copy(EXAMPLES, "astronaut.jpg", "called.png");
    let run = folder.run("tag", &["--strict"]).expect(1);
    for part in [
        "Tagged 4 photos",
        "text.jpg: not a photo",
        "empty.png: the file is empty",
        "cut.jpg: the file is truncated",
        "bomb.png: 60000 x 60000 pixels is more than",
    ] {
        assert!(run.out.contains(part), "{part:?} is not in:\n{}", run.out);
    }
    assert_eq!(
        folder.tags().into_keys().collect::<Vec<_>>(),
        ["1", "10", "2", "called"]
    );
    folder.run("tag", &[]).expect(0);
}

#[test]
fn every_kind_of_picture_is_tagged() {
    let folder = Folder::new();
    let kinds = [
        "cmyk.jpg",
        "ycck.jpg",
        "16-bit.png",
        "16-bit-grey.png",
        "1-bit.png",
        "palette-transparent.png",
        "grey-alpha.png",
        "display-p3.jpg",
        "adobe-rgb.jpg",
        "progressive.jpg",
        "orientation-6.jpg",
        "photo.bmp",
        "photo.gif",
        "photo.tif",
        "photo.webp",
        "png-named.jpg",
    ];
    for kind in kinds {
        folder.copy(PHOTOS, kind, kind);
    }
    let summary = folder.tag(&["--key", "name"]);
    assert_eq!(summary["tagged"], kinds.len(), "{summary:#}");
    assert_eq!(summary["unreadable"], Value::from(Vec::<Value>::new()));
}

#[test]
fn several_folders_share_the_first_ones_files() {
    let (first, second) = (Folder::with_photos(), Folder::new());
    second.copy(EXAMPLES, "astronaut.jpg", "more.jpg");
    let other = second.0.path().display().to_string();
    assert_eq!(first.tag(&[&other])["new"], 4);
    assert_eq!(first.tags()["more"], ["portrait"]);
    assert!(!second.path("tags.json").exists());
    assert_eq!(first.tag(&[&other])["new"], 0);
}

#[test]
fn odd_folders() {
    let folder = Folder::new();
    let run = folder.run("tag", &[]).expect(0);
    assert!(run.out.contains("No photos found in"), "{}", run.out);
    assert!(!folder.path("tags.json").exists());
    let mut program = Command::new(env!("CARGO_BIN_EXE_phototag"));
    Run::of(
        program
            .arg("tag")
            .arg(folder.path("nowhere"))
            .output()
            .unwrap(),
    )
    .refused(&["nowhere: no such file or folder"]);
    folder.write("a.jpg", "text");
    folder.write("b.jpg", "text");
    assert_eq!(folder.tag(&[])["unreadable"].as_array().unwrap().len(), 2);
}

#[test]
fn catalogs_with_faults_name_file_line_and_word() {
    let folder = Folder::with_photos();
    let cases = [
        (
            "[tagging]\ntags_per_foto = 1\n",
            "phototag.toml:2: unknown key \"tags_per_foto\"",
            "\"tags_per_photo\"",
        ),
        (
            "[[category]]\nid = \"a\"\nprompts = [\"x\"]\n[[category]]\nid = \"a\"\nprompts = [\"y\"]\n",
            "phototag.toml:5:",
            "twice",
        ),
        (
            "[[category]]\nid = \"a\"\nprompts = []\n",
            "phototag.toml:3:",
            "empty",
        ),
        (
            "[[category]]\nid = \"a\"\nprompts = [\"x\"]\nthreshold = 70\n",
            "phototag.toml:4:",
            "out of range",
        ),
        ("[[category]\n", "phototag.toml:1:", ""),
    ];
    for (catalog, place, way_out) in cases {
        folder.write("phototag.toml", catalog);
        folder.run("tag", &[]).refused(&[place, way_out]);
    }
    folder.write("phototag.toml", b"\xff\xfe");
    folder
        .run("tag", &[])
        .refused(&["phototag.toml: cannot read the catalog"]);
    assert!(!folder.path("tags.json").exists());
}

#[test]
fn overrides_and_tags_that_are_something_else_are_refused_before_work_is_done() {
    let folder = Folder::with_photos();
    folder.write("overrides.json", r#"{"1": ["wildlive"]}"#);
    folder
        .run("tag", &[])
        .refused(&["overrides.json", "photo \"1\"", "\"wildlife\""]);
    fs::remove_file(folder.path("overrides.json")).unwrap();
    folder.write("tags.json", r#"{"name": "my-site", "version": 3}"#);
    folder
        .run("tag", &[])
        .refused(&["tags.json", "not overwritten", "--out"]);
    assert_eq!(
        folder.read("tags.json"),
        r#"{"name": "my-site", "version": 3}"#
    );
    fs::remove_file(folder.path("tags.json")).unwrap();
    assert_eq!(
        folder.tag(&[])["new"],
        3,
        "nothing was embedded before the refusals"
    );
}

#[test]
fn an_index_that_cannot_serve() {
    let folder = Folder::with_photos();
    folder.tag(&[]);
    let index = ".phototag/index.sqlite";
    // The header's user version, as SQLite's file format has it.
    let mut bytes = fs::read(folder.path(index)).unwrap();
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let _ = fs::remove_file(folder.path(".phototag/index.sqlite-wal"));
    folder.write(index, &bytes);
    folder.run("tag", &[]).refused(&[
        "by a newer version of phototag (index version 99",
        "Update phototag",
    ]);

    folder.write(
        index,
        "this is no database at all, but a text that is long enough",
    );
    let run = folder.run("tag", &[]).expect(0);
    assert!(run.err.contains("index was damaged"), "{}", run.err);
    assert!(folder.path(".phototag/index.damaged").exists());
    assert_eq!(folder.tag(&[])["kept"], 3);

    folder.write(
        "notes.txt",
        "a text of the owner's that must not be touched, ever, by anyone",
    );
    let notes = folder.path("notes.txt").display().to_string();
    folder
        .run("tag", &["--index", &notes])
        .refused(&["not a phototag index"]);
    assert!(folder.read("notes.txt").starts_with("a text"));
}

#[test]
fn two_runs_at_once_both_end_well() {
    let folder = Folder::with_photos();
    let start = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_phototag"));
        program
            .arg("tag")
            .arg(folder.0.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    for run in [start(), start()] {
        Run::of(run.wait_with_output().unwrap()).expect(0);
    }
    assert_eq!(folder.tags().len(), 3);
    assert_eq!(folder.tag(&[])["kept"], 3);
}

#[test]
fn odd_names_come_out_right() {
    let folder = Folder::new();
    let mut names = vec!["a b", "#1?%20", "עברית", "🦊", "it's"];
    if cfg!(unix) {
        names.extend(["\"quoted\"", "new\nline", "<img src=x onerror=alert(1)>"]);
    }
    for name in &names {
        folder.copy(EXAMPLES, "macaws.webp", &format!("{name}.webp"));
    }
    folder.tag(&[]);
    names.sort_unstable();
    assert_eq!(folder.tags().into_keys().collect::<Vec<_>>(), names);
}

#[test]
fn a_calibration_from_the_collection_alone_is_said_to_be_so() {
    const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../clip/tests/fixtures/siglip");
    let folder = Folder::with_photos();
    for _ in 0..2 {
        let run = folder.run("tag", &["--model", CLIP]).expect(0);
        let said =
            "based on 3 photos only, because this model has no reference images; expect them";
        assert!(run.out.contains(said), "{}", run.out);
    }
    let alone = |arguments: &[&str]| folder.tag(arguments)["calibration"]["alone"].clone();
    assert_eq!(alone(&["--model", CLIP]), true);
    assert_eq!(alone(&["--model", "starter"]), false);
}
