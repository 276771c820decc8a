//! A checkpoint in safetensors: tensors by name, checked against what the configuration asks for.
//!
//! The file is mapped, and each tensor is widened to f32 when it is taken; nothing is allocated
//! on the header's word, since a tensor's shape has to fit the configuration and its bytes have
//! to be in the file. What is left over at the end does not belong to the model and is an error,
//! so that a checkpoint of another architecture never half-fits.

use std::collections::HashSet;

use memmap2::Mmap;
use safetensors::SafeTensors;
use safetensors::tensor::Metadata;

use crate::Error;
use crate::files::{Bytes, Files};
use crate::number::floats;

/// Tensors that checkpoints carry but that vectors do not depend on: the scale and bias of
/// similarities, and tables that follow from the shape alone.
const UNUSED: [&str; 5] = [
    "logit_scale",
    "logit_bias",
    "attn_mask",
    "text.attn_mask",
    "position_ids",
];

pub(crate) struct Checkpoint {
    path: std::path::PathBuf,
    bytes: Mapped,
    /// Where the tensors' bytes begin.
    start: usize,
    header: Metadata,
    taken: HashSet<String>,
}

enum Mapped {
    File(Mmap),
    Embedded(&'static [u8]),
}

impl Mapped {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::File(map) => map,
            Self::Embedded(bytes) => bytes,
        }
    }
}

impl Checkpoint {
    pub(crate) fn open(files: &Files, name: &str) -> Result<Self, Error> {
        let path = files.path(name);
        let bytes = match files.open(name)?.bytes {
            Bytes::Embedded(bytes) => Mapped::Embedded(bytes),
            Bytes::File(file) => {
                // SAFETY: a mapped file must not change while it is mapped, which is until the
                // model is loaded. Models are written once, by a download that renames or by
                // hand; the documentation of `Source` says to leave a folder in use alone.
                let map = unsafe { Mmap::map(&file) };
                Mapped::File(map.map_err(|e| Error::read(&path, e))?)
            }
        };
        let (length, header) = SafeTensors::read_metadata(bytes.bytes()).map_err(|e| {
            Error::invalid(
                &path,
                format!("is no sound safetensors file: {e}; fetch it again"),
            )
        })?;
        Ok(Self {
            path,
            bytes,
            start: 8 + length,
            header,
            taken: HashSet::new(),
        })
    }

    /// The values of the tensor `name`, which has to have `shape`.
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        let Some(info) = self.header.info(name) else {
            let reason = format!(
                "tensor {name} is missing; by the model's configuration it has shape {shape:?}"
            );
            return Err(Error::invalid(&self.path, reason));
        };
        if info.shape != shape {
            let reason = format!(
                "tensor {name} has shape {:?}, but the model's configuration asks for {shape:?}",
                info.shape
            );
            return Err(Error::invalid(&self.path, reason));
        }
        let (from, to) = info.data_offsets;
        let bytes = self
            .bytes
            .bytes()
            .get(self.start + from..self.start + to)
            .unwrap_or(&[]);
        let values = floats(info.dtype, bytes)
            .map_err(|reason| Error::invalid(&self.path, format!("tensor {name} {reason}")))?;
        self.taken.insert(name.to_owned());
        Ok(values)
    }

    /// Says whether every tensor was used.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let known = |name: &str| UNUSED.contains(&name) || name.ends_with(".position_ids");
        let unexpected = self
            .header
            .offset_keys()
            .into_iter()
            .find(|name| !self.taken.contains(name) && !known(name));
        match unexpected {
            None => Ok(()),
            Some(name) => {
                let shape = self.header.info(&name).map(|info| info.shape.clone());
                let reason = format!(
                    "tensor {name} of shape {:?} is unexpected: the model's configuration has no \
                     place for it",
                    shape.unwrap_or_default()
                );
                Err(Error::invalid(self.path, reason))
            }
        }
    }
}
