//! Packed weights, kept in a file in the model's folder, so that a start maps what it needs and packs nothing.
//!
//! Knows nothing of towers: a file is a list of blocks, in the order in which a tower asks for its
//! layers. A file that is missing, of another version, of another model or damaged counts as none,
//! and where none can be written, none is: what it holds can always be made again.

use std::fs;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use tempfile::NamedTempFile;

use crate::files::{Files, OpenFile};
use crate::mapped::Mapped;
use crate::transformer::Arithmetic;
use crate::{Error, Threads};
use phototag_kernels::{Line, Lines, ReadLines, WriteLines};

/// The folder in a model's folder for what phototag adds.
const FOLDER: &str = ".phototag";

/// Raised whenever the same checkpoint gives other blocks than before.
const VERSION: u32 = 2;

/// Checkpoints of fewer bytes are packed in no time.
const WORTH_KEEPING: usize = 8 << 20;

/// What a file begins with; blocks follow.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    /// Of what it was made, and how.
    seal: [u8; 32],
    /// BLAKE3 of the blocks.
    checksum: [u8; 32],
}

/// Where the packed weights of one tower are kept.
pub(crate) struct PackedFile {
    folder: PathBuf,
    name: String,
    seal: [u8; 32],
}

impl PackedFile {
    /// `fingerprint` is that of the model in the folder `model`.
    pub(crate) fn new(
        model: &Path,
        fingerprint: &str,
        tower: &str,
        arithmetic: Arithmetic,
    ) -> Self {
        let precisions = [arithmetic, arithmetic.careful()].map(|a| a.precision.name());
        let name = format!("{tower}-{}.weights", precisions.join("-"));
        let mut hasher = blake3::Hasher::new();
        // In the order of bytes that the processor has, as all that follows.
        hasher.update(&VERSION.to_ne_bytes());
        hasher.update(name.as_bytes());
        hasher.update(fingerprint.as_bytes());
        Self {
            folder: model.join(FOLDER),
            name,
            seal: hasher.finalize().into(),
        }
    }

    /// Whether there is such a file, damaged or not.
    pub(crate) fn exists(&self) -> bool {
        self.open()
            .is_ok_and(|(_, header)| header.seal == self.seal)
    }

    /// The file from its first block on, if all its blocks are as they were written.
    pub(crate) fn read(&self) -> Option<Reading> {
        let (file, header) = self.open().ok()?;
        let map = Mapped::new(file).ok()?;
        map.read_ahead();
        let blocks = map.get(size_of::<Header>()..)?;
        let checksum = Threads::all().run(|| {
            let mut hasher = blake3::Hasher::new();
            hasher.update_rayon(blocks);
            hasher.finalize()
        });
        let sound = header.seal == self.seal && checksum == header.checksum;
        sound.then(|| Reading {
            map: Arc::new(map),
            at: size_of::<Header>(),
            short: false,
        })
    }

    /// A new file, to be filled from the checkpoint, which has `length` bytes.
    pub(crate) fn write(&self, length: usize) -> Option<Box<Writing>> {
        if length < WORTH_KEEPING {
            return None;
        }
        fs::create_dir_all(&self.folder).ok()?;
        let mut builder = tempfile::Builder::new();
        // As the umask has it: a folder of models may be shared.
        #[cfg(unix)]
        builder.permissions(fs::Permissions::from_mode(0o666));
        let file = builder.tempfile_in(&self.folder).ok()?;
        let mut writing = Box::new(Writing {
            file: BufWriter::new(file),
            to: self.folder.join(&self.name),
            seal: self.seal,
            hasher: blake3::Hasher::new(),
            result: Ok(()),
        });
        writing.result = writing
            .file
            .write_all(bytemuck::bytes_of(&Header::zeroed()));
        Some(writing)
    }

    fn open(&self) -> Result<(OpenFile, Header), Error> {
        let mut file = Files::Folder(self.folder.clone()).open(&self.name)?;
        let mut header = Header::zeroed();
        file.read_at(0, bytemuck::bytes_of_mut(&mut header))?;
        Ok((file, header))
    }
}

/// A file of packed weights, block by block.
pub(crate) struct Reading {
    map: Arc<Mapped>,
    at: usize,
    /// Whether more was asked for than there is.
    short: bool,
}

impl ReadLines for Reading {
    /// Zeros if the file ends before it.
    fn lines(&mut self, count: usize) -> Lines {
        let range = self.at..self.at + count * size_of::<Line>();
        match Lines::shared(self.map.clone(), range.clone()) {
            Some(lines) => {
                self.at = range.end;
                lines
            }
            None => {
                self.short = true;
                vec![Line::ZERO; count].into()
            }
        }
    }
}

impl Reading {
    /// Whether each block was there and none is left.
    pub(crate) fn was_all(&self) -> bool {
        !self.short && self.at == self.map.len()
    }
}

/// A file of packed weights in the making. What fails shows at its end only, where it means that there is no
/// file.
pub(crate) struct Writing {
    file: BufWriter<NamedTempFile>,
    to: PathBuf,
    seal: [u8; 32],
    hasher: blake3::Hasher,
    result: io::Result<()>,
}

impl WriteLines for Writing {
    fn lines(&mut self, lines: &[Line]) {
        let bytes = bytemuck::cast_slice(lines);
        if self.result.is_ok() {
            self.hasher.update(bytes);
            self.result = self.file.write_all(bytes);
        }
    }
}

impl Writing {
    /// Puts the file in its place.
    pub(crate) fn finish(self) {
        let checksum = self.hasher.finalize().into();
        let header = Header {
            seal: self.seal,
            checksum,
        };
        // Not waited for until it is on the disk: a file that a power cut tears has the wrong checksum.
        let _ = self
            .result
            .and_then(|()| self.file.into_inner().map_err(io::Error::from))
            .and_then(|mut file| {
                file.seek(SeekFrom::Start(0))?;
                file.write_all(bytemuck::bytes_of(&header))?;
                file.persist(self.to).map_err(io::Error::from)
            });
    }
}

/// What a checkpoint does with packed layers.
pub(crate) enum Packed {
    Nowhere,
    Read(Reading),
    Written(Box<Writing>),
}
