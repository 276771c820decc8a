//! The reference images that a model may carry beside its weights, as vectors.
//!
//! A similarity means little without knowing what is usual for its prompt. The vectors of a few hundred ordinary photos
//! let a program that has no photos yet estimate it. How they are used is up to the program.

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use crate::Error;
use crate::checkpoint::floats;
use crate::files::Files;
use crate::vector::normalised;

const FILE: &str = "reference.safetensors";

/// The tensor of the vectors; all others are measures.
const VECTORS: &str = "image_vectors";

/// Vectors of ordinary photos, made with the model they come with.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// Image vectors of unit length, `[photos][dimensions]`.
    pub image_vectors: Vec<Vec<f32>>,
    /// What else was measured on each photo, `[photos]`, by the measure's name.
    pub measures: BTreeMap<String, Vec<f32>>,
}

/// Reads the tensor `image_vectors`, `[N, D]`, and any number of measures, `[N]`, as f16, bf16 or f32. `None` if the model
/// carries no reference images.
pub(crate) fn read(files: &Files) -> Result<Option<Reference>, Error> {
    if !files.exists(FILE) {
        return Ok(None);
    }
    let bytes = files.text(FILE)?;
    parse(&bytes)
        .map(Some)
        .map_err(|reason| Error::invalid(files.path(FILE), reason))
}

fn parse(bytes: &[u8]) -> Result<Reference, String> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let vectors = tensors.tensor(VECTORS).map_err(|e| e.to_string())?;
    let &[count, dimensions] = vectors.shape() else {
        let shape = vectors.shape();
        return Err(format!("{VECTORS} has shape {shape:?}, not [N, D]"));
    };
    if count == 0 || dimensions == 0 {
        return Err(format!("{VECTORS} is empty"));
    }
    // Unit length again, after rounding to half precision.
    let image_vectors = finite(VECTORS, &vectors)?
        .chunks_exact(dimensions)
        .map(|vector| normalised(vector.to_vec()).unwrap_or_else(|| vector.to_vec()))
        .collect();
    let mut measures = BTreeMap::new();
    for (name, tensor) in tensors.iter().filter(|(name, _)| *name != VECTORS) {
        if tensor.shape() != [count] {
            let shape = tensor.shape();
            return Err(format!("{name} has shape {shape:?}, not [{count}]"));
        }
        measures.insert(name.to_owned(), finite(name, &tensor)?);
    }
    Ok(Reference {
        image_vectors,
        measures,
    })
}

fn finite(name: &str, tensor: &TensorView) -> Result<Vec<f32>, String> {
    let values = floats(tensor.dtype(), tensor.data()).map_err(|e| format!("{name} {e}"))?;
    if values.iter().all(|v| v.is_finite()) {
        Ok(values)
    } else {
        Err(format!("{name} has NaN or infinite values"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::Dtype;

    fn reference(tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) -> Result<Reference, String> {
        let views = tensors.iter().map(|(name, dtype, shape, data)| {
            (
                *name,
                TensorView::new(*dtype, shape.clone(), data).expect("consistent"),
            )
        });
        parse(&safetensors::serialize(views, None).expect("serialisable"))
    }

    fn halves(values: &[f32]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|v| half::f16::from_f32(*v).to_le_bytes())
            .collect()
    }

    #[test]
    fn reads_vectors_and_all_measures_by_name() {
        let vectors = (
            VECTORS,
            Dtype::F16,
            vec![2, 2],
            halves(&[3.0, 4.0, 0.0, 2.0]),
        );
        let values = [0.5f32, 0.25];
        let grey = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let night = halves(&[1.0, 0.0]);
        let read = reference(&[
            vectors,
            ("monochrome", Dtype::F32, vec![2], grey),
            ("night", Dtype::F16, vec![2], night),
        ]);
        let read = read.expect("valid");
        assert_eq!(read.image_vectors[1], [0.0, 1.0]);
        assert!((read.image_vectors[0][0] - 0.6).abs() < 1e-6);
        assert_eq!(read.measures["monochrome"], values);
        assert_eq!(read.measures["night"], [1.0, 0.0]);
        assert_eq!(read.measures.len(), 2);
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let flat = reference(&[(VECTORS, Dtype::F16, vec![4], halves(&[1.0; 4]))]);
        assert!(flat.expect_err("not a matrix").contains("[N, D]"));
        let nan = reference(&[(VECTORS, Dtype::F16, vec![1, 1], halves(&[f32::NAN]))]);
        assert!(nan.expect_err("not a number").contains("NaN"));
        let vectors = || (VECTORS, Dtype::F16, vec![2, 1], halves(&[1.0; 2]));
        let short = reference(&[vectors(), ("night", Dtype::F16, vec![1], halves(&[1.0]))]);
        assert!(short.expect_err("one too few").contains("night"));
        let integers = reference(&[vectors(), ("night", Dtype::U8, vec![2], vec![1, 2])]);
        assert!(integers.expect_err("integers").contains("night has type"));
        assert!(parse(b"\xff\xff\xff\xff\xff\xff\xff\x7f{}").is_err());
    }
}
