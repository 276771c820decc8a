//! Every kernel of this processor on one thread: GFLOP/s of the micro-kernel alone and of whole products, and what
//! part that is of the peak of its instructions, measured in turn in the same rounds. Options: `amx` or `int8`, say, or
//! both, to measure no others. The crates that others build on follow, by the same peak's side.

// Only what products need is used.
#![allow(dead_code, unused_imports)]

use std::hint::black_box;
use std::time::Instant;

#[path = "../../../crates/clip/src/kernels/mod.rs"]
mod kernels;
mod peers;

use kernels::{Activation, Kernels, Operand, Precision, Then, Weights};

/// Stands for the crate's own.
#[derive(Debug)]
pub enum Error {
    Kernels { reason: String },
}

/// Tokens of a chunk, as the towers cut batches.
const ROWS: usize = 256;
/// Outputs and inputs of layers of ViT-B-32 and ViT-L-14.
const SHAPES: [[usize; 2]; 4] = [[768, 768], [3072, 768], [768, 3072], [4096, 1024]];
const TURNS: usize = 9;

fn main() {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.expect("a thread");
    print!(
        "{:10} {:4}  {:12} {:>7} {:>12}",
        "kernels", "type", "instructions", "peak", "tile"
    );
    for [outputs, inputs] in SHAPES {
        print!(" {:>13}", format!("{inputs}->{outputs}"));
    }
    println!("   with GELU  (GFLOP/s; % of the peak)");
    let wants = |names: [&str; 2]| options.iter().all(|option| names.contains(&&**option));
    let mut seen = Vec::new();
    for kernels in Kernels::all() {
        for precision in Precision::ALL {
            let [name, instructions] = kernels.names(precision);
            if wants([name, precision.name()]) && !seen.contains(&(instructions, precision)) {
                seen.push((instructions, precision));
                pool.install(|| measure(&kernels, precision));
            }
        }
    }
    for peer in &peers::PEERS {
        if wants([peer.name, peer.values]) {
            pool.install(|| measure_peer(peer));
        }
    }
}

fn measure_peer(peer: &peers::Peer) {
    print!(
        "{:10} {:4}  {:12} {:>7} {:>12}",
        peer.name, peer.values, "", "", ""
    );
    for [outputs, inputs] in SHAPES {
        let mut product = (peer.product)([ROWS, outputs, inputs]);
        let mut run = || Some(repeated([outputs, inputs], &mut product));
        let speeds = (0..TURNS).filter_map(|_| speed(&mut run)).collect();
        print!(" {:>13}", format!("{:.0}", median(speeds)));
    }
    println!();
}

/// A few milliseconds of a product. Returns how many operations that were.
fn repeated([outputs, inputs]: [usize; 2], mut product: impl FnMut()) -> f64 {
    let operations = 2 * ROWS * outputs * inputs;
    let times = (4_000_000_000 / operations).max(1);
    (0..times).for_each(|_| product());
    (operations * times) as f64
}

fn measure(kernels: &Kernels, precision: Precision) {
    let [name, instructions] = kernels.names(precision);
    let mut products: Vec<Product> = SHAPES
        .iter()
        .map(|shape| Product::new(kernels, *shape, precision, Then::Store))
        .collect();
    let gelu = Then::Activate(Activation::Gelu);
    products.push(Product::new(kernels, SHAPES[1], precision, gelu));
    let (mut peaks, mut tiles) = (Vec::new(), Vec::new());
    let mut speeds = vec![Vec::new(); products.len()];
    for _ in 0..TURNS {
        peaks.extend(speed(|| kernels.run_peak(precision)));
        tiles.extend(speed(|| Some(kernels.run_tiles(precision))));
        for (product, speeds) in products.iter_mut().zip(&mut speeds) {
            speeds.extend(speed(|| Some(product.run(kernels))));
        }
    }
    let peak = (!peaks.is_empty()).then(|| median(peaks));
    let cell = |speeds: Vec<f64>| {
        let speed = median(speeds);
        let part = peak.map(|peak| format!(" ({:2.0}%)", 100.0 * speed / peak));
        format!("{speed:.0}{}", part.unwrap_or_default())
    };
    let shown = peak.map_or("-".into(), |peak| format!("{peak:.0}"));
    print!(
        "{name:10} {:4}  {instructions:12} {shown:>7} {:>12}",
        precision.name(),
        cell(tiles)
    );
    for speeds in speeds {
        print!(" {:>13}", cell(speeds));
    }
    println!();
}

/// 10^9 operations a second; `work` returns how many it did.
fn speed(mut work: impl FnMut() -> Option<f64>) -> Option<f64> {
    let start = Instant::now();
    let operations = work()?;
    Some(operations / start.elapsed().as_secs_f64() / 1e9)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A layer and what goes through it.
struct Product {
    weights: Weights,
    x: Operand,
    then: Then,
    out: Vec<f32>,
}

impl Product {
    fn new(kernels: &Kernels, shape: [usize; 2], precision: Precision, then: Then) -> Self {
        let [outputs, inputs] = shape;
        let mut seed = 1u32;
        let mut noise = |count: usize| -> Vec<f32> {
            let next = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                f32::from((seed >> 16) as u16) / 32_768.0 - 1.0
            };
            std::iter::repeat_with(next).take(count).collect()
        };
        let mut x = Operand::EMPTY;
        x.set(kernels, &noise(ROWS * inputs), inputs, None, precision);
        Self {
            weights: Weights::new(&noise(outputs * inputs), None, shape, precision),
            x,
            then,
            out: vec![0.0; ROWS * outputs],
        }
    }

    /// See [`repeated`].
    fn run(&mut self, kernels: &Kernels) -> f64 {
        repeated([self.weights.outputs(), self.weights.inputs()], || {
            self.weights
                .multiply(kernels, &self.x, self.then, &mut self.out);
            black_box(&mut self.out);
        })
    }
}
