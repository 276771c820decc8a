//! Everything that can go wrong with a model, as messages for the person at the terminal.
//!
//! A message starts with the path concerned (`(built in)/...` for files in the program), says what is wrong with it and,
//! if possible, what to do. A variant is something that a program may want to handle differently.

use std::path::PathBuf;

use phototag_kernels::UnavailableKernels;

/// Why a model could not be found, read or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder or file does not exist, or cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The folder exists but contains no model of a supported layout.
    #[error("{}: {reason}", path.display())]
    NotAModel {
        /// The folder.
        path: PathBuf,
        /// What was looked for, and what to do.
        reason: String,
    },
    /// The only weights are pickled, a format that can run code when it is read.
    #[error(
        "{}: refused: {file} is a pickle, which can run any code when it is read; get the same \
         model with safetensors weights, or convert it with a Python tool that you trust",
        path.display()
    )]
    Pickled {
        /// The folder.
        path: PathBuf,
        /// The pickled file in it.
        file: String,
    },
    /// A file of the model contradicts its format or the other files, or needs something that is not supported.
    #[error("{}: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The environment variable `PHOTOTAG_KERNELS` names kernels that this processor does not have.
    #[error(transparent)]
    Kernels(#[from] UnavailableKernels),
    /// An image was prepared for another model.
    #[error(
        "image {index} is {}x{} pixels, but this model takes {}x{}: prepare it with this model's \
         own `Preprocess`", actual.0, actual.1, expected.0, expected.1
    )]
    PictureSize {
        /// Its position among the images.
        index: usize,
        /// Its width and height.
        actual: (u32, u32),
        /// The model's width and height.
        expected: (u32, u32),
    },
    /// The model was loaded, but computing with it failed.
    #[error("{}: could not be run: {reason}", path.display())]
    Run {
        /// The file with the part that failed.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

impl Error {
    pub(crate) fn read(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Read {
            path: path.into(),
            source,
        }
    }

    pub(crate) fn invalid(path: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::Invalid {
            path: path.into(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn run(path: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::Run {
            path: path.into(),
            reason: reason.to_string(),
        }
    }
}
