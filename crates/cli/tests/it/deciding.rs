//! Search, tune, eval, learn and explain from outside: the binary on real photos and on bad input.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::run::Run;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/photos");

/// Labels that hold for the example photos.
const LABELS: &str = r#"{"macaws": ["wildlife"], "river-otter": ["wildlife"], "resting-ape": ["wildlife"],
    "guitarist": ["bw", "portrait"], "astronaut": ["portrait"], "ruined-arches": ["abandoned"],
    "dandelion-meadow": ["nature"], "cactus-flower": ["nature"], "mountain-lake": ["landscape"],
    "highland-valley": ["landscape"]}"#;

struct Folder(TempDir);

impl Folder {
    /// The example photos, tagged.
    fn tagged() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for entry in fs::read_dir(EXAMPLES).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|ending| ending == "jpg" || ending == "webp")
            {
                fs::copy(&path, folder.0.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        folder.run("tag", &[]).expect(0);
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap_or_default()
    }

    fn run(&self, command: &str, arguments: &[&str]) -> Run {
        run(command, self.0.path(), arguments)
    }
}

fn run(command: &str, first: &Path, arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_phototag"))
        .arg(command)
        .arg(first)
        .args(arguments)
        .output()
        .unwrap();
    Run::of(output)
}

impl Run {
    #[track_caller]
    fn says(self, parts: &[&str]) -> Self {
        let text = format!("{}{}", self.out, self.err);
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
        self
    }
}

#[test]
fn search_finds_subtracts_and_offers_a_category_that_keeps_what_it_shows() {
    let folder = Folder::tagged();
    let found = |arguments: &[&str]| -> Vec<String> {
        let run = folder
            .run("search", &[arguments, &["--json", "--top", "2"]].concat())
            .expect(0);
        let photos: Vec<Value> = serde_json::from_str(&run.out).unwrap();
        let stem = |photo: &Value| {
            Path::new(photo["photo"].as_str().unwrap())
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        };
        photos.iter().map(stem).collect()
    };
    assert_eq!(found(&["a parrot"])[0], "macaws");
    let macaws = folder.0.path().join("macaws.webp");
    assert_eq!(found(&["--like", macaws.to_str().unwrap()])[0], "macaws");
    assert_ne!(found(&["an animal", "-a parrot"])[0], "macaws");
    // A name as search prints it.
    assert_eq!(found(&["--like", "macaws.webp"])[0], "macaws");
    let base = folder.0.path().to_str().unwrap();
    run("explain", Path::new("macaws.webp"), &["--folder", base])
        .expect(0)
        .says(&["macaws: wildlife"]);

    let page = folder.0.path().join("found.html");
    let shown = folder
        .run(
            "search",
            &["a parrot", "--top", "1", "--html", page.to_str().unwrap()],
        )
        .expect(0);
    assert!(
        folder
            .read("found.html")
            .contains("data:image/jpeg;base64,")
    );
    let lines = shown.out.split("phototag.toml:\n\n").nth(1).unwrap();
    folder.write("phototag.toml", lines);
    folder.run("tag", &[]).expect(0);
    assert!(
        folder
            .read("tags.json")
            .contains("\"macaws\": [\"parrot\"]"),
        "{lines}"
    );
    folder
        .run("search", &["a parrot", "--min", "0.99"])
        .expect(0)
        .says(&["lower --min"]);
    folder
        .run("search", &["-"])
        .expect(2)
        .says(&["the description is empty"]);
}

#[test]
fn an_index_without_vectors_says_which_command_makes_them() {
    let folder = Folder(tempfile::tempdir().unwrap());
    folder
        .run("search", &["snow"])
        .expect(2)
        .says(&["have not been indexed", "Run: phototag tag"]);
}

