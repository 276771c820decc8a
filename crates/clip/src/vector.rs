//! What is done to every vector before it leaves the crate.

/// Scales to unit length. False, and left as it is, if it has no direction (zero, or not finite).
pub(crate) fn normalise(vector: &mut [f32]) -> bool {
    let norm = vector
        .iter()
        .map(|v| f64::from(*v) * f64::from(*v))
        .sum::<f64>()
        .sqrt();
    let sound = norm.is_finite() && norm > 0.0;
    if sound {
        for v in vector {
            *v = (f64::from(*v) / norm) as f32;
        }
    }
    sound
}
