//! The files of a model, in a folder or in the program.
//!
//! All other modules ask for files by name ("visual/model.onnx") and do not know which of the two it is. Small files are
//! read with a limit, so that a wrong file cannot exhaust memory. Nothing here interprets contents.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::Error;

/// A file in the program: its name within the model, and its bytes.
pub(crate) type Embedded = (&'static str, &'static [u8]);

/// Far more than any configuration or vocabulary has (SigLIP 2's tokenizer.json has 34 MB).
const MAX_TEXT_BYTES: u64 = 256 << 20;

/// Where a model's files are.
#[derive(Clone)]
pub(crate) enum Files {
    Folder(PathBuf),
    Embedded(&'static [Embedded]),
}

impl Files {
    /// The path of a file in messages.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.join(name),
            Self::Embedded(_) => Path::new("(built in)").join(name),
        }
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(name).is_file(),
            Self::Embedded(files) => find(files, name).is_some(),
        }
    }

    /// The names of the files directly in `folder` ("" for the top), sorted, without hidden ones.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        match self {
            Self::Folder(top) => {
                let path = top.join(folder);
                let entries = std::fs::read_dir(&path).map_err(|e| Error::read(&path, e))?;
                for entry in entries {
                    let entry = entry.map_err(|e| Error::read(&path, e))?;
                    // Links count as what they point to: the hub's cache links to its blobs.
                    if let Ok(name) = entry.file_name().into_string()
                        && !name.starts_with('.')
                        && entry.path().is_file()
                    {
                        names.push(if folder.is_empty() {
                            name
                        } else {
                            format!("{folder}/{name}")
                        });
                    }
                }
            }
            Self::Embedded(files) => names.extend(
                files
                    .iter()
                    .map(|(name, _)| *name)
                    .filter(|name| name.rsplit_once('/').map_or("", |(f, _)| f) == folder)
                    .map(str::to_owned),
            ),
        }
        names.sort();
        Ok(names)
    }

    /// The bytes of a text file.
    pub(crate) fn text(&self, name: &str) -> Result<Vec<u8>, Error> {
        let mut file = self.open(name)?;
        if file.length > MAX_TEXT_BYTES {
            let reason = format!(
                "has {} bytes; files of this kind may have at most {MAX_TEXT_BYTES}",
                file.length
            );
            return Err(Error::invalid(self.path(name), reason));
        }
        let mut bytes = vec![0; file.length as usize];
        file.read_at(0, &mut bytes)?;
        Ok(bytes)
    }

    /// The contents of a JSON file.
    pub(crate) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        serde_json::from_slice(&self.text(name)?).map_err(|e| Error::invalid(self.path(name), e))
    }

    pub(crate) fn open(&self, name: &str) -> Result<OpenFile, Error> {
        let path = self.path(name);
        let failed = |e| Error::read(&path, e);
        let (length, bytes) = match self {
            Self::Folder(_) => {
                let file = File::open(&path).map_err(failed)?;
                (file.metadata().map_err(failed)?.len(), Bytes::File(file))
            }
            Self::Embedded(files) => {
                let bytes = find(files, name).ok_or_else(|| failed(not_found()))?;
                (bytes.len() as u64, Bytes::Embedded(bytes))
            }
        };
        Ok(OpenFile {
            path,
            length,
            bytes,
        })
    }
}

fn find(files: &'static [Embedded], name: &str) -> Option<&'static [u8]> {
    files
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, bytes)| *bytes)
}

fn not_found() -> std::io::Error {
    std::io::Error::from(std::io::ErrorKind::NotFound)
}

/// An open file.
pub(crate) struct OpenFile {
    pub(crate) path: PathBuf,
    pub(crate) length: u64,
    pub(crate) bytes: Bytes,
}

pub(crate) enum Bytes {
    File(File),
    Embedded(&'static [u8]),
}

impl OpenFile {
    /// Fills `block` with the bytes from `offset` on. An error if the file is too short.
    pub(crate) fn read_at(&mut self, offset: u64, block: &mut [u8]) -> Result<(), Error> {
        let result = match &mut self.bytes {
            Bytes::File(file) => file
                .seek(SeekFrom::Start(offset))
                .and_then(|_| file.read_exact(block)),
            Bytes::Embedded(bytes) => bytes
                .get(offset as usize..)
                .and_then(|rest| rest.get(..block.len()))
                .map(|source| block.copy_from_slice(source))
                .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into()),
        };
        result.map_err(|e| Error::read(&self.path, e))
    }
}