#[test]
fn tune_edits_thresholds_and_nothing_else() {
    let folder = Folder::tagged();
    run("init", folder.0.path(), &[]).expect(0);
    let before = folder.read("phototag.toml");
    folder
        .run("tune", &["--dry-run"])
        .expect(0)
        .says(&["Nothing was written"]);
    assert_eq!(folder.read("phototag.toml"), before);
    folder
        .run("tune", &["--share", "wildlife=50%"])
        .expect(0)
        .says(&["Tags per photo"]);
    let after = folder.read("phototag.toml");
    let changed: Vec<_> = before
        .lines()
        .zip(after.lines())
        .filter(|(a, b)| a != b)
        .collect();
    assert_eq!(changed.len(), 10, "{changed:?}");
    assert!(
        changed
            .iter()
            .all(|(_, line)| line.starts_with("threshold = ")),
        "{changed:?}"
    );
    assert_eq!(before.lines().count(), after.lines().count());
    folder.run("tag", &[]).expect(0);
    assert_eq!(folder.read("tags.json").matches("wildlife").count(), 13);

    folder.write("labels.json", LABELS);
    folder.run("tune", &[]).expect(0).says(&[
        "cross-validated on 10 labelled photos",
        "come from scores alone",
    ]);
    let precise = |flag| {
        folder
            .run("tune", &["--dry-run", flag, "0.95"])
            .expect(0)
            .out
    };
    assert_eq!(precise("--min-precision"), precise("--precision"));
    let help = folder.run("tune", &["--help"]).expect(0).out;
    assert!(help.contains("--min-precision") && !help.contains("--precision"));
    for (arguments, part) in [
        (
            &["--share", "wildlive=2%"][..],
            "Did you mean \"wildlife\"?",
        ),
        (&["--share", "wildlife"], "expected ID=SHARE"),
        (&["--target", "99"], "out of range"),
        (&["--min-precision", "2"], "must be above 0 and at most 1"),
    ] {
        folder.run("tune", arguments).expect(2).says(&[part]);
    }
    fs::remove_file(folder.0.path().join("labels.json")).unwrap();
    folder
        .run("tune", &["--min-precision", "0.9"])
        .expect(2)
        .says(&["needs labels", "--sample 60"]);
}

#[test]
fn tune_writes_what_tag_reads_whatever_the_target() {
    let folder = Folder::tagged();
    run("init", folder.0.path(), &[]).expect(0);
    let best = folder.read("phototag.toml");
    let none = best.replace("fallback = \"best\"", "fallback = \"none\"");
    for catalog in [best, none] {
        for target in ["0.01", "0.2", "0.9", "1.0", "1.3", "4", "10.9", "11"] {
            folder.write("phototag.toml", &catalog);
            let tuned = folder.run("tune", &["--target", target]).expect(0).out;
            let run = folder.run("tag", &["--json"]).expect(0);
            let summary: Value = serde_json::from_str(&run.out).unwrap();
            let promised = format!("-> {:.2}.", summary["tags_per_photo"].as_f64().unwrap());
            assert!(tuned.contains(&promised), "{target}: {promised}\n{tuned}");
        }
    }
    folder
        .run("tune", &["--share", "wildlife=0"])
        .expect(0)
        .says(&["never"]);
    assert!(
        folder
            .read("phototag.toml")
            .contains("threshold = \"never\"")
    );
    folder.run("tag", &[]).expect(0);
    assert!(!folder.read("tags.json").contains("wildlife"));
}

#[test]
fn eval_judges_and_draws_its_page() {
    let folder = Folder::tagged();
    folder
        .run("eval", &[])
        .expect(2)
        .says(&["there is nothing to compare with", "--sample 60"]);
    folder.write("labels.json", LABELS);
    folder
        .run("eval", &[])
        .expect(0)
        .says(&["corrections of 10 photos", "Wildlife", "Wrote"]);
    let page = folder.read(".phototag/eval.html");
    assert!(
        page.contains("<svg") && page.contains("<polyline"),
        "{page}"
    );
    assert!(!page.contains("http://") && !page.contains("https://"));
    let run = folder.run("eval", &["--json"]).expect(0);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["report"]["photos"], 10);
    let wildlife = report["ids"]
        .as_array()
        .unwrap()
        .iter()
        .position(|id| id == "wildlife")
        .unwrap();
    assert_eq!(report["report"]["categories"][wildlife]["wanted"], 3);
}

