//! `[gallery]`: texts, address and files for the owner's pages. Files are named relative to the catalog.

use toml::de::DeTable;

use super::strict::{Fault, Found, section, string};

/// `[gallery]`.
#[derive(Debug, Default, PartialEq)]
pub struct Gallery {
    /// Above the photos.
    pub title: Option<String>,
    /// A line of text at the end of each page.
    pub footer: Option<String>,
    /// Where the gallery will be, ending with `/`: feeds and link previews need whole addresses.
    pub url: Option<String>,
    /// Instructions for search engines, for example "noindex".
    pub robots: Option<String>,
    /// A stylesheet that comes after ours.
    pub css: Option<String>,
    /// HTML below the title.
    pub header_html: Option<String>,
    /// HTML above the footer.
    pub footer_html: Option<String>,
}

const KEYS: &[&str] = &[
    "title",
    "footer",
    "url",
    "robots",
    "css",
    "header_html",
    "footer_html",
];

pub(super) fn gallery(root: &DeTable) -> Found<Gallery> {
    let Some(table) = section(root, "gallery", KEYS)? else {
        return Ok(Gallery::default());
    };
    let text = |key: &str| {
        let text = table.get(key).map(string).transpose()?;
        Ok::<_, Fault>(text.map(str::to_owned))
    };
    let url = match table.get("url") {
        Some(value) => {
            let url = string(value)?;
            if !(url.starts_with("https://") || url.starts_with("http://")) {
                return Err(Fault::at(
                    value.span(),
                    format!("url = {url:?} is not a web address"),
                    "Use the address the gallery will have, for example: url = \"https://example.org/photos/\"",
                ));
            }
            Some(format!("{}/", url.trim_end_matches('/')))
        }
        None => None,
    };
    Ok(Gallery {
        title: text("title")?,
        footer: text("footer")?,
        url,
        robots: text("robots")?,
        css: text("css")?,
        header_html: text("header_html")?,
        footer_html: text("footer_html")?,
    })
}
