//! Every kernel of this processor on one thread, in GFLOP/s and in percent of the peak of its instructions: the
//! micro-kernel by itself, and whole products. All are measured in turn, in the same rounds. With the feature `peers`,
//! products by established crates follow. `cargo bench -p phototag-kernels -- amx int8` measures these kernels and this
//! precision only.

mod peak;
#[cfg(feature = "peers")]
mod peers;

use std::hint::black_box;
use std::time::Instant;

use phototag_kernels::{Activation, Epilogue, Kernels, Operand, Precision, Weights};

/// Rows per product: the tokens of the chunks that towers cut batches into.
const ROWS: usize = 256;
/// Outputs and inputs of the layers of ViT-B-32 and ViT-L-14.
const SHAPES: [[usize; 2]; 4] = [[768, 768], [3072, 768], [768, 3072], [4096, 1024]];
const TURNS: usize = 9;
/// Tiles per turn.
const TILES: usize = 2000;

fn main() {
    // Cargo adds `--bench`.
    let options = std::env::args()
        .skip(1)
        .filter(|option| option != "--bench");
    let options: Vec<String> = options.collect();
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
            let [name, instructions] = [kernels.name(), kernels.instructions(precision)];
            if wants([name, precision.name()]) && !seen.contains(&(instructions, precision)) {
                seen.push((instructions, precision));
                pool.install(|| measure(&kernels, precision));
            }
        }
    }
    #[cfg(feature = "peers")]
    for peer in &peers::PEERS {
        if wants([peer.name, peer.values]) {
            pool.install(|| measure_peer(peer));
        }
    }
}

#[cfg(feature = "peers")]
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

/// Repeats a product for a few milliseconds. Returns the number of operations.
fn repeated([outputs, inputs]: [usize; 2], mut product: impl FnMut()) -> f64 {
    let operations = 2 * ROWS * outputs * inputs;
    let times = (4_000_000_000 / operations).max(1);
    (0..times).for_each(|_| product());
    (operations * times) as f64
}

fn measure(kernels: &Kernels, precision: Precision) {
    let [name, instructions] = [kernels.name(), kernels.instructions(precision)];
    let mut products: Vec<Product> = SHAPES
        .iter()
        .map(|shape| Product::new(kernels, *shape, precision, Epilogue::Store))
        .collect();
    let gelu = Epilogue::Activate(Activation::Gelu);
    products.push(Product::new(kernels, SHAPES[1], precision, gelu));
    let (mut peaks, mut tiles) = (Vec::new(), Vec::new());
    let mut speeds = vec![Vec::new(); products.len()];
    for _ in 0..TURNS {
        peaks.extend(speed(|| peak::run(kernels, precision)));
        tiles.extend(speed(|| Some(kernels.repeat_tile(precision, TILES))));
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

/// 10^9 operations per second; `work` returns how many it did.
fn speed(mut work: impl FnMut() -> Option<f64>) -> Option<f64> {
    let start = Instant::now();
    let operations = work()?;
    Some(operations / start.elapsed().as_secs_f64() / 1e9)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A layer, its input and its output.
struct Product {
    weights: Weights,
    x: Operand,
    epilogue: Epilogue,
    out: Vec<f32>,
}

impl Product {
    fn new(kernels: &Kernels, shape: [usize; 2], precision: Precision, epilogue: Epilogue) -> Self {
        let [outputs, inputs] = shape;
        let mut seed = 1u32;
        let mut noise = |count: usize| -> Vec<f32> {
            let next = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                f32::from((seed >> 16) as u16) / 32_768.0 - 1.0
            };
            std::iter::repeat_with(next).take(count).collect()
        };
        let mut x = Operand::default();
        x.set(kernels, &noise(ROWS * inputs), inputs, None, precision);
        Self {
            weights: Weights::new(&noise(outputs * inputs), None, shape, precision),
            x,
            epilogue,
            out: vec![0.0; ROWS * outputs],
        }
    }

    /// See [`repeated`].
    fn run(&mut self, kernels: &Kernels) -> f64 {
        repeated([self.weights.outputs(), self.weights.inputs()], || {
            self.weights
                .multiply(kernels, &self.x, self.epilogue, &mut self.out);
            black_box(&mut self.out);
        })
    }
}
