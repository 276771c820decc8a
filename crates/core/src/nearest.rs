//! Spelling: the word that a mistyped one was probably meant to be.

/// Similarities (Jaro-Winkler, 0 to 1) up to this are no suggestion.
const LEAST_SIMILARITY: f64 = 0.75;

/// The candidate nearest to `word`, if one is near enough to be a likely typing mistake.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(similarity, _)| *similarity > LEAST_SIMILARITY)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_word_or_none() {
        let ids = ["wildlife", "winter"];
        assert_eq!(nearest("wildlive", ids.into_iter()), Some("wildlife"));
        assert_eq!(nearest("zebra crossing", ids.into_iter()), None);
    }
}
