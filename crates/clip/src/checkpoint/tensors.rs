//! A checkpoint in safetensors: tensors by name, checked against the model's configuration.
//!
//! Files are mapped, and each tensor is converted to f32 when it is taken. No allocation depends on a header alone: a
//! tensor's shape must match the configuration, and its bytes must be in the file. Tensors that are left over at the end
//! are an error, so that a checkpoint of another architecture never fits in part.

use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensors};

use super::floats;
use super::mapped::Mapped;
use super::shards::shards;
use crate::Error;
use crate::files::Files;

/// Tensors that checkpoints carry but vectors do not depend on: scale and bias of similarities, and tables that follow
/// from the shape.
const UNUSED: [&str; 5] = [
    "logit_scale",
    "logit_bias",
    "attn_mask",
    "text.attn_mask",
    "position_ids",
];

/// An open checkpoint, in one file or several.
pub(crate) struct Checkpoint {
    /// The file it was opened by.
    path: PathBuf,
    shards: Vec<Shard>,
    taken: HashSet<String>,
}

/// A matrix that stays in its file, for when only a few of its rows are needed at a time.
pub(crate) struct Table {
    bytes: Arc<Mapped>,
    range: Range<usize>,
    dtype: Dtype,
    rows: usize,
}

/// One file of a checkpoint.
struct Shard {
    path: PathBuf,
    bytes: Arc<Mapped>,
    /// Where the tensors' bytes start.
    start: usize,
    header: Metadata,
}

impl Shard {
    fn open(files: &Files, name: &str) -> Result<Self, Error> {
        let path = files.path(name);
        let bytes = Mapped::new(files.open(name)?)?;
        let (length, header) = SafeTensors::read_metadata(&bytes).map_err(|e| {
            let reason = format!("not a valid safetensors file: {e}; download it again");
            Error::invalid(&path, reason)
        })?;
        Ok(Self {
            path,
            bytes: Arc::new(bytes),
            start: 8 + length,
            header,
        })
    }
}

impl Checkpoint {
    /// Opens the file `name`, or, if it is an index, all files that it lists.
    pub(crate) fn open(files: &Files, name: &str) -> Result<Self, Error> {
        let names = match shards(files, name)? {
            Some(names) => names,
            None => vec![name.to_owned()],
        };
        let shards = names
            .iter()
            .map(|name| Shard::open(files, name))
            .collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::new();
        for shard in &shards {
            for tensor in shard.header.offset_keys() {
                if !seen.insert(tensor.clone()) {
                    let reason = format!("tensor {tensor} is in another file too");
                    return Err(Error::invalid(&shard.path, reason));
                }
            }
        }
        Ok(Self {
            path: files.path(name),
            shards,
            taken: HashSet::new(),
        })
    }

    /// Bytes of all files together.
    pub(crate) fn length(&self) -> usize {
        self.shards.iter().map(|shard| shard.bytes.len()).sum()
    }

    /// The values of the tensor `name`, which must have `shape`.
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        let (shard, range, dtype) = self.find(name, shape)?;
        let values = floats(dtype, &shard.bytes[range.clone()])
            .map_err(|reason| Error::invalid(&shard.path, format!("tensor {name} {reason}")))?;
        shard.bytes.release(range);
        self.taken.insert(name.to_owned());
        Ok(values)
    }

    /// The tensor `name`, which must have `shape`, without reading it.
    pub(crate) fn table(&mut self, name: &str, shape: [usize; 2]) -> Result<Table, Error> {
        let (shard, range, dtype) = self.find(name, &shape)?;
        floats(dtype, &[])
            .map_err(|reason| Error::invalid(&shard.path, format!("tensor {name} {reason}")))?;
        let bytes = Arc::clone(&shard.bytes);
        self.taken.insert(name.to_owned());
        Ok(Table {
            bytes,
            range,
            dtype,
            rows: shape[0],
        })
    }

    /// The file of the tensor `name`, its bytes in it, and its type.
    fn find(&self, name: &str, shape: &[usize]) -> Result<(&Shard, Range<usize>, Dtype), Error> {
        let found = self
            .shards
            .iter()
            .find_map(|shard| Some((shard, shard.header.info(name)?)));
        let Some((shard, info)) = found else {
            let reason = format!(
                "tensor {name} is missing; the model's configuration requires it with shape {shape:?}"
            );
            return Err(Error::invalid(&self.path, reason));
        };
        if info.shape != shape {
            let reason = format!(
                "tensor {name} has shape {:?}, but the model's configuration requires {shape:?}",
                info.shape
            );
            return Err(Error::invalid(&shard.path, reason));
        }
        let (from, to) = info.data_offsets;
        Ok((shard, shard.start + from..shard.start + to, info.dtype))
    }

    /// An error if a tensor was not used.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let known = |name: &str| UNUSED.contains(&name) || name.ends_with(".position_ids");
        for shard in &self.shards {
            let unexpected = shard
                .header
                .offset_keys()
                .into_iter()
                .find(|name| !self.taken.contains(name) && !known(name));
            if let Some(name) = unexpected {
                let shape = shard.header.info(&name).map(|info| info.shape.clone());
                let reason = format!(
                    "tensor {name} with shape {:?} is unexpected: the model's configuration has \
                     no place for it",
                    shape.unwrap_or_default()
                );
                return Err(Error::invalid(&shard.path, reason));
            }
        }
        Ok(())
    }
}

impl Table {
    /// The values of one row, or `None` after the last.
    pub(crate) fn row(&self, row: usize) -> Option<Vec<f32>> {
        let length = self.range.len() / self.rows;
        let from = self.range.start + row * length;
        let bytes = (row < self.rows).then(|| &self.bytes[from..from + length])?;
        floats(self.dtype, bytes).ok()
    }
}
