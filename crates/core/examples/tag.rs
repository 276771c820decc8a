//! Tags the folder named on the command line with the built-in categories, and prints the tags.
//!
//!     cargo run --release -p phototag-core --example tag -- examples/photos

use phototag_core::{Collection, Place, progress};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("name a photo folder")?;
    let (mut collection, warnings) = Collection::open(Place::of(folder))?;
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    let embedded = collection.embed(&mut progress::unwatched)?;
    let scored = collection.scores(&embedded)?;
    let (decider, _) = collection.decider(&scored, false)?;
    for (key, tags) in collection.named(&scored.tags(&decider)) {
        println!("{key}: {}", tags.into_iter().collect::<Vec<_>>().join(", "));
    }
    Ok(())
}
