//! Numbers with their nouns.

/// "1 photo", "2 photos".
pub fn photos(n: usize) -> String {
    if n == 1 {
        "1 photo".to_owned()
    } else {
        format!("{n} photos")
    }
}
