//! What the targets share: a folder written from what the fuzzer invents and from the parts of the
//! smallest model there is, opened and used as the program would.

use std::path::Path;
use std::sync::LazyLock;

use phototag_clip::{Pixels, Precision, Source};
use tempfile::TempDir;

/// The parts of the smallest model, by the names that open_clip gives them.
pub const CONFIG: (&str, &[u8]) = (
    "open_clip_config.json",
    include_bytes!("../../../crates/clip/tests/fixtures/least/open_clip_config.json"),
);
pub const WEIGHTS: (&str, &[u8]) = (
    "open_clip_model.safetensors",
    include_bytes!("../../../crates/clip/tests/fixtures/least/open_clip_model.safetensors"),
);
pub const TOKENIZER: (&str, &[u8]) = (
    "tokenizer.json",
    include_bytes!("../../../crates/clip/tests/fixtures/least/tokenizer.json"),
);

/// A folder of this process, emptied for every input.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let fatal = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // Known to panic, and caught; anybody else's panic ends the process here.
        let is_known = |file: &str| file.contains("/tokenizers-");
        if !panic.location().is_some_and(|place| is_known(place.file())) {
            fatal(panic);
        }
    }));
    TempDir::new().expect("a temporary folder")
});

/// Loads a model from a folder of these files, and embeds a picture and texts. Errors are what is
/// hoped for; a panic, a hang or too much memory is a finding.
pub fn play(files: &[(&str, &[u8])]) {
    let folder = FOLDER.path();
    for entry in std::fs::read_dir(folder).expect("readable").flatten() {
        let path = entry.path();
        let removed = match path.is_dir() {
            true => std::fs::remove_dir_all(path),
            false => std::fs::remove_file(path),
        };
        removed.expect("removable");
    }
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("inside")).expect("created");
        std::fs::write(path, bytes).expect("written");
    }
    use_model(folder);
}

fn use_model(folder: &Path) {
    let Ok(source) = Source::folder(folder) else {
        return;
    };
    let _ = source.fingerprint(Precision::F32);
    let _ = source.reference();
    let Ok(model) = source.load(Precision::F32) else {
        return;
    };
    let picture = Pixels::new(3, 2, (0..18).collect()).expect("consistent");
    let _ = model.embed_images(&[model.preprocess().prepare(&picture)]);
    let _ = model.embed_texts(&["", "a photograph of a cat, 42 \u{1f408} \u{e9}"]);
}
