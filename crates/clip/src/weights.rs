//! A checkpoint in safetensors: tensors by name, checked against what the configuration asks for.
//!
//! Files are mapped, and each tensor is widened to f32 when it is taken; nothing is allocated
//! on a header's word, since a tensor's shape has to fit the configuration and its bytes have
//! to be in the file. What is left over at the end does not belong to the model and is an error,
//! so that a checkpoint of another architecture never half-fits. A checkpoint may be cut into
//! several files (shards), which an index lists.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::Error;
use crate::files::Files;
use crate::mapped::Mapped;
use crate::number::floats;
use crate::packed::Packed;

/// Tensors that checkpoints carry but that vectors do not depend on: the scale and bias of
/// similarities, and tables that follow from the shape alone.
const UNUSED: [&str; 5] = [
    "logit_scale",
    "logit_bias",
    "attn_mask",
    "text.attn_mask",
    "position_ids",
];

/// Checkpoints of a terabyte have some two hundred.
const MOST_SHARDS: usize = 1000;

pub(crate) struct Checkpoint {
    /// What the checkpoint was opened by.
    path: PathBuf,
    shards: Vec<Shard>,
    taken: HashSet<String>,
    /// Where layers are found packed, or kept once they are.
    pub(crate) packed: Packed,
}

/// A tensor of two axes that stays in its file: a few of its rows are all that is ever needed at once.
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
    /// Where the tensors' bytes begin.
    start: usize,
    header: Metadata,
}

/// `model.safetensors.index.json`: which file each tensor is in.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The files that `name` lists, sorted, if it is an index.
pub(crate) fn shards(files: &Files, name: &str) -> Result<Option<Vec<String>>, Error> {
    if !name.ends_with(".index.json") {
        return Ok(None);
    }
    let index: Index = files.json(name)?;
    let shards: BTreeSet<String> = index.weight_map.into_values().collect();
    let invalid = |reason| Err(Error::invalid(files.path(name), reason));
    if shards.len() > MOST_SHARDS {
        return invalid(format!("lists {} files", shards.len()));
    }
    let is_plain = |shard: &str| {
        shard.ends_with(".safetensors") && !shard.contains(['/', '\\', ':']) && shard.len() < 256
    };
    match shards.iter().find(|shard| !is_plain(shard)) {
        Some(shard) => invalid(format!(
            "lists {:?}, which is no .safetensors file beside it",
            shard.chars().take(100).collect::<String>()
        )),
        None => Ok(Some(shards.into_iter().collect())),
    }
}

impl Shard {
    fn open(files: &Files, name: &str) -> Result<Self, Error> {
        let path = files.path(name);
        let bytes = Mapped::new(files.open(name)?)?;
        let (length, header) = SafeTensors::read_metadata(&bytes).map_err(|e| {
            Error::invalid(
                &path,
                format!("is no sound safetensors file: {e}; fetch it again"),
            )
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
    /// Opens the file `name`, or all those that it lists if it is an index.
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
            packed: Packed::Nowhere,
        })
    }

    /// Bytes of all files together.
    pub(crate) fn length(&self) -> usize {
        self.shards.iter().map(|shard| shard.bytes.len()).sum()
    }

    /// The values of the tensor `name`, which has to have `shape`.
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        let (shard, range, dtype) = self.find(name, shape)?;
        let values = floats(dtype, &shard.bytes[range.clone()])
            .map_err(|reason| Error::invalid(&shard.path, format!("tensor {name} {reason}")))?;
        shard.bytes.let_go(range);
        self.taken.insert(name.to_owned());
        Ok(values)
    }

    /// The tensor `name`, which has to have `shape`, left where it is.
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

    /// Which file has the tensor `name`, where in it, and as what.
    fn find(&self, name: &str, shape: &[usize]) -> Result<(&Shard, Range<usize>, Dtype), Error> {
        let found = self
            .shards
            .iter()
            .find_map(|shard| Some((shard, shard.header.info(name)?)));
        let Some((shard, info)) = found else {
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
            return Err(Error::invalid(&shard.path, reason));
        }
        let (from, to) = info.data_offsets;
        Ok((shard, shard.start + from..shard.start + to, info.dtype))
    }

    /// Says whether every tensor was used.
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
                    "tensor {name} of shape {:?} is unexpected: the model's configuration has no \
                     place for it",
                    shape.unwrap_or_default()
                );
                return Err(Error::invalid(&shard.path, reason));
            }
        }
        Ok(())
    }
}

impl Table {
    /// The values of one row; `None` behind the last.
    pub(crate) fn row(&self, row: usize) -> Option<Vec<f32>> {
        let length = self.range.len() / self.rows;
        let from = self.range.start + row * length;
        let bytes = (row < self.rows).then(|| &self.bytes[from..from + length])?;
        floats(self.dtype, bytes).ok()
    }
}
