//! Arithmetic on embeddings: dot products and mean directions.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul};

/// The normalised mean of unit vectors; zeros if they cancel out.
pub fn mean_direction(vectors: &[Vec<f32>]) -> Vec<f32> {
    let mut sum = vec![0.0_f32; vectors.first().map_or(0, Vec::len)];
    for vector in vectors {
        for (total, x) in sum.iter_mut().zip(vector) {
            *total += x;
        }
    }
    let length = dot(&sum, &sum).sqrt();
    if length > 0.0 {
        sum.iter_mut().for_each(|x| *x /= length);
    }
    sum
}

/// The sum of products.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_of_products::<f32, 8>(a, b)
}

/// The sum of products, as `LANES` sums that do not wait for each other, so that the compiler can use wide
/// registers.
pub fn sum_of_products<T, const LANES: usize>(a: &[T], b: &[T]) -> T
where
    T: Copy + Default + Sum + Mul<Output = T> + AddAssign + Add<Output = T>,
{
    let mut sums = [T::default(); LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: T = a_chunks
        .remainder()
        .iter()
        .zip(b_chunks.remainder())
        .map(|(x, y)| *x * *y)
        .sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.into_iter().sum::<T>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_takes_any_length() {
        for length in [0, 1, 7, 8, 9, 31] {
            let a: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let expected: f32 = a.iter().map(|x| x * x).sum();
            assert_eq!(dot(&a, &a), expected, "{length}");
        }
    }
}
