//! An explanation as text.

use phototag_core::catalog::Catalog;
use phototag_core::explain::{Explanation, Origin, Reason, Verdict};

pub(super) fn describe(catalog: &Catalog, explanation: &Explanation) -> String {
    let mut text = format!("{}: {}\n", explanation.key, tags(catalog, explanation));
    for reason in &explanation.reasons {
        let label = &catalog[reason.category].label;
        text += &format!("\n{label}: {}\n", verdict(reason));
        for line in lines(reason, explanation.photos) {
            text += &format!("  {line}\n");
        }
    }
    text
}

/// The photo's tags in one line.
pub(super) fn tags(catalog: &Catalog, explanation: &Explanation) -> String {
    if explanation.tags.is_empty() {
        return "no tags".to_owned();
    }
    let mut names: Vec<&str> = explanation
        .tags
        .iter()
        .map(|id| catalog[*id].id.as_str())
        .collect();
    names.sort_unstable();
    names.join(", ")
}

/// Whether the photo has the tag, and by what.
pub(super) fn verdict(reason: &Reason) -> &'static str {
    match (reason.correction, reason.verdict) {
        (Some(true), Verdict::Missed) => "yes, by your correction; the score alone says no",
        (Some(true), _) => "yes, by your correction; the score alone says so too",
        (Some(false), Verdict::Missed) => "no, by your correction; the score alone says so too",
        (Some(false), _) => "no, by your correction; the score alone says yes",
        (None, Verdict::Reached) => "yes",
        (None, Verdict::Fallback) => {
            "yes, as the closest category (fallback: no category reaches its threshold)"
        }
        (None, Verdict::Missed) => "no",
    }
}

/// Every number that decided.
pub(super) fn lines(reason: &Reason, photos: usize) -> Vec<String> {
    let Reason {
        score, threshold, ..
    } = reason;
    let cut = if threshold.is_finite() {
        format!("threshold {threshold:.3}, margin {:+.3}", score - threshold)
    } else {
        "threshold never".to_owned()
    };
    let mut lines = vec![format!(
        "score {score:.3}, {cut}; rank {} of {photos}",
        reason.rank
    )];
    lines.push(match &reason.origin {
        Origin::Measure(meaning) => format!("measured: {meaning}"),
        Origin::Prompt { text, similarity } => {
            format!("best-matching prompt: {text:?} ({similarity:.3})")
        }
    });
    if let Some(learned) = &reason.learned {
        lines.push(format!(
            "learned from {} positive examples; without them the score is {:.3}",
            learned.positives, learned.zero_shot
        ));
    }
    if !reason.nearest.is_empty() {
        let near: Vec<String> = reason
            .nearest
            .iter()
            .map(|(key, similarity)| format!("{key} ({similarity:.2})"))
            .collect();
        lines.push(format!(
            "most similar photos with this tag: {}",
            near.join(", ")
        ));
    }
    lines
}
