//! categories.json: what a page needs of the catalog to draw its buttons.

use serde::{Deserialize, Serialize};

use phototag_core::catalog::Catalog;

/// One button. `order` is its place in the catalog.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Button {
    pub id: String,
    pub label: String,
    pub emoji: String,
    pub order: usize,
}

/// The catalog's buttons, in its order.
pub fn of(catalog: &Catalog) -> Vec<Button> {
    let categories = catalog.categories();
    categories
        .map(|(id, category)| Button {
            id: category.id.clone(),
            label: category.label.clone(),
            emoji: category.emoji.clone(),
            order: id.index(),
        })
        .collect()
}
