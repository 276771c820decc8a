//! An Atom feed (RFC 4287) of the photos that were added last.

use askama::Template;

use crate::ledger::PICTURES;
use crate::page::{Picture, title_of};
use crate::photo::SitePhoto;
use phototag_core::catalog::Gallery;

/// Entries in the feed.
const LATEST: usize = 30;

#[derive(Template)]
#[template(path = "feed.xml")]
struct Feed<'a> {
    title: &'a str,
    /// Empty if `[gallery]` has no `url`: addresses are then relative to the feed.
    url: &'a str,
    pictures: &'static str,
    updated: String,
    entries: Vec<Entry>,
}

struct Entry {
    picture: Picture,
    name: String,
    key: String,
    updated: String,
}

pub fn feed(gallery: &Gallery, folder_name: &str, photos: &[SitePhoto]) -> askama::Result<String> {
    let mut latest: Vec<&SitePhoto> = photos.iter().collect();
    // Stable: photos that were added together keep the page's order.
    latest.sort_by_key(|photo| std::cmp::Reverse(photo.rendered.added));
    let entries: Vec<Entry> = latest
        .into_iter()
        .take(LATEST)
        .map(|photo| Entry {
            picture: Picture::of(photo, &[], ""),
            name: photo.rendered.name.clone(),
            key: percent(&photo.key),
            updated: timestamp(photo.rendered.added),
        })
        .collect();
    Feed {
        title: title_of(gallery, folder_name),
        url: gallery.url.as_deref().unwrap_or_default(),
        pictures: PICTURES,
        updated: entries
            .first()
            .map_or_else(|| timestamp(0), |entry| entry.updated.clone()),
        entries,
    }
    .render()
}

/// Percent-encodes all but unreserved characters (RFC 3986).
fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Seconds since 1970 as RFC 3339. Days to a date by Howard Hinnant's `civil_from_days`.
fn timestamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_addresses_are_as_their_standards_say() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(timestamp(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(percent("a b#é"), "a%20b%23%C3%A9");
    }
}
