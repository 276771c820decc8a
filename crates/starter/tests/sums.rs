//! The committed model is the one that `models/starter` made.

use std::path::Path;

use sha2::{Digest, Sha256};

#[test]
fn files_are_those_whose_sums_were_committed() {
    let sums = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/starter/SHA256SUMS");
    let sums = std::fs::read_to_string(sums).unwrap();
    let mut checked = 0;
    for (name, bytes) in phototag_starter::FILES {
        let sum: String = Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let line = sums.lines().find(|line| line.trim_end().ends_with(name));
        assert!(
            line.is_some_and(|line| line.starts_with(&sum)),
            "{name}: its sum is {sum}"
        );
        checked += 1;
    }
    assert_eq!(checked, sums.lines().count(), "every sum belongs to a file");
}
