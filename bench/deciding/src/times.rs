//! How long learning and searching take, on vectors made at random.

use phototag_core::index::{Index, News, Vector};
use phototag_core::learn;
use phototag_core::paths::Stamp;
use phototag_core::photo::ContentHash;
use phototag_core::vectors::dot;

/// A unit vector at random.
fn direction(random: &mut fastrand::Rng, dimensions: usize) -> Vec<f32> {
    let mut vector: Vec<f32> = (0..dimensions).map(|_| random.f32() - 0.5).collect();
    let length = dot(&vector, &vector).sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

pub fn learning() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut photos = |n: usize, labelled: bool| -> Vec<learn::Example> {
        (0..n)
            .map(|_| {
                let vector = direction(&mut random, 1024);
                let truth: Vec<bool> = vector[..11].iter().map(|x| *x > 0.035).collect();
                let scores = truth
                    .iter()
                    .map(|t| 0.01 * random.f32() + if *t { 0.005 } else { 0.0 })
                    .collect();
                learn::Example {
                    vector,
                    scores,
                    truth: truth.into_iter().map(|t| labelled.then_some(t)).collect(),
                    is_sampled: labelled,
                }
            })
            .collect()
    };
    let (labelled, others) = (photos(500, true), photos(2000, false));
    let started = std::time::Instant::now();
    let outcomes = learn::learn(&labelled, &others);
    println!("{} categories in {:?}", outcomes.len(), started.elapsed());
}

pub fn searching() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("index.sqlite");
    let (mut index, _) = Index::open(&path, folder.path()).expect("a new index");
    let mut random = fastrand::Rng::with_seed(1);
    for at in 0..10_000_u32 {
        let hash = ContentHash::of(&at.to_le_bytes());
        let stamp = Stamp {
            size: 1,
            modified: 1,
        };
        let vector = Vector(direction(&mut random, 1024));
        index
            .store(&[
                News::File {
                    path: folder.path().join(format!("{at}.jpg")),
                    stamp,
                    content: Some(hash),
                },
                News::Vector {
                    model: "m".into(),
                    hash,
                    vector,
                },
            ])
            .expect("kept");
    }
    let query = direction(&mut random, 1024);
    let started = std::time::Instant::now();
    let (index, _) = Index::open(&path, folder.path()).expect("the index");
    let mut scores = Vec::new();
    index
        .each_vector("m", |path, vector| scores.push((dot(vector, &query), path)))
        .expect("read");
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("{} photos in {:?}", scores.len(), started.elapsed());
}
