//! Vectors of unit length.

/// Why [`normalised`] returned `None`.
pub(crate) const NO_LENGTH: &str = "returned a vector with NaN or infinite values, or of length 0";

/// `vector` scaled to unit length. `None` if its length is zero or not finite.
pub(crate) fn normalised(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let norm = vector
        .iter()
        .map(|v| f64::from(*v) * f64::from(*v))
        .sum::<f64>()
        .sqrt();
    if !norm.is_finite() || norm <= 0.0 {
        return None;
    }
    for v in &mut vector {
        *v = (f64::from(*v) / norm) as f32;
    }
    Some(vector)
}
