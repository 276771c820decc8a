//! The data for the page's script: a short block about all photos inside the page, and details in chunks that the
//! script fetches for the photos in view.
//!
//! The block holds what layout and filters need, a few characters per photo: about 45 KB for 10,000 photos. Chunks are
//! scripts, because a page that was opened from disk can load no other data.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::categories::Button;
use crate::json_in_html;
use crate::page::alt;
use crate::photo::SitePhoto;

/// Photos per chunk.
pub const CHUNK: usize = 50;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The block in the page, safe inside a `<script>`.
pub fn block(photos: &[SitePhoto], buttons: &[Button]) -> String {
    let ratios: String = photos
        .iter()
        .flat_map(|photo| ratio(photo.rendered.width, photo.rendered.height))
        .collect();
    let mut tagged: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, photo) in photos.iter().enumerate() {
        for tag in &photo.tags {
            tagged.entry(tag).or_default().push(at);
        }
    }
    let known = buttons.iter().map(|button| {
        (
            button.id.as_str(),
            button.label.as_str(),
            button.emoji.as_str(),
        )
    });
    let unlisted = tagged
        .keys()
        .filter(|tag| buttons.iter().all(|button| button.id != **tag))
        .map(|&tag| (tag, tag, ""));
    let categories: Vec<Value> = known
        .chain(unlisted)
        .map(|(id, label, emoji)| {
            json!({"id": id, "label": label, "emoji": emoji, "photos": steps(tagged.get(id).map_or(&[], Vec::as_slice))})
        })
        .collect();
    json_in_html(&json!({"chunk": CHUNK, "ratios": ratios, "categories": categories}))
}

/// Width by height on a logarithmic scale of 12 bits, 256 steps to the doubling, in two characters.
fn ratio(width: u32, height: u32) -> [char; 2] {
    let log = (f64::from(width) / f64::from(height.max(1))).log2() * 256.0;
    let scaled = (log.round() + 2048.0).clamp(0.0, 4095.0) as usize;
    [BASE64[scaled >> 6], BASE64[scaled & 63]].map(char::from)
}

/// Ascending numbers as the gaps between them: six bits a character, five bits of the gap, lowest first, and one that is
/// set if more follow.
fn steps(numbers: &[usize]) -> String {
    let mut text = String::new();
    let mut next = 0;
    for &number in numbers {
        let mut step = number - next;
        next = number + 1;
        while step >= 32 {
            text.push(char::from(BASE64[32 + step % 32]));
            step /= 32;
        }
        text.push(char::from(BASE64[step]));
    }
    text
}

/// The details of photos, as scripts that pass them to the page's script.
pub fn chunks(photos: &[SitePhoto], buttons: &[Button]) -> impl Iterator<Item = String> {
    photos.chunks(CHUNK).enumerate().map(|(number, photos)| {
        let details: Vec<Value> = photos
            .iter()
            .map(|photo| {
                let rendered = &photo.rendered;
                let caption = &rendered.caption;
                let widths = rendered.widths();
                let height = widths.last().map(|&largest| rendered.height(largest));
                json!([
                    rendered.name,
                    photo.key,
                    widths,
                    height,
                    rendered.placeholder,
                    alt(photo, buttons),
                    caption.text,
                    caption.camera,
                    caption.date
                ])
            })
            .collect();
        format!(
            "phototag({})\n",
            json!({"number": number, "photos": details})
        )
    })
}

/// Keys and captions of all photos, fetched for the first search or sort.
pub fn words(photos: &[SitePhoto]) -> String {
    let words: Vec<Value> = photos
        .iter()
        .map(|photo| json!([photo.key, photo.rendered.caption.text]))
        .collect();
    format!("phototag({})\n", json!({"words": words}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_few_characters() {
        assert_eq!(ratio(1, 1), ['g', 'A']);
        assert_eq!(ratio(2, 1), ['k', 'A']);
        assert_eq!(ratio(1, 40_000), ['A', 'A']);
        assert_eq!(steps(&[0, 1, 5, 40]), "AADiB");
    }
}
