//! Logistic regression with an L2 penalty, solved through the examples' inner products.
//!
//! There are far fewer examples than dimensions, so the weights are sought as a combination of the
//! examples (`w = sum alpha_i x_i`), by Newton's method; each step is solved by conjugate gradients,
//! which costs a few products with the Gram matrix. The objective is convex, so where it starts does
//! not matter.

use crate::vectors::sum_of_products;

/// Inner products of examples, `[n][n]`, symmetric.
pub struct Gram {
    pub n: usize,
    pub values: Vec<f64>,
}

/// What is fitted.
pub struct Examples<'a> {
    pub gram: &'a Gram,
    /// Added to every inner product: the square of a constant input.
    pub bias: f64,
    /// The examples' places in the Gram matrix.
    pub rows: &'a [usize],
    pub positive: &'a [bool],
    pub weight: &'a [f64],
    /// The part of each example's score that is given.
    pub offset: &'a [f64],
}

const NEWTON_STEPS: usize = 50;
const CONJUGATE_STEPS: usize = 200;
/// The fit is done when a step gains less than this share of the objective.
const ENOUGH: f64 = 1e-10;

/// The coefficient of each example at the minimum of
/// `sum weight_i log(1 + exp(-y_i (offset_i + f_i))) + penalty / 2 |w|^2`.
pub fn fit(examples: &Examples, penalty: f64) -> Vec<f64> {
    let n = examples.rows.len();
    let gram = examples.dense();
    let multiply =
        |v: &[f64]| -> Vec<f64> { (0..n).map(|i| dot(&gram[i * n..(i + 1) * n], v)).collect() };
    let mut alpha = vec![0.0; n];
    let mut f = vec![0.0; n];
    let mut objective = examples.objective(&f, &alpha, penalty);
    for _ in 0..NEWTON_STEPS {
        // Newton: alpha' = R (R K R + penalty)^-1 R t, with R the root of the curvature.
        let mut root = vec![0.0; n];
        let mut wanted = vec![0.0; n];
        for i in 0..n {
            let y = if examples.positive[i] { 1.0 } else { -1.0 };
            let miss = 1.0 / (1.0 + (y * (examples.offset[i] + f[i])).exp());
            root[i] = (examples.weight[i] * (miss * (1.0 - miss)).max(1e-8)).sqrt();
            wanted[i] = root[i] * f[i] + examples.weight[i] * y * miss / root[i];
        }
        let solved = conjugate_gradients(
            |v| {
                let scaled: Vec<f64> = v.iter().zip(&root).map(|(v, r)| v * r).collect();
                let product = multiply(&scaled);
                (0..n)
                    .map(|i| root[i] * product[i] + penalty * v[i])
                    .collect()
            },
            &wanted,
        );
        let step: Vec<f64> = (0..n).map(|i| root[i] * solved[i] - alpha[i]).collect();
        let step_f = multiply(&step);
        let mut length = 1.0;
        let gained = loop {
            let along = |from: &[f64], step: &[f64]| -> Vec<f64> {
                from.iter().zip(step).map(|(x, s)| x + length * s).collect()
            };
            let (next, next_f) = (along(&alpha, &step), along(&f, &step_f));
            let found = examples.objective(&next_f, &next, penalty);
            if found < objective {
                let gained = objective - found;
                (alpha, f, objective) = (next, next_f, found);
                break gained;
            }
            length /= 2.0;
            if length < 1e-6 {
                break 0.0;
            }
        };
        if gained <= ENOUGH * objective.abs() {
            break;
        }
    }
    alpha
}

impl Examples<'_> {
    fn dense(&self) -> Vec<f64> {
        let mut dense = Vec::with_capacity(self.rows.len().pow(2));
        for &i in self.rows {
            let row = &self.gram.values[i * self.gram.n..(i + 1) * self.gram.n];
            dense.extend(self.rows.iter().map(|&j| row[j] + self.bias));
        }
        dense
    }

    fn objective(&self, f: &[f64], alpha: &[f64], penalty: f64) -> f64 {
        let loss: f64 = f
            .iter()
            .zip(self.offset)
            .zip(self.positive)
            .zip(self.weight)
            .map(|(((f, offset), positive), weight)| {
                let f = offset + f;
                let margin = if *positive { f } else { -f };
                weight * ((-margin.abs()).exp().ln_1p() + (-margin).max(0.0))
            })
            .sum();
        loss + penalty / 2.0 * dot(alpha, f)
    }
}

/// Solves `matrix(x) = wanted` for a symmetric positive definite matrix.
fn conjugate_gradients(matrix: impl Fn(&[f64]) -> Vec<f64>, wanted: &[f64]) -> Vec<f64> {
    let mut x = vec![0.0; wanted.len()];
    let mut rest = wanted.to_vec();
    let mut direction = rest.clone();
    let mut size = dot(&rest, &rest);
    let small = size * 1e-16;
    for _ in 0..CONJUGATE_STEPS {
        if size <= small {
            break;
        }
        let product = matrix(&direction);
        let step = size / dot(&direction, &product);
        for i in 0..x.len() {
            x[i] += step * direction[i];
            rest[i] -= step * product[i];
        }
        let next = dot(&rest, &rest);
        for i in 0..x.len() {
            direction[i] = rest[i] + next / size * direction[i];
        }
        size = next;
    }
    x
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    sum_of_products::<f64, 4>(a, b)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Fixtures {
        logistic: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        x: Vec<Vec<f64>>,
        y: Vec<bool>,
        weight: Vec<f64>,
        penalty: f64,
        coefficients: Vec<f64>,
    }

    #[test]
    fn the_optimum_is_scikit_learns() {
        let text = include_str!("../../tests/statistics/scikit-learn.json");
        let fixtures: Fixtures = serde_json::from_str(text).unwrap();
        assert_eq!(fixtures.logistic.len(), 3);
        for case in fixtures.logistic {
            let n = case.x.len();
            let values = case
                .x
                .iter()
                .flat_map(|a| case.x.iter().map(|b| dot(a, b)))
                .collect();
            let gram = Gram { n, values };
            let rows: Vec<usize> = (0..n).collect();
            let examples = Examples {
                gram: &gram,
                rows: &rows,
                positive: &case.y,
                weight: &case.weight,
                bias: 0.0,
                offset: &vec![0.0; n],
            };
            let alpha = fit(&examples, case.penalty);
            for (at, expected) in case.coefficients.iter().enumerate() {
                let found: f64 = alpha.iter().zip(&case.x).map(|(a, x)| a * x[at]).sum();
                assert!((found - expected).abs() < 1e-4, "{at}: {found} {expected}");
            }
        }
    }

    #[test]
    fn one_class_alone_has_an_optimum_too() {
        let gram = Gram {
            n: 2,
            values: vec![1.0, 0.0, 0.0, 1.0],
        };
        let examples = Examples {
            gram: &gram,
            rows: &[0, 1],
            positive: &[true, true],
            weight: &[1.0, 1.0],
            bias: 0.0,
            offset: &[0.0, 0.0],
        };
        let alpha = fit(&examples, 1.0);
        assert!(alpha.iter().all(|a| a.is_finite() && *a > 0.0), "{alpha:?}");
    }
}
