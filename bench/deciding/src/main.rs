//! The figures of docs/decisions.md, from held-out vectors and scores that `held_out.py` writes:
//!
//! ```text
//! cargo run --release -p phototag-bench-deciding -- HELD_OUT.json [TABLE...]
//! ```
//!
//! TABLE is one or more of ambiguity, learning, own, spot-check; `times` needs no file.

#![expect(
    clippy::expect_used,
    reason = "a measurement that cannot go on has failed"
)]

mod ambiguity;
mod held_out;
mod learning;
mod spot_check;
mod times;

use held_out::HeldOut;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["times"] {
        times::learning();
        times::searching();
        return;
    }
    let Some((path, tables)) = arguments.split_first() else {
        eprintln!(
            "usage: deciding HELD_OUT.json [ambiguity|learning|own|spot-check...], or: deciding times"
        );
        std::process::exit(2);
    };
    let held_out = HeldOut::open(path);
    let wanted = |table: &str| tables.is_empty() || tables.iter().any(|name| name == table);
    if wanted("ambiguity") {
        ambiguity::ambiguity(&held_out);
    }
    if wanted("learning") {
        learning::learning_curve(&held_out);
    }
    if wanted("own") {
        learning::own_category(&held_out);
    }
    if wanted("spot-check") {
        spot_check::spot_check(&held_out);
    }
}
