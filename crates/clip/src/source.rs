//! Finding a model: which layout a folder has, or why it holds no model.
//!
//! A [`Source`] looks at names only. The contents of files are checked when the model is loaded.

use std::path::Path;

use phototag_kernels::Precision;

use crate::config::Layout;
use crate::files::Files;
use crate::native::NativeModel;
use crate::onnx::{self, OnnxPair};
use crate::{Error, Model, Reference, fingerprint, reference};

/// The files of a model: found and recognised as a supported layout, but not loaded.
///
/// Files are memory-mapped while a model is in use, so do not write to a folder in use. Replace a model by renaming a new
/// folder into place.
#[derive(Clone)]
pub struct Source {
    files: Files,
    kind: Kind,
}

impl Source {
    /// The model in the folder `path`. Three layouts are supported:
    ///
    /// - open_clip: `open_clip_config.json`, `open_clip_model.safetensors`, `tokenizer.json`;
    /// - transformers: `config.json`, `model.safetensors`, `preprocessor_config.json`, `tokenizer.json`;
    /// - a pair of ONNX graphs: `visual/model.onnx`, `visual/preprocess_cfg.json`, `textual/model.onnx`,
    ///   `textual/tokenizer.json`, `config.json`.
    ///
    /// Weights may be in several files (`model.safetensors.index.json`), and a CLIP tokenizer may have its older form
    /// (`vocab.json`, `merges.txt`).
    ///
    /// # Errors
    /// [`Error::Read`] if the folder does not exist, [`Error::Pickled`] if the only weights are pickles,
    /// [`Error::NotAModel`] with the reason otherwise.
    pub fn folder(path: &Path) -> Result<Self, Error> {
        let metadata = std::fs::metadata(path).map_err(|e| Error::read(path, e))?;
        if !metadata.is_dir() {
            let reason = "is a file; a model is a folder with configuration, weights and tokenizer"
                .to_owned();
            return Err(Error::NotAModel {
                path: path.into(),
                reason,
            });
        }
        Self::find(Files::Folder(path.into()))
    }

    /// A model in the program: the files of a model folder by their names in it, `("visual/model.onnx", &[...])`. Nothing
    /// is copied.
    ///
    /// # Errors
    /// As for [`Source::folder`].
    pub fn embedded(files: &'static [(&'static str, &'static [u8])]) -> Result<Self, Error> {
        Self::find(Files::Embedded(files))
    }

    fn find(files: Files) -> Result<Self, Error> {
        let kind = Kind::of(&files)?;
        Ok(Self { files, kind })
    }

    /// 64 hex digits that are the same for the same files, wherever they are, and others if vectors may differ: BLAKE3
    /// over an engine version and each file's name, length and contents. Of a file over 1 MiB, only 64 evenly spaced
    /// blocks of 16 KiB are hashed, so that it takes milliseconds whatever the model's size. Reference images are left
    /// out, because vectors do not depend on them. `Int8` has a fingerprint of its own; the other precisions share one.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Invalid`] if a file cannot be read.
    pub fn fingerprint(&self, precision: Precision) -> Result<String, Error> {
        let (names, quantised) = match self.kind {
            Kind::Onnx => (onnx::relevant_files(&self.files)?, false),
            Kind::Native(layout) => (
                layout.relevant_files(&self.files)?,
                precision == Precision::Int8,
            ),
        };
        fingerprint::fingerprint(&self.files, &names, quantised)
    }

    /// The reference images that the model carries in `reference.safetensors`, if it does. The model is not loaded.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Invalid`] if the file cannot be read.
    pub fn reference(&self) -> Result<Option<Reference>, Error> {
        reference::read(&self.files)
    }

    /// Loads the model: reads and checks everything. ONNX graphs are computed as they are, whatever the precision.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Invalid`] with the file that cannot be used, [`Error::Kernels`].
    pub fn load(&self, precision: Precision) -> Result<Model, Error> {
        self.load_with(precision, false)
    }

    /// Loads the model with packed weights in `.phototag` in its folder. The first load writes them there, if they are
    /// large and the folder is writable. Later loads map them, which takes milliseconds, and read a tower when it is first
    /// needed. Packed weights that do not fit the model or are damaged are replaced.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub fn load_cached(&self, precision: Precision) -> Result<Model, Error> {
        self.load_with(precision, true)
    }

    fn load_with(&self, precision: Precision, cached: bool) -> Result<Model, Error> {
        let files = &self.files;
        Ok(match self.kind {
            Kind::Onnx => Model::new(OnnxPair::load(files, precision)?),
            Kind::Native(layout) => {
                let fingerprint = match cached {
                    true => Some(self.fingerprint(Precision::F32)?),
                    false => None,
                };
                let fingerprint = fingerprint.as_deref();
                Model::new(NativeModel::load(files, layout, precision, fingerprint)?)
            }
        })
    }
}

/// The engine for a model.
#[derive(Clone, Copy)]
enum Kind {
    Onnx,
    Native(Layout),
}

impl Kind {
    fn of(files: &Files) -> Result<Self, Error> {
        let path = files.path("");
        match (files.exists(onnx::VISUAL), files.exists(onnx::TEXTUAL)) {
            (true, true) => return Ok(Self::Onnx),
            (true, false) | (false, true) => {
                let missing = if files.exists(onnx::VISUAL) {
                    onnx::TEXTUAL
                } else {
                    onnx::VISUAL
                };
                let reason = format!("holds half of an ONNX model: {missing} is missing");
                return Err(Error::NotAModel { path, reason });
            }
            (false, false) => {}
        }
        if let Some(layout) = Layout::of(|name| files.exists(name)) {
            return Ok(Self::Native(layout));
        }
        if let Some(file) = files.list("")?.into_iter().find(|name| is_pickle(name)) {
            return Err(Error::Pickled { path, file });
        }
        let reason = "holds no model: a model folder has open_clip_config.json and \
                      open_clip_model.safetensors, or config.json and model.safetensors, or \
                      visual/model.onnx and textual/model.onnx"
            .to_owned();
        Err(Error::NotAModel { path, reason })
    }
}

/// Whether a file has weights in Python's own serialisation.
fn is_pickle(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|e| e.to_str());
    matches!(extension, Some("bin" | "pt" | "pth" | "ckpt" | "pkl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> Result<Source, Error> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("inside")).expect("created");
            std::fs::write(path, "").expect("written");
        }
        Source::folder(folder.path())
    }

    #[test]
    fn says_why_a_folder_holds_no_model() {
        assert!(folder(&[onnx::VISUAL, onnx::TEXTUAL]).is_ok());
        assert!(matches!(folder(&[]), Err(Error::NotAModel { .. })));
        assert!(matches!(
            folder(&["config.json"]),
            Err(Error::NotAModel { .. })
        ));
        let pickled = folder(&["open_clip_config.json", "open_clip_pytorch_model.bin"]);
        assert!(matches!(pickled, Err(Error::Pickled { .. })));
        let half = folder(&[onnx::VISUAL])
            .err()
            .expect("half a model")
            .to_string();
        assert!(half.contains("textual/model.onnx is missing"), "{half}");
        assert!(matches!(
            Source::folder(Path::new("no/such/folder")),
            Err(Error::Read { .. })
        ));
    }
}
