//! The bank of reference vectors that a model may carry beside its weights.
//!
//! A similarity means little until one knows what is usual for its prompt. The bank holds this
//! model's own vectors of a few hundred ordinary photos, so that a program with no photos yet
//! can ask. Using it is the program's business.

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use crate::Error;
use crate::files::Files;
use crate::number::floats;

pub(crate) const FILE: &str = "reference.safetensors";

/// Vectors of ordinary photos, made with the model they come with.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// Unit-length image vectors, `[photos][dimensions]`.
    pub image_vectors: Vec<Vec<f32>>,
    /// How monochrome each of the photos is, `[photos]`, on the scale of whoever made the bank.
    pub monochrome: Option<Vec<f32>>,
}

/// Reads the bank: tensor `image_vectors` `[N, D]` and, optionally, `monochrome` `[N]`, as f16,
/// bf16 or f32. `None` if the model carries none.
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
    let vectors = tensors.tensor("image_vectors").map_err(|e| e.to_string())?;
    let &[count, dimensions] = vectors.shape() else {
        return Err(format!(
            "image_vectors has shape {:?}, not [N, D]",
            vectors.shape()
        ));
    };
    if count == 0 || dimensions == 0 {
        return Err("image_vectors is empty".into());
    }
    let image_vectors: Vec<Vec<f32>> = finite("image_vectors", &vectors)?
        .chunks_exact(dimensions)
        .map(unit)
        .collect();
    let monochrome = match tensors.tensor("monochrome") {
        Ok(tensor) if tensor.shape() == [count] => Some(finite("monochrome", &tensor)?),
        Ok(tensor) => {
            return Err(format!(
                "monochrome has shape {:?}, not [{count}]",
                tensor.shape()
            ));
        }
        Err(_) => None,
    };
    Ok(Reference {
        image_vectors,
        monochrome,
    })
}

fn finite(name: &str, tensor: &TensorView) -> Result<Vec<f32>, String> {
    let values = floats(tensor.dtype(), tensor.data()).map_err(|e| format!("{name}: {e}"))?;
    if values.iter().all(|v| v.is_finite()) {
        Ok(values)
    } else {
        Err(format!("{name} holds a value that is not a number"))
    }
}

/// Unit length again after rounding to half precision.
fn unit(vector: &[f32]) -> Vec<f32> {
    let mut vector = vector.to_vec();
    crate::vector::normalise(&mut vector);
    vector
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::Dtype;

    fn bank(tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) -> Result<Reference, String> {
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
    fn reads_vectors_and_monochrome() {
        let vectors = (
            "image_vectors",
            Dtype::F16,
            vec![2, 2],
            halves(&[3.0, 4.0, 0.0, 2.0]),
        );
        let grey = [0.5f32, 0.25]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let read = bank(&[vectors, ("monochrome", Dtype::F32, vec![2], grey)]).expect("good");
        assert_eq!(read.image_vectors[1], [0.0, 1.0]);
        assert!((read.image_vectors[0][0] - 0.6).abs() < 1e-6);
        assert_eq!(read.monochrome, Some(vec![0.5, 0.25]));
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let flat = bank(&[("image_vectors", Dtype::F16, vec![4], halves(&[1.0; 4]))]);
        assert!(flat.expect_err("not a matrix").contains("[N, D]"));
        let nan = bank(&[("image_vectors", Dtype::F16, vec![1, 1], halves(&[f32::NAN]))]);
        assert!(nan.expect_err("not a number").contains("not a number"));
        let vectors = ("image_vectors", Dtype::F16, vec![2, 1], halves(&[1.0; 2]));
        let short = bank(&[vectors, ("monochrome", Dtype::F16, vec![1], halves(&[1.0]))]);
        assert!(short.expect_err("one too few").contains("monochrome"));
        assert!(parse(b"\xff\xff\xff\xff\xff\xff\xff\x7f{}").is_err());
    }
}