#[test]
fn a_spot_check_is_drawn_marked_weighted_and_reaches_the_tags() {
    let folder = Folder::tagged();
    folder
        .run("eval", &["--sample", "24"])
        .expect(0)
        .says(&["spot-check.html"]);
    let page = folder.read(".phototag/spot-check.html");
    let data = page
        .split("id=\"data\">")
        .nth(1)
        .unwrap()
        .split("</script>")
        .next()
        .unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    let answer = |photo: &Value, id: &Value| {
        let tags = photo["tags"].as_array().unwrap();
        let has = tags.contains(id) != (photo["key"] == "macaws" && id == "wildlife");
        format!("{}, spot check, 2026-11-25", if has { "yes" } else { "no" })
    };
    let photos = data["photos"].as_array().unwrap().iter();
    let answers: serde_json::Map<String, Value> = photos
        .map(|photo| {
            let categories = data["categories"].as_array().unwrap().iter();
            let answers: serde_json::Map<String, Value> = categories
                .map(|category| {
                    let id = category["id"].as_str().unwrap().to_owned();
                    (id, Value::from(answer(photo, &category["id"])))
                })
                .collect();
            let key = photo["key"].as_str().unwrap().to_owned();
            (key, Value::from(answers))
        })
        .collect();
    // Of 26 photos, all strata are drawn from; macaws is marked as no wildlife.
    let marked = answers.contains_key("macaws");
    folder.write("answers.json", &Value::from(answers).to_string());
    folder
        .run("eval", &[])
        .expect(0)
        .says(&["weighted to the whole collection: precision", "recall 1.00"]);
    folder.run("tag", &[]).expect(0);
    let tags: Value = serde_json::from_str(&folder.read("tags.json")).unwrap();
    let wildlife = tags["macaws"]
        .as_array()
        .unwrap()
        .contains(&Value::from("wildlife"));
    assert_eq!(wildlife, !marked);
}

