//! Files of packed weights in the model's folder, so that a start maps what it needs and packs nothing.
//!
//! A file is a list of blocks, in the order in which a tower reads its layers; nothing here knows towers. A file that is
//! missing, damaged, of another version or of another model counts as no file, and a file that cannot be written is left
//! out: what it holds can always be computed again.

use std::fs;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use phototag_kernels::{Line, Lines, Precision, ReadLines, WriteLines};
use tempfile::NamedTempFile;

use super::mapped::Mapped;
use crate::files::{Files, OpenFile};
use crate::{Error, Threads};

/// The folder inside a model's folder for what phototag adds.
const FOLDER: &str = ".phototag";

/// Must be incremented whenever the same checkpoint gives other blocks than before.
const VERSION: u32 = 2;

/// Smaller checkpoints are packed so quickly that a file is not worth it.
const MIN_CHECKPOINT_BYTES: usize = 8 << 20;

/// The start of a file; blocks follow.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    /// BLAKE3 of what identifies the contents: version, tower, precisions, and the model's fingerprint.
    seal: [u8; 32],
    /// BLAKE3 of the blocks.
    checksum: [u8; 32],
}

/// The place for the packed weights of one tower.
pub(crate) struct PackedFile {
    folder: PathBuf,
    name: String,
    seal: [u8; 32],
}

impl PackedFile {
    /// `fingerprint` is that of the model in the folder `model`. `precisions` are those of large layers, and of small
    /// ones.
    pub(crate) fn new(
        model: &Path,
        fingerprint: &str,
        tower: &str,
        precisions: [Precision; 2],
    ) -> Self {
        let name = format!(
            "{tower}-{}.weights",
            precisions.map(Precision::name).join("-")
        );
        let mut hasher = blake3::Hasher::new();
        // In the byte order of the processor, as are all blocks.
        hasher.update(&VERSION.to_ne_bytes());
        hasher.update(name.as_bytes());
        hasher.update(fingerprint.as_bytes());
        Self {
            folder: model.join(FOLDER),
            name,
            seal: hasher.finalize().into(),
        }
    }

    /// Whether the file exists, damaged or not.
    pub(crate) fn exists(&self) -> bool {
        self.open()
            .is_ok_and(|(_, header)| header.seal == self.seal)
    }

    /// Opens the file at its first block, if all blocks are as they were written.
    pub(crate) fn read(&self) -> Option<PackedReader> {
        let (file, header) = self.open().ok()?;
        let map = Mapped::new(file).ok()?;
        map.read_ahead();
        let blocks = map.get(size_of::<Header>()..)?;
        let checksum = Threads::all().run(|| {
            let mut hasher = blake3::Hasher::new();
            hasher.update_rayon(blocks);
            hasher.finalize()
        });
        let valid = header.seal == self.seal && checksum == header.checksum;
        valid.then(|| PackedReader {
            map: Arc::new(map),
            at: size_of::<Header>(),
            too_short: false,
        })
    }

    /// A new file for the layers of a checkpoint with `length` bytes. `None` if it is not worth it, or if the folder
    /// cannot be written to.
    pub(crate) fn write(&self, length: usize) -> Option<PackedWriter> {
        if length < MIN_CHECKPOINT_BYTES {
            return None;
        }
        fs::create_dir_all(&self.folder).ok()?;
        let mut builder = tempfile::Builder::new();
        // Permissions as the umask sets them, because a folder of models may be shared.
        #[cfg(unix)]
        builder.permissions(fs::Permissions::from_mode(0o666));
        let file = builder.tempfile_in(&self.folder).ok()?;
        let mut writer = PackedWriter {
            file: BufWriter::new(file),
            to: self.folder.join(&self.name),
            seal: self.seal,
            hasher: blake3::Hasher::new(),
            result: Ok(()),
        };
        writer.result = writer.file.write_all(bytemuck::bytes_of(&Header::zeroed()));
        Some(writer)
    }

    fn open(&self) -> Result<(OpenFile, Header), Error> {
        let mut file = Files::Folder(self.folder.clone()).open(&self.name)?;
        let mut header = Header::zeroed();
        file.read_at(0, bytemuck::bytes_of_mut(&mut header))?;
        Ok((file, header))
    }
}

/// A file of packed weights, read block by block.
pub(crate) struct PackedReader {
    map: Arc<Mapped>,
    at: usize,
    /// Whether a block was missing.
    too_short: bool,
}

impl ReadLines for PackedReader {
    /// Zeros if the block is missing.
    fn lines(&mut self, count: usize) -> Lines {
        let range = self.at..self.at + count * size_of::<Line>();
        match Lines::shared(self.map.clone(), range.clone()) {
            Some(lines) => {
                self.at = range.end;
                lines
            }
            None => {
                self.too_short = true;
                vec![Line::ZERO; count].into()
            }
        }
    }
}

impl PackedReader {
    /// Whether no block was missing and none is left.
    pub(super) fn was_complete(&self) -> bool {
        !self.too_short && self.at == self.map.len()
    }
}

/// A new file of packed weights. An error while writing shows only at the end, where it means that there is no file.
pub(crate) struct PackedWriter {
    file: BufWriter<NamedTempFile>,
    to: PathBuf,
    seal: [u8; 32],
    hasher: blake3::Hasher,
    result: io::Result<()>,
}

impl WriteLines for PackedWriter {
    fn lines(&mut self, lines: &[Line]) {
        let bytes = bytemuck::cast_slice(lines);
        if self.result.is_ok() {
            self.hasher.update(bytes);
            self.result = self.file.write_all(bytes);
        }
    }
}

impl PackedWriter {
    /// Completes the file and renames it into place.
    pub(crate) fn finish(self) {
        let checksum = self.hasher.finalize().into();
        let header = Header {
            seal: self.seal,
            checksum,
        };
        // Not fsynced: after a power cut the checksum tells a torn file.
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
