//! Vectors as the index keeps them: photos' as 16-bit floats, prompts' in full.
//!
//! Half precision moves a cosine by about 1e-5, far below what any threshold resolves, and halves the
//! file; there are few prompts, so theirs are kept exactly.

use half::f16;

/// A unit vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector(pub Vec<f32>);

const HALF: u8 = 2;
const FULL: u8 = 4;

impl Vector {
    /// Little-endian 16-bit floats behind one byte that says so.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let halves = self.0.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes());
        std::iter::once(HALF).chain(halves).collect()
    }

    /// Little-endian 32-bit floats behind one byte that says so.
    pub(super) fn to_exact_bytes(&self) -> Vec<u8> {
        std::iter::once(FULL)
            .chain(self.0.iter().flat_map(|x| x.to_le_bytes()))
            .collect()
    }

    /// None if these bytes are not a vector of finite numbers.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&width, rest) = bytes.split_first()?;
        let values: Vec<f32> = match width {
            HALF if rest.len() % 2 == 0 => rest
                .chunks_exact(2)
                .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            FULL if rest.len() % 4 == 0 => rest
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
            _ => return None,
        };
        values.iter().all(|x| x.is_finite()).then_some(Self(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_vectors_come_back() {
        let vector = Vector(vec![0.6, -0.8, 0.1234]);
        assert_eq!(
            Vector::from_bytes(&vector.to_exact_bytes()),
            Some(vector.clone())
        );
        let half = Vector::from_bytes(&vector.to_bytes()).unwrap();
        assert!(
            half.0
                .iter()
                .zip(&vector.0)
                .all(|(a, b)| (a - b).abs() < 1e-3)
        );
    }

    #[test]
    fn what_is_no_vector_is_refused() {
        for bytes in [
            &[][..],
            &[HALF, 1],
            &[FULL, 1, 2],
            &[9, 0, 0],
            &[HALF, 0xff, 0x7f],
        ] {
            assert_eq!(Vector::from_bytes(bytes), None, "{bytes:?}");
        }
    }
}
