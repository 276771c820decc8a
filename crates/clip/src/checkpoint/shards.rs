//! The index of a checkpoint that is divided into several files.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::Error;
use crate::files::Files;

/// Checkpoints of a terabyte have about two hundred.
const MAX_SHARDS: usize = 1000;

/// `model.safetensors.index.json`: the file of each tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The files that the index `name` lists, sorted; `None` if `name` is not an index.
pub(crate) fn shards(files: &Files, name: &str) -> Result<Option<Vec<String>>, Error> {
    if !name.ends_with(".index.json") {
        return Ok(None);
    }
    let index: Index = files.json(name)?;
    let shards: BTreeSet<String> = index.weight_map.into_values().collect();
    let invalid = |reason| Err(Error::invalid(files.path(name), reason));
    if shards.len() > MAX_SHARDS {
        return invalid(format!(
            "lists {} files; at most {MAX_SHARDS} are supported",
            shards.len()
        ));
    }
    let is_plain = |shard: &str| {
        shard.ends_with(".safetensors") && !shard.contains(['/', '\\', ':']) && shard.len() < 256
    };
    match shards.iter().find(|shard| !is_plain(shard)) {
        Some(shard) => invalid(format!(
            "lists {:?}, which is not the name of a .safetensors file in the same folder",
            shard.chars().take(100).collect::<String>()
        )),
        None => Ok(Some(shards.into_iter().collect())),
    }
}
