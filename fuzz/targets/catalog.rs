//! Any text as phototag.toml; what `tune` writes into a valid one is valid too.

#![no_main]

use phototag_core::catalog::{Catalog, edit};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(catalog) = Catalog::parse(text, "phototag.toml") else {
        return;
    };
    let _ = catalog.fingerprint();
    let thresholds: Vec<(&str, f64)> = catalog
        .categories()
        .map(|(_, category)| (category.id.as_str(), 0.25))
        .collect();
    let tuned = edit::with_thresholds(text, &thresholds).expect("editable");
    let tuned = Catalog::parse(&tuned, "phototag.toml").expect("valid after tuning");
    assert_eq!(tuned.len(), catalog.len());
});
