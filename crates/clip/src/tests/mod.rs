//! The crate against the Python libraries, on the fixtures that tests/fixtures/make.py made.

mod architectures;
mod bad_files;
mod forms;
mod models;
mod packed;
mod pixels;
mod stages;
mod strings;

use std::path::PathBuf;

use crate::towers::Arithmetic;
use phototag_kernels::{Kernels, Precision};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn json<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let text = std::fs::read_to_string(fixture(name)).expect("the fixture is there");
    serde_json::from_str(&text).expect("the fixture is JSON")
}

fn picture(name: &str) -> crate::Pixels {
    let rgb = image::open(fixture(name))
        .expect("the fixture is a picture")
        .into_rgb8();
    crate::Pixels::new(rgb.width(), rgb.height(), rgb.into_raw()).expect("not empty")
}

pub(crate) fn exact() -> Arithmetic {
    Arithmetic {
        kernels: Kernels::chosen().expect("this processor's"),
        precision: Precision::F32,
    }
}