#[test]
fn a_correction_of_one_tag_measures_nothing_else() {
    let folder = Folder::tagged();
    folder.write("overrides.json", r#"{"macaws": {"remove": ["wildlife"]}}"#);
    let text = folder.run("eval", &[]).expect(0).out;
    let line = |label: &str| {
        text.lines()
            .find(|line| line.trim_start().starts_with(label))
            .unwrap()
            .to_owned()
    };
    assert!(line("Wildlife").contains("0.00"), "{text}");
    assert!(line("Portrait").ends_with("not measured"), "{text}");
    assert!(text.contains("say nothing about the others"), "{text}");
    // A label that says otherwise counts, and the disagreement is named.
    folder.write("labels.json", r#"{"macaws": ["wildlife"]}"#);
    for command in ["eval", "tune", "learn"] {
        let run = folder.run(command, &[]).expect(0);
        assert!(
            run.err
                .contains("labels.json says wildlife, overrides.json says not; labels.json counts"),
            "{}",
            run.err
        );
    }
}

#[test]
fn corrections_are_learned_used_and_forgotten() {
    let folder = Folder::tagged();
    folder
        .run("learn", &[])
        .expect(2)
        .says(&["nothing to learn from"]);
    // A category of one's own, that its prompt describes badly.
    let own = "[[category]]\nid = \"animal\"\nprompts = [\"a photograph of something grey\"]\n\
               [[category]]\nid = \"view\"\nprompts = [\"a wide view\"]\n";
    folder.write("phototag.toml", own);
    let animals = ["macaws", "river-otter", "resting-ape", "bee-on-blossom"];
    let others = [
        "metal-spiral",
        "white-library",
        "metro-platform",
        "singapore-skyline",
        "mountain-lake",
        "highland-valley",
        "roman-colosseum",
        "palm-and-moon",
        "diamond-tiles",
        "ruined-arches",
    ];
    let labels: serde_json::Map<String, Value> = animals
        .iter()
        .map(|key| ((*key).to_owned(), serde_json::json!(["animal"])))
        .chain(
            others
                .iter()
                .map(|key| ((*key).to_owned(), serde_json::json!([]))),
        )
        .collect();
    folder.write("labels.json", &Value::from(labels).to_string());
    folder.run("tag", &[]).expect(0);
    let before = folder.read("tags.json");
    folder
        .run("learn", &[])
        .expect(0)
        .says(&["learned from 4 positive and 10 negative", "1 learned"]);
    folder.run("tag", &[]).expect(0);
    let after = folder.read("tags.json");
    assert_ne!(before, after);
    let animal = folder.0.path().join("river-otter.jpg");
    run("explain", &animal, &[]).expect(0).says(&[
        "learned from 4 positive examples",
        "animal: yes",
        "best-matching prompt",
    ]);
    // What was learned is beside the catalog: losing the index costs time only.
    fs::remove_dir_all(folder.0.path().join(".phototag")).unwrap();
    folder.run("tag", &[]).expect(0);
    assert_eq!(folder.read("tags.json"), after);
    let other = Folder::tagged();
    let catalog = folder.0.path().join("phototag.toml");
    let config = ["--config", catalog.to_str().unwrap()];
    other.run("tag", &config).expect(0);
    assert_eq!(other.read("tags.json"), after);
    // Another model's is refused, and left as it is.
    let learned = folder.read("phototag.learned");
    let of_another = learned.replacen("\"model\":\"", "\"model\":\"x", 1);
    folder.write("phototag.learned", &of_another);
    folder
        .run("tag", &[])
        .expect(0)
        .says(&["it was learned with another model"]);
    assert_eq!(folder.read("tags.json"), before);
    assert_eq!(folder.read("phototag.learned"), of_another);
    folder.write("phototag.learned", "{}");
    folder
        .run("tag", &[])
        .expect(2)
        .says(&["phototag.learned: not a file that"]);
    folder.write("phototag.learned", &learned);
    // By hand wins over what was learned.
    folder.write(
        "overrides.json",
        r#"{"river-otter": {"remove": ["animal"]}}"#,
    );
    folder.run("tag", &[]).expect(0);
    assert!(
        !folder
            .read("tags.json")
            .lines()
            .any(|l| l.contains("river-otter") && l.contains("animal"))
    );
    fs::remove_file(folder.0.path().join("overrides.json")).unwrap();
    // Other prompts: what was learned no longer fits, and is said to be out of use.
    folder.write(
        "phototag.toml",
        &own.replace("something grey", "something blue"),
    );
    folder
        .run("tag", &[])
        .expect(0)
        .says(&["ignoring what was learned for", "phototag learn"]);
    folder.write("phototag.toml", own);
    folder
        .run("learn", &["--forget"])
        .expect(0)
        .says(&["Forgotten"]);
    folder.run("tag", &[]).expect(0);
    assert_eq!(folder.read("tags.json"), before);
    assert!(!folder.0.path().join("phototag.learned").exists());
}

#[test]
fn bad_labels_are_named() {
    let folder = Folder::tagged();
    let cases = [
        (
            r#"{"macaws": ["wildlive"]}"#,
            2,
            "Did you mean \"wildlife\"?",
        ),
        (
            r#"{"nobody": ["wildlife"]}"#,
            2,
            "name a photo that does not exist: \"nobody\"",
        ),
        ("[1]", 2, "labels.json: line 1: "),
        (r#"{"macaws": ["wildlife"]}"#, 0, "corrections of 1 photo;"),
        (
            r#"{"macaws": [], "guitarist": []}"#,
            0,
            "corrections of 2 photos",
        ),
    ];
    for (labels, code, part) in cases {
        folder.write("labels.json", labels);
        folder.run("eval", &[]).expect(code).says(&[part]);
        if code == 0 {
            folder.run("tune", &["--dry-run"]).expect(0);
            folder
                .run("learn", &[])
                .expect(0)
                .says(&["Nothing was learned"]);
        }
    }
    folder.write("a.json", r#"{"macaws": ["wildlife"]}"#);
    folder.write("b.json", r#"{"macaws": ["urban"]}"#);
    let path = |name: &str| folder.0.path().join(name).display().to_string();
    for command in ["eval", "tune", "learn"] {
        folder
            .run(
                command,
                &["--labels", &path("a.json"), "--labels", &path("b.json")],
            )
            .expect(2)
            .says(&["photo \"macaws\"", "says wildlife, but"]);
    }
    // A catalog that was edited since the labels were made.
    folder.write("labels.json", LABELS);
    folder.write(
        "phototag.toml",
        "[[category]]\nid = \"animals\"\nprompts = [\"an animal\"]\n",
    );
    folder
        .run("tune", &[])
        .expect(2)
        .says(&["labels.json", "no category \"wildlife\" in the catalog"]);
}

#[test]
fn one_photo_is_enough_for_every_command() {
    let folder = Folder(tempfile::tempdir().unwrap());
    let photo = folder.0.path().join("macaws.webp");
    fs::copy(Path::new(EXAMPLES).join("macaws.webp"), &photo).unwrap();
    folder.run("tag", &[]).expect(0);
    folder.write("labels.json", r#"{"macaws": ["wildlife"]}"#);
    for command in ["tune", "eval", "learn"] {
        folder.run(command, &[]).expect(0);
    }
    folder.run("eval", &["--sample", "60"]).expect(0);
    folder
        .run("search", &["a parrot"])
        .expect(0)
        .says(&["macaws"]);
    run("explain", &photo, &[])
        .expect(0)
        .says(&["macaws: wildlife", "rank 1 of 1"]);
    run("explain", &folder.0.path().join("none.jpg"), &[]).expect(2);
}

#[test]
fn a_heatmap_lights_up_where_the_animal_is() {
    let folder = Folder(tempfile::tempdir().unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        image::open(Path::new(EXAMPLES).join(name))
            .unwrap()
            .into_rgb8()
    };
    let lake = image::imageops::thumbnail(&open("mountain-lake.jpg"), 900, 600);
    let otter = image::imageops::thumbnail(&open("river-otter.jpg"), 300, 200);
    // The otter's middle, and the same place on the other side.
    for (name, x, there, other) in [("left", 10, 160, 740), ("right", 590, 740, 160)] {
        let mut photo = lake.clone();
        image::imageops::replace(&mut photo, &otter, x, 390);
        let path = folder.0.path().join(format!("{name}.jpg"));
        photo.save(&path).unwrap();
        let heatmap = elsewhere.path().join(format!("{name}.png"));
        let page = elsewhere.path().join(format!("{name}.html"));
        let arguments = [
            "--category",
            "wildlife",
            "--heatmap",
            heatmap.to_str().unwrap(),
            "--html",
            page.to_str().unwrap(),
        ];
        run("explain", &path, &arguments)
            .expect(0)
            .says(&["heatmap for Wildlife"]);
        let lit = image::open(&heatmap).unwrap().into_rgb8();
        assert_eq!(lit.dimensions(), (900, 600));
        let light = |middle: u32| {
            let sum = |picture: &image::RgbImage| -> f64 {
                let square = image::imageops::crop_imm(picture, middle - 60, 430, 120, 120);
                let samples = square.to_image().into_raw();
                samples.into_iter().map(f64::from).sum()
            };
            sum(&lit) / sum(&photo)
        };
        assert!(
            light(there) > 0.6 && light(there) > light(other) + 0.25,
            "{name}: {} and {}",
            light(there),
            light(other)
        );
        let page = fs::read_to_string(&page).unwrap();
        assert!(page.contains("data:image/jpeg;base64,") && page.contains("Wildlife"));
    }

    let photo = folder.0.path().join("left.jpg");
    let among = folder.0.path().join("among.png");
    run("explain", &photo, &["--heatmap", among.to_str().unwrap()])
        .expect(2)
        .says(&["would be tagged as a photo"]);
    assert!(!among.exists());
    run("explain", &photo, &["--category", "wildlive"])
        .expect(2)
        .says(&["Did you mean \"wildlife\"?"]);
    let measured = elsewhere.path().join("bw.png");
    let arguments = ["--category", "bw", "--heatmap", measured.to_str().unwrap()];
    run("explain", &photo, &arguments)
        .expect(2)
        .says(&["no heatmap"]);
}

#[test]
fn explain_follows_the_corrections_that_tag_was_given() {
    let folder = Folder::tagged();
    folder.write("mine.json", r#"{"macaws": {"remove": ["wildlife"]}}"#);
    let mine = folder.0.path().join("mine.json");
    let photo = folder.0.path().join("macaws.webp");
    let category = ["--category", "wildlife"];
    run("explain", &photo, &category)
        .expect(0)
        .says(&["macaws: wildlife", "Wildlife: yes"]);
    let mine = ["--overrides", mine.to_str().unwrap()];
    run("explain", &photo, &[&category[..], &mine].concat())
        .expect(0)
        .says(&["Wildlife: no, by your correction; the score alone says yes"]);
}

#[test]
fn every_command_that_embeds_warns_of_unreadable_photos() {
    let folder = Folder::tagged();
    folder.write("labels.json", LABELS);
    folder.write("broken.jpg", "not a photo");
    for command in ["scores", "eval", "tune", "learn"] {
        let run = folder.run(command, &[]).expect(0);
        assert!(
            run.err.contains("warning: ") && run.err.contains("broken.jpg: "),
            "{command}: {}",
            run.err
        );
        let run = folder.run(command, &["--quiet"]).expect(0);
        assert_eq!(run.err, "", "{command}");
    }
}
