//! The pages as HTML: the first one, which runs the script, and plain ones for browsers without scripts and for search
//! engines.

use askama::Template;

use crate::categories::Button;
use crate::ledger::PICTURES;
use crate::photo::SitePhoto;
use phototag_core::catalog::Gallery;

/// Photos on a page without a script.
pub const ON_A_PAGE: usize = 60;

/// A photo in HTML. `webp` and `jpeg` are addresses as seen from the page, the others from the site's folder.
pub struct Picture {
    pub alt: String,
    pub width: u32,
    pub height: u32,
    /// "img/x-480.webp 480w, ..."
    pub webp: String,
    pub jpeg: String,
    pub small: String,
    pub large: String,
}

impl Picture {
    pub fn of(photo: &SitePhoto, buttons: &[Button], base: &str) -> Self {
        let rendered = &photo.rendered;
        let widths = rendered.widths();
        let file =
            |width: u32, ending: &str| format!("{PICTURES}/{}-{width}.{ending}", rendered.name);
        let set = |ending: &str| {
            let each = widths
                .iter()
                .map(|&width| format!("{base}{} {width}w", file(width, ending)));
            each.collect::<Vec<_>>().join(", ")
        };
        let (small, large) = (widths[0], widths[widths.len() - 1]);
        Self {
            alt: alt(photo, buttons),
            width: small,
            height: rendered.height(small),
            webp: set("webp"),
            jpeg: set("jpg"),
            small: file(small, "jpg"),
            large: file(large, "jpg"),
        }
    }
}

/// The caption, or else the photo's key and its categories.
pub fn alt(photo: &SitePhoto, buttons: &[Button]) -> String {
    if !photo.rendered.caption.text.is_empty() {
        return photo.rendered.caption.text.clone();
    }
    let labels = buttons
        .iter()
        .filter(|button| photo.tags.contains(&button.id));
    std::iter::once(photo.key.as_str())
        .chain(labels.map(|button| button.label.as_str()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The user's files that are inserted into every page.
#[derive(Default)]
pub struct Snippets {
    pub css: Option<String>,
    pub header: String,
    pub footer: String,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    title: &'a str,
    gallery: &'a Gallery,
    snippets: &'a Snippets,
    total: usize,
    /// From 1.
    number: usize,
    pages: usize,
    /// The relative address of the site's folder.
    base: &'static str,
    pictures: Vec<Picture>,
    data: String,
}

/// The pages with their paths: `index.html`, then `pages/2.html` and so on.
pub fn pages(
    gallery: &Gallery,
    folder_name: &str,
    snippets: &Snippets,
    photos: &[SitePhoto],
    buttons: &[Button],
    data: &str,
) -> askama::Result<Vec<(String, String)>> {
    let groups: Vec<&[SitePhoto]> = if photos.is_empty() {
        vec![photos]
    } else {
        photos.chunks(ON_A_PAGE).collect()
    };
    let pages = groups.len();
    let each = groups.into_iter().zip(1..).map(|(group, number)| {
        let base = if number == 1 { "" } else { "../" };
        let html = Page {
            title: title_of(gallery, folder_name),
            gallery,
            snippets,
            total: photos.len(),
            number,
            pages,
            base,
            pictures: group
                .iter()
                .map(|photo| Picture::of(photo, buttons, base))
                .collect(),
            data: if number == 1 {
                data.to_owned()
            } else {
                String::new()
            },
        }
        .render()?;
        Ok((path(number), html))
    });
    each.collect()
}

fn path(number: usize) -> String {
    if number == 1 {
        "index.html".to_owned()
    } else {
        format!("pages/{number}.html")
    }
}

/// The gallery's title; the folder's name if it has none.
pub fn title_of<'a>(gallery: &'a Gallery, folder_name: &'a str) -> &'a str {
    gallery
        .title
        .as_deref()
        .filter(|title| !title.trim().is_empty())
        .unwrap_or(folder_name)
}
